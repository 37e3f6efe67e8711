// Which outputs warn that their key travels in the clear.

import { expect, it } from 'vitest';
import { clearTextWarnings } from '../../src/config/clear-text.ts';
import { parseConfig } from '../../src/config.ts';

const warned = (lines: string) => clearTextWarnings(parseConfig(`[outputs.o]\n${lines}`, 'test').outputs);
const KAFKA = 'type = "kafka"\nusername = "u"\npassword_file = "p"\nmechanism = "plain"\n';

it.each<[string, string, string, string]>([
  ['type = "elasticsearch"\nurl = "http://es:9200"\napi_key_file = "k"', 'API key', 'es', 'https://'],
  ['type = "elasticsearch"\nurl = "http://es"\nusername = "u"\npassword_file = "k"', 'password', 'es', 'https://'],
  ['type = "hub"\nurl = "http://[2001:db8::1]:7443"\ntoken_file = "k"', 'token', '[2001:db8::1]', 'https://'],
  [
    'type = "otlp"\nurl = "http://127.0.0.1.example.org/v1/logs"\ntoken_file = "k"',
    'token',
    '127.0.0.1.example.org',
    'https://',
  ],
  [`${KAFKA}tls = false\nbrokers = ["127.0.0.1:9092", "far:9092"]`, 'password', 'far', 'tls = true'],
])('%s: warned of', (lines, secret, host, remedy) => {
  expect(warned(lines)).toEqual([
    `output o: its ${secret} goes to ${host} in the clear, for anybody on the way to read: take ${remedy}`,
  ]);
});

it.each([
  ['type = "elasticsearch"\nurl = "https://es:9200"\napi_key_file = "k"'],
  ['type = "elasticsearch"\nurl = "http://es:9200"'],
  ...['localhost:1', 'es.localhost', '127.0.0.1:9200', '127.1', '[::1]:9200'].map((host) => [
    `type = "hub"\nurl = "http://${host}"\ntoken_file = "k"`,
  ]),
  [`${KAFKA}brokers = ["far:9092"]`],
  [`${KAFKA}tls = false\nbrokers = ["localhost:9092", "::1:9092", "[::1]:9092"]`],
  [`${KAFKA.replace('plain', 'scram-sha-256')}tls = false\nbrokers = ["far:9092"]`],
  ['type = "syslog"\naddress = "far:514"\ntls = false'],
])('%s: not', (lines) => expect(warned(lines)).toEqual([]));
