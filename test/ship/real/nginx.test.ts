// OTLP through the real HTTP transport and a real nginx that behaves badly in a way per path, before an endpoint that takes
// everything: what a proxy's answers, HTML mostly, come to.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Output, Parcel } from '../../../src/ship/output.ts';
import { otlpOutput } from '../../../src/ship/outputs/otlp.ts';
import { UndiciTransport } from '../../../src/ship/transport-http.ts';
import { idOf, parcels } from '../outputs/parcels.ts';
import { freePort, makeCertificates, missing, Program, type Scratch, scratch } from './programs.ts';

const never = new AbortController().signal;
const lacking = missing('nginx', 'openssl');
const PROTOBUF = 'application/x-protobuf';

function configuration(ports: { plain: number; tls: number; upstream: number }): string {
  const upstream = `http://127.0.0.1:${ports.upstream}`;
  const answers = (status: number, header = '') => `location /${status}/ { ${header} return ${status}; }`;
  const later = (name: string, value: string) =>
    `location /later-${name}/ { add_header Retry-After "${value}" always; return 429; }`;
  return `daemon off; master_process off; pid nginx.pid; error_log error.log; ${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 100m;
  limit_req_zone $server_port zone=slow:32k rate=1r/m;
  server {
    listen 127.0.0.1:${ports.plain};
    listen 127.0.0.1:${ports.tls} ssl;
    ssl_certificate server.crt; ssl_certificate_key server.key;
    ssl_client_certificate ca.crt; ssl_verify_client optional;
    location /ok/ { proxy_pass ${upstream}/; }
    location /mtls/ { if ($ssl_client_verify != SUCCESS) { return 403; } proxy_pass ${upstream}/; }
    location /limited/ { limit_req zone=slow; limit_req_status 429; error_page 429 @later; proxy_pass ${upstream}/; }
    location @later { internal; add_header Retry-After 2 always; return 429; }
    location /small/ { client_max_body_size 2k; proxy_pass ${upstream}/; }
    location /impatient/ { proxy_pass ${upstream}/slow/; proxy_read_timeout 200ms; }
    location /dead/ { proxy_pass http://127.0.0.1:1/; }
    location /drop/ { return 444; }
    location /html/ { default_type text/html; return 200 "<html>Please log in</html>"; }
    location /empty/ { return 200; }
    location /elsewhere/ { return 307 ${upstream}/; }
    location /moved/ { return 301 ${upstream}/; }
    ${later('seconds', '7')} ${later('date', 'Wed, 21 Oct 2065 07:28:00 GMT')} ${later('past', 'Wed, 21 Oct 2015 07:28:00 GMT')}
    ${later('absurd', '86400000')} ${later('negative', '-5')} ${later('words', 'soon')} ${answers(429)}
    ${[400, 401, 403, 404, 405, 413, 415, 500, 502, 503, 504].map((status) => answers(status)).join(' ')}
  }
}`;
}

