// The transport against a server of the test's own: what it takes for an answer, what it breaks off, and who is to mend it.

import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HttpSettings } from '../../src/config/outputs.ts';
import { readSecret } from '../../src/ship/key-files-io.ts';
import { parseRetryAfter } from '../../src/ship/retry-after.ts';
import { type HttpAccess, UndiciTransport } from '../../src/ship/transport-http.ts';
import { freePort, makeCertificates, missing, Program } from './real/programs.ts';

const NEVER = new AbortController().signal;
const lacking = missing('openssl');
let base: string;
let server: Server;
let port: number;
let handle: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-transport-'));
  if (lacking === undefined) makeCertificates(base);
});
afterAll(() => rmSync(base, { recursive: true }));

const file = (name: string) => join(base, name);
const keysOf = (name: string) => ({ key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.crt`)) });

beforeEach(async (ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
  handle = (_request, response) => response.end('fine');
  server = createServer({
    ...keysOf('server'),
    ca: readFileSync(file('ca.crt')),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('request', (request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

function transport(more: Partial<HttpSettings & { timeout: number }> = {}, access?: HttpAccess): UndiciTransport {
  const none = { ca_file: file('ca.crt'), fingerprint: null, cert_file: null, key_file: null, server_name: null };
  return new UndiciTransport({ ...none, url: `https://127.0.0.1:${port}`, gzip: true, timeout: 2000, ...more }, access);
}

async function post(client: UndiciTransport, body = '{}', path = '/x') {
  try {
    return await client.request({ method: 'POST', path, body: Buffer.from(body) }, NEVER);
  } finally {
    await client.close();
  }
}

describe('an answer', () => {
  it('comes with status, type, body and Retry-After', async () => {
    handle = (_request, response) => {
      response.writeHead(429, { 'content-type': 'Text/HTML; charset=utf-8', 'retry-after': '7' }).end('<html>');
    };
    expect(await post(transport())).toMatchObject({
      ...{ is: 'answer', status: 429, contentType: 'text/html', retryAfterMs: 7000, body: Buffer.from('<html>') },
    });
  });

  it('that leads elsewhere is not followed', async () => {
    handle = (_request, response) => response.writeHead(307, { location: '/y' }).end();
    expect(await post(transport())).toMatchObject({ is: 'answer', status: 307 });
  });

  it('is to a request below the path of the URL, gzipped when that is worth it, with its authorization', async () => {
    const seen: unknown[] = [];
    handle = (request, response) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const { url, headers } = request;
          const body = Buffer.concat(chunks);
          const zipped = headers['content-encoding'] === 'gzip';
          seen.push([url, headers.authorization, zipped, (zipped ? gunzipSync(body) : body).length]);
          response.end();
        });
    };
    writeFileSync(file('token'), 'secret\n');
    const access = { authorization: () => `Bearer ${readSecret(file('token'))}`, files: [file('token')] };
    await post(transport({ url: `https://127.0.0.1:${port}/base/` }, access), 'x'.repeat(5000));
    await post(transport({}, access), 'short');
    await post(transport({ gzip: false }, access), 'x'.repeat(5000), '');
    expect(seen).toEqual([
      ['/base/x', 'Bearer secret', true, 5000],
      ['/x', 'Bearer secret', false, 5],
      ['/', 'Bearer secret', false, 5000],
    ]);
  });
});

