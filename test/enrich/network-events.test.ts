import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/ecs/event.ts';
import type { NetworkRecord } from '../../src/sensor/record.ts';
import { FakeHost } from './fake-host.ts';

const get = (event: EcsEvent | undefined, ...names: string[]) => names.map((name) => event?.get(name));

/** root: 200, curl. */
function host(): FakeHost {
  const fake = new FakeHost();
  fake.task(1);
  fake.fork(1, 200);
  fake.exec(200, '/usr/bin/curl', ['curl', 'http://192.0.2.7/']);
  return fake;
}

function record(fake: FakeHost, over: Partial<NetworkRecord>): NetworkRecord {
  return {
    kind: 'network',
    bootNs: fake.step(),
    task: fake.state(200),
    truncated: [],
    unreadable: [],
    operation: 'connection_attempted',
    direction: 'egress',
    tid: 200,
    family: 'ipv4',
    localAddress: '10.0.0.5',
    localPort: 40_000,
    remoteAddress: '192.0.2.7',
    remotePort: 80,
    cookie: 0xabcn,
    sent: 0n,
    received: 0n,
    result: 0,
    ...over,
  };
}

const ENDS = ['source.ip', 'source.port', 'destination.ip', 'destination.port', 'network.direction'];

describe('an event of a connection', () => {
  const fake = host();
  const event = fake.enricher.enrich(record(fake, { result: -111 }));

  it('says what happened and where such events belong', () => {
    expect(get(event, 'event.action', 'event.category', 'event.type', 'event.dataset', 'data_stream.dataset')).toEqual([
      'connection_attempted',
      ['network'],
      ['start'],
      'endpoint.events.network',
      'endpoint.events.network',
    ]);
    expect(get(event, 'network.transport', 'network.type', 'forebear.connection.id')).toEqual(['tcp', 'ipv4', 'abc']);
  });

  it('says what came of an attempt', () => {
    const results = [0, -111, -115, -110].map((result) => {
      const attempt = fake.enricher.enrich(record(fake, { result }));
      return attempt?.get('forebear.connection.result');
    });
    expect(results).toEqual(['established', 'ECONNREFUSED', 'EINPROGRESS', 'ETIMEDOUT']);
  });

  it('has its process with its whole lineage', () => {
    expect(get(event, 'process.name', 'process.args', 'process.parent.pid', 'process.entity_id')).toEqual([
      'curl',
      ['curl', 'http://192.0.2.7/'],
      1,
      expect.any(String),
    ]);
  });
});

// direction; source, its port, destination, its port, network.direction
it.each<[NetworkRecord['direction'], unknown[]]>([
  ['egress', ['10.0.0.5', 40_000, '192.0.2.7', 80, 'egress']],
  ['ingress', ['192.0.2.7', 80, '10.0.0.5', 40_000, 'ingress']],
  ['unknown', ['10.0.0.5', 40_000, '192.0.2.7', 80, undefined]],
])('source of %s is who began it', (direction, ends) => {
  const fake = host();
  expect(get(fake.enricher.enrich(record(fake, { direction })), ...ENDS)).toEqual(ends);
});

it.each<[NetworkRecord['direction'], number[]]>([
  ['egress', [7, 900]],
  ['ingress', [900, 7]],
])('bytes of an end, %s: what the source sent and what it got', (direction, bytes) => {
  const fake = host();
  const over = { operation: 'disconnect_received', direction, sent: 7n, received: 900n } as const;
  const event = fake.enricher.enrich(record(fake, over));
  expect(get(event, 'event.type', 'source.bytes', 'destination.bytes', 'network.bytes')).toEqual([
    ['end'],
    ...bytes,
    907,
  ]);
  expect(event?.get('forebear.connection.result')).toBeUndefined();
});

it('is of the process as it is known, though the record has it as it was when the connection began', () => {
  const fake = host();
  const early = fake.state(200);
  fake.exec(200, '/usr/bin/sh', ['sh', '-i']);
  const event = fake.enricher.enrich(record(fake, { operation: 'disconnect_received', task: { ...early, euid: 77 } }));
  expect(get(event, 'process.name', 'process.user.id')).toEqual(['sh', '0']);
  expect(fake.enricher.enrich(record(fake, {}))?.get('process.user.id')).toBe('0');
});

it('of a process that nobody knows has what the kernel says of it', () => {
  const fake = host();
  const stranger = { ...fake.state(200), tgid: 4000, startNs: 5n, comm: 'odd' };
  const event = fake.enricher.enrich(record(fake, { task: stranger }));
  expect(get(event, 'process.pid', 'process.name', 'destination.ip')).toEqual([4000, 'odd', '192.0.2.7']);
});

it('the end of a connection of a process that is gone brings no process back', () => {
  const fake = host();
  const { count } = fake.enricher.processes;
  const gone = { ...fake.state(200), tgid: 4000, startNs: 5n };
  fake.enricher.enrich(record(fake, { operation: 'disconnect_received', task: gone }));
  expect(fake.enricher.processes.count).toBe(count);
  expect(fake.counters.get('enrich_forks_missed_total')).toBe(0);
});

it('of an attempt that failed before a port was chosen has none', () => {
  const fake = host();
  expect(get(fake.enricher.enrich(record(fake, { localPort: 0 })), ...ENDS)).toEqual([
    '10.0.0.5',
    undefined,
    '192.0.2.7',
    80,
    'egress',
  ]);
});

it('of a lookup has the question, and what it came to', () => {
  const fake = host();
  // 7 1.org A: NOERROR, 192.0.2.9
  const message = Buffer.from('0007818000010001000000000131036f72670000010001c00c000100010000003c0004c0000209', 'hex');
  const over = {
    operation: 'lookup_result',
    localAddress: '0.0.0.0',
    remoteAddress: '10.0.0.1',
    remotePort: 53,
    message,
  } as const;
  const event = fake.enricher.enrich(record(fake, over));
  expect(get(event, 'event.category', 'event.action', 'network.protocol', 'network.transport', 'source.ip')).toEqual([
    ['network', 'dns'],
    'lookup_result',
    'dns',
    'udp',
    undefined,
  ]);
  expect(get(event, 'dns.question.name', 'dns.question.type', 'dns.resolved_ip', 'dns.response_code')).toEqual([
    '1.org',
    'A',
    ['192.0.2.9'],
    'NOERROR',
  ]);
  expect(get(event, 'destination.ip', 'process.name', 'forebear.connection.id')).toEqual([
    '10.0.0.1',
    'curl',
    undefined,
  ]);
  expect(
    fake.enricher.enrich(record(fake, { ...over, message: message.subarray(0, 9) }))?.get('dns.question.name'),
  ).toBeUndefined();
  const cut = fake.enricher.enrich(record(fake, { ...over, truncated: ['message'] }));
  expect(cut?.get('forebear.truncated')).toEqual(['dns.resolved_ip']);
});