describe('a real nginx', () => {
  let files: Scratch;
  let proxy: Program;
  let upstream: Server;
  const received: Buffer[] = [];
  const made: Output[] = [];
  const ports = { plain: 0, tls: 0, upstream: 0 };
  const start = async () => {
    proxy = await Program.start('nginx', ['-p', files.path, '-c', 'nginx.conf', '-e', 'error.log'], ports.tls);
  };

  beforeAll(async () => {
    if (lacking !== undefined) return;
    files = scratch();
    makeCertificates(files.path);
    upstream = createServer(async (request, response) => {
      const body = await buffer(request);
      received.push(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      // The proxy goes away, having said 504: it was carried out all the same.
      if (request.url?.startsWith('/slow/') === true) return;
      response.writeHead(200, { 'content-type': PROTOBUF }).end(Buffer.from('0a00', 'hex'));
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    ports.upstream = (upstream.address() as { port: number }).port;
    [ports.plain, ports.tls] = [await freePort(), await freePort()];
    files.file('nginx.conf', configuration(ports));
    await start();
  });
  afterAll(async () => {
    upstream?.closeAllConnections();
    upstream?.close();
    await proxy?.stop();
    files?.[Symbol.dispose]();
  });
  beforeEach((ctx) => {
    if (lacking !== undefined) ctx.skip(lacking);
    received.length = 0;
  });
  afterEach(async () => {
    await Promise.all(made.splice(0).map((output) => output.close()));
  });

  function output(
    path: string,
    part: Partial<ConstructorParameters<typeof UndiciTransport>[0]> = {},
    tls = false,
  ): Output {
    const url = tls ? `https://localhost:${ports.tls}/${path}/` : `http://127.0.0.1:${ports.plain}/${path}/`;
    const settings = {
      ...{ url: `${url}v1/logs`, gzip: true, timeout: 5000, ca_file: null, fingerprint: null },
      ...{ cert_file: null, key_file: null, server_name: null },
      ...part,
    };
    const output = otlpOutput(new UndiciTransport(settings), '1.2.3');
    made.push(output);
    return output;
  }

  const certificate = (name: string) => ({ cert_file: files.file(`${name}.crt`), key_file: files.file(`${name}.key`) });
  const idsSeen = (from: number, to: number) => {
    const all = Buffer.concat(received).toString('latin1');
    return Array.from(
      { length: to - from + 1 },
      (_, i) => all.split(`log.record.uid\x12"\n ${idOf(from + i)}`).length - 1,
    );
  };

  it('lets a batch through, compressed', async () => {
    expect(await output('ok').send(parcels(20), never)).toEqual({ of: 'batch', verdict: { is: 'delivered' } });
    expect(idsSeen(1, 20)).toEqual(Array(20).fill(1));
  });

  it.each([
    ...[429, 502, 503, 504].map((status) => ({ path: String(status), is: 'retry' })),
    ...[400, 401, 403, 404, 405, 415, 500].map((status) => ({ path: String(status), is: 'hold' })),
    { path: '413', is: 'split' },
    { path: 'dead', is: 'retry' },
    { path: 'drop', is: 'retry' },
    { path: 'html', is: 'hold' },
    { path: 'empty', is: 'hold' },
    { path: 'elsewhere', is: 'hold' },
    { path: 'moved', is: 'hold' },
  ])('says by /$path/: $is', async ({ path, is }) => {
    const answer = await output(path).send(parcels(2), never);
    expect(answer).toMatchObject({ of: 'batch', verdict: { is, reason: expect.stringMatching(/^.{1,200}$/) } });
    // A redirect is not followed.
    expect(received).toEqual([]);
  });

  it.each([
    { path: 'later-seconds', afterMs: 7000 },
    { path: 'later-date', afterMs: 3_600_000 },
    { path: 'later-past', afterMs: 0 },
    { path: 'later-absurd', afterMs: 3_600_000 },
    { path: 'later-negative', afterMs: undefined },
    { path: 'later-words', afterMs: undefined },
  ])('is waited for as long as /$path/ says, within reason', async ({ path, afterMs }) => {
    const { verdict } = (await output(path).send(parcels(1), never)) as Extract<Answer, { of: 'batch' }>;
    expect(verdict).toMatchObject({ is: 'retry' });
    expect('afterMs' in verdict ? verdict.afterMs : undefined).toBe(afterMs);
  });

  it('limits the rate for real', async () => {
    const to = output('limited');
    expect(await to.send(parcels(1), never)).toMatchObject({ verdict: { is: 'delivered' } });
    expect(await to.send(parcels(1), never)).toMatchObject({ verdict: { is: 'retry', afterMs: 2000 } });
  });

  it('takes no body of more than 2 KiB: each alert goes through once when halves are sent', async () => {
    const to = output('small', { gzip: false });
    const deliver = async (batch: readonly Parcel[]): Promise<number> => {
      const { verdict } = (await to.send(batch, never)) as Extract<Answer, { of: 'batch' }>;
      if (verdict.is === 'delivered') return 1;
      expect(verdict.is).toBe('split');
      const half = Math.ceil(batch.length / 2);
      return (await deliver(batch.slice(0, half))) + (await deliver(batch.slice(half)));
    };
    expect(await deliver(parcels(9))).toBeGreaterThan(4);
    expect(idsSeen(1, 9)).toEqual(Array(9).fill(1));
  });

  it('says 504 for what was carried out: tried again, told apart by log.record.uid alone', async () => {
    const to = output('impatient');
    for (let n = 0; n < 2; n++) expect(await to.send(parcels(2), never)).toMatchObject({ verdict: { is: 'retry' } });
    expect(idsSeen(1, 2)).toEqual([2, 2]);
  });

  it.each([
    { who: 'a client certificate', part: () => certificate('client'), is: 'delivered' },
    { who: 'none', part: () => ({}), is: 'hold' },
    // nginx answers these with 400 and HTML, over a connection that stands.
    { who: 'an expired one', part: () => certificate('expired'), is: 'hold' },
    { who: "another authority's", part: () => certificate('stranger'), is: 'hold' },
  ])('meets $who: $is', async ({ part, is }) => {
    const to = output('mtls', { ca_file: files.file('ca.crt'), ...part() }, true);
    expect(await to.send(parcels(1), never)).toMatchObject({ of: 'batch', verdict: { is } });
    expect(received.length).toBe(is === 'delivered' ? 1 : 0);
  });

  it.each([
    { what: 'its authority', part: () => ({ ca_file: files.file('ca.crt') }), is: 'delivered' },
    {
      what: 'its fingerprint too',
      part: () => ({ ca_file: files.file('ca.crt'), fingerprint: fingerprint('server') }),
      is: 'delivered',
    },
    {
      what: 'another fingerprint',
      part: () => ({ ca_file: files.file('ca.crt'), fingerprint: fingerprint('client') }),
      is: 'hold',
    },
    { what: 'another authority', part: () => ({ ca_file: files.file('other.crt') }), is: 'hold' },
    { what: 'the authorities of the system', part: () => ({}), is: 'hold' },
    {
      what: 'another name',
      part: () => ({ ca_file: files.file('ca.crt'), server_name: 'elsewhere.example' }),
      is: 'hold',
    },
  ])('is believed by $what: $is', async ({ part, is }) => {
    expect(await output('ok', part(), true).send(parcels(1), never)).toMatchObject({ verdict: { is } });
    expect(received.length).toBe(is === 'delivered' ? 1 : 0);
  });

  const fingerprint = (name: string) => new X509Certificate(files.read(`${name}.crt`)).fingerprint256;

  it('is found again after it was killed', async () => {
    const to = output('ok');
    await to.send(parcels(1), never);
    await proxy.stop('SIGKILL');
    expect(await to.send(parcels(2, 2), never)).toMatchObject({ verdict: { is: 'retry' } });
    await start();
    expect(await to.send(parcels(2, 2), never)).toMatchObject({ verdict: { is: 'delivered' } });
    expect(idsSeen(1, 3)).toEqual([1, 1, 1]);
  });
});