describe('no whole answer', () => {
  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ['reset', (request) => request.socket.destroy(), 'retry'],
    [
      'cut',
      (_r, response) => void response.writeHead(200, { 'content-length': '9' }).write('1', () => response.destroy()),
      'retry',
    ],
    ['never', () => {}, 'retry'],
    ['huge, of a known length', (_r, response) => response.end(Buffer.alloc(5 * 2 ** 20)), 'retry'],
    [
      'huge, in chunks',
      (_r, response) => void response.write(Buffer.alloc(5 * 2 ** 20), () => response.end()),
      'retry',
    ],
    ['no HTTP', (request) => void request.socket.end('hello\r\n'), 'retry'],
  ])('%s', async (_name, answer, verdict) => {
    handle = answer;
    expect(await post(transport({ timeout: 500 }))).toMatchObject({ is: 'broken', verdict });
  });

  it('nobody there', async () => {
    expect(await post(transport({ url: 'https://127.0.0.1:1' }))).toMatchObject({
      verdict: 'retry',
      code: 'ECONNREFUSED',
    });
  });

  it.each<[string, () => Partial<HttpSettings>, string]>([
    ['another authority', () => ({ ca_file: file('other.crt') }), 'SELF_SIGNED_CERT_IN_CHAIN'],
    ['no authority of ours', () => ({ ca_file: null }), 'SELF_SIGNED_CERT_IN_CHAIN'],
    ['another name', () => ({ server_name: 'elsewhere.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['another fingerprint', () => ({ fingerprint: 'ab'.repeat(32) }), 'ERR_TLS_CERT_FINGERPRINT'],
    ['a key that is not there', () => ({ cert_file: file('client.crt'), key_file: file('absent') }), 'FB_SHIP_KEY'],
    ['an authority that is not there', () => ({ ca_file: file('absent') }), 'FB_SHIP_KEY'],
  ])('to be mended by somebody: %s', async (_name, settings, code) => {
    expect(await post(transport(settings()))).toMatchObject({ is: 'broken', verdict: 'hold', code });
  });

  it('to be mended by somebody: an expired certificate of the server', async () => {
    server.setSecureContext(keysOf('expired'));
    expect(await post(transport())).toMatchObject({ verdict: 'hold', code: 'CERT_HAS_EXPIRED' });
  });

  // A server of Node hangs up without a word; openssl's sends the alert of TLS, as collectors and nginx do.
  it('to be mended by somebody: the server wants a certificate of ours', async () => {
    port = await freePort();
    const verify = ['-Verify', '1', '-verify_return_error', '-CAfile', file('ca.crt'), '-www', '-quiet'];
    const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', file('server.crt'), '-key', file('server.key')];
    const openssl = await Program.start('openssl', [...args, ...verify], port);
    try {
      expect(await post(transport())).toMatchObject({
        verdict: 'hold',
        code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      });
      const with_ = (name: string) => transport({ cert_file: file(`${name}.crt`), key_file: file(`${name}.key`) });
      expect(await post(with_('stranger'))).toMatchObject({ verdict: 'hold', code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' });
      expect(await post(with_('expired'))).toMatchObject({
        ...{ verdict: 'hold', code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' },
      });
    } finally {
      await openssl.stop();
    }
  });
});

describe('keys', () => {
  it('are read again when their files change', async () => {
    const names: unknown[] = [];
    handle = (request, response) => {
      names.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
      response.end();
    };
    const [cert_file, key_file] = [file('used.crt'), file('used.key')];
    const install = (name: string) => {
      copyFileSync(file(`${name}.crt`), cert_file);
      copyFileSync(file(`${name}.key`), key_file);
      utimesSync(cert_file, new Date(), new Date(Date.now() + names.length * 1000));
    };
    install('client');
    const client = transport({ cert_file, key_file });
    const ask = () => client.request({ method: 'GET', path: '/' }, NEVER);
    await ask();
    await ask();
    install('server');
    await ask();
    await client.close();
    expect(names).toEqual(['client', 'client', 'server']);
  });

  it('and a fingerprint that fits, on top of the chain', async () => {
    const { fingerprint256 } = new X509Certificate(readFileSync(file('server.crt')));
    expect(await post(transport({ fingerprint: fingerprint256 }))).toMatchObject({ is: 'answer', status: 200 });
  });
});

it.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['5', 5000],
  ['0', 0],
  ['99999999999', 3_600_000],
  ['-5', undefined],
  ['soon', undefined],
  ['Wed, 21 Oct 2015 07:28:00 GMT', 0],
  ['Fri, 15 Jan 2027 08:00:10 GMT', 10_000],
  ['Fri, 15 Jan 2099 08:00:10 GMT', 3_600_000],
  ['2027-01-15', undefined],
])('Retry-After: %s', (text, ms) => expect(parseRetryAfter(text, Date.UTC(2027, 0, 15, 8))).toBe(ms));
