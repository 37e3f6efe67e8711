// OTLP to a real OpenTelemetry collector over mutual TLS: what it wrote of what was sent, and what its refusals, and those of its
// own next hop, come to.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Output, Parcel } from '../../src/ship/output.ts';
import { otlpOutput } from '../../src/ship/outputs/otlp.ts';
import { UndiciTransport } from '../../src/ship/transport-http.ts';
import { idOf, largeParcel, parcels } from '../ship/outputs/parcels.ts';
import { eventually, freePort, makeCertificates, Program, type Scratch, scratch } from '../ship/real/programs.ts';

const BUILT = resolve(import.meta.dirname, '../../build/servers');
const PROTOBUF = 'application/x-protobuf';
const never = new AbortController().signal;
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('collector');
const lacking = asked ? missing() : 'asked for by npm run test:servers -- collector (or all)';

function missing(): string {
  const reason = join(BUILT, 'collector.unavailable');
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  return existsSync(join(BUILT, 'collector/stamp')) ? '' : 'the collector is not built';
}

/** One that writes a file, one that has no memory left, one that passes on to a next hop. */
type Kind = 'writing' | 'full' | 'passing';

function configuration(kind: Kind, directory: string, port: number, nextHop: number): string {
  const exporter = kind === 'passing' ? 'otlphttp' : 'file';
  return `receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:${port}
        max_request_body_size: 30000
        tls: { cert_file: ${directory}/server.crt, key_file: ${directory}/server.key, client_ca_file: ${directory}/ca.crt }
processors:
  memory_limiter: { check_interval: 50ms, limit_mib: ${kind === 'full' ? 1 : 1000} }
exporters:
  file: { path: ${directory}/${kind}.json, flush_interval: 100ms, append: true }
  otlphttp:
    endpoint: http://127.0.0.1:${nextHop}
    sending_queue: { enabled: false }
    retry_on_failure: { enabled: false }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    logs: { receivers: [otlp], processors: [memory_limiter], exporters: [${exporter}] }
`;
}

interface Received {
  resourceLogs: { scopeLogs: { logRecords: { attributes: { key: string; value: { stringValue: string } }[] }[] }[] }[];
}

describe('a real collector', () => {
  let files: Scratch;
  let nextHop: Server;
  let nextAnswer: { status: number; body: Buffer };
  const ports: Record<Kind, number> = { writing: 0, full: 0, passing: 0 };
  const running = new Map<Kind, Program>();
  const made: Output[] = [];

  const start = async (kind: Kind) => {
    const args = ['--config', files.file(`${kind}.yaml`)];
    running.set(kind, await Program.start(join(BUILT, 'collector/collector'), args, ports[kind]));
  };

  beforeAll(async () => {
    if (lacking !== '') return;
    files = scratch();
    makeCertificates(files.path);
    nextHop = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(nextAnswer.status, { 'content-type': PROTOBUF }).end(nextAnswer.body);
      });
    }).listen(0, '127.0.0.1');
    await once(nextHop, 'listening');
    const { port } = nextHop.address() as { port: number };
    for (const kind of ['writing', 'full', 'passing'] as const) {
      ports[kind] = await freePort();
      files.file(`${kind}.yaml`, configuration(kind, files.path, ports[kind], port));
      await start(kind);
    }
  });
  afterAll(async () => {
    await Promise.all([...running.values()].map((program) => program.stop()));
    nextHop?.closeAllConnections();
    nextHop?.close();
    files?.[Symbol.dispose]();
  });
  beforeEach((ctx) => {
    if (lacking !== '') ctx.skip(lacking);
    nextAnswer = { status: 200, body: Buffer.alloc(0) };
  });
  afterEach(async () => {
    await Promise.all(made.splice(0).map((output) => output.close()));
  });

  function output(
    kind: Kind,
    part: Partial<ConstructorParameters<typeof UndiciTransport>[0]> = {},
    path = '/v1/logs',
  ): Output {
    const settings = {
      ...{
        url: `https://127.0.0.1:${ports[kind]}${path}`,
        gzip: false,
        timeout: 10_000,
        fingerprint: null,
        server_name: null,
      },
      ...{ ca_file: files.file('ca.crt'), ...certificate('client') },
      ...part,
    };
    const output = otlpOutput(new UndiciTransport(settings), '1.2.3');
    made.push(output);
    return output;
  }

  const certificate = (name: string) => ({ cert_file: files.file(`${name}.crt`), key_file: files.file(`${name}.key`) });
  const written = () =>
    files
      .read('writing.json')
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (JSON.parse(line) as Received).resourceLogs)
      .flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
      .map(({ attributes }) => attributes.find(({ key }) => key === 'log.record.uid')?.value.stringValue);

  async function deliver(to: Output, batch: readonly Parcel[]): Promise<void> {
    const { verdict } = (await to.send(batch, never)) as Extract<Answer, { of: 'batch' }>;
    if (verdict.is === 'delivered') return;
    expect(verdict.is).toBe('split');
    const half = Math.ceil(batch.length / 2);
    await deliver(to, batch.slice(0, half));
    await deliver(to, batch.slice(half));
  }

  it.each([false, true])(
    'writes each alert once, though a batch is more than it takes at once (gzip: %s)',
    async (gzip) => {
      const first = gzip ? 1000 : 1;
      await deliver(output('writing', { gzip }), parcels(100, first));
      const wanted = parcels(100, first).map(({ id }) => id);
      const found = await eventually(() => {
        const own = written().filter((id) => wanted.includes(id ?? ''));
        return own.length >= 100 ? own : undefined;
      }, 'a hundred records');
      expect(found).toEqual(wanted);
    },
  );

  it('finds one alert alone too large: split, which the lane turns into a dead letter', async () => {
    expect(await output('writing').send([largeParcel(1, 40_000)], never)).toMatchObject({
      verdict: { is: 'split', reason: expect.stringContaining('too large') },
    });
  });

  it('is told no when there is no memory, and when the path is wrong', async () => {
    expect(await output('full').send(parcels(1), never)).toMatchObject({
      verdict: { is: 'retry', reason: expect.stringMatching(/^HTTP 503/) },
    });
    expect(await output('writing', {}, '/v1/lags').send(parcels(1), never)).toMatchObject({ verdict: { is: 'hold' } });
  });

  const status = Buffer.from('0803120161', 'hex');
  it.each([
    { what: '200', answer: { status: 200, body: Buffer.alloc(0) }, is: 'delivered' },
    // It tells nobody: what "delivered" means here.
    { what: 'a partial success', answer: { status: 200, body: Buffer.from('0a020803', 'hex') }, is: 'delivered' },
    { what: '429', answer: { status: 429, body: status }, is: 'retry' },
    { what: '503', answer: { status: 503, body: status }, is: 'retry' },
    { what: '400', answer: { status: 400, body: status }, is: 'split' },
    { what: '401', answer: { status: 401, body: status }, is: 'hold' },
    { what: '500', answer: { status: 500, body: status }, is: 'rejected' },
  ])('passes on what its next hop says: $what is $is', async ({ answer, is }) => {
    nextAnswer = answer;
    expect(await output('passing').send(parcels(1), never)).toMatchObject({ of: 'batch', verdict: { is } });
  });

  it.each([
    { what: 'no client certificate', part: () => ({ cert_file: null, key_file: null }) },
    { what: 'an expired one', part: () => certificate('expired') },
    { what: "another authority's", part: () => certificate('stranger') },
    { what: 'another authority for the server', part: () => ({ ca_file: files.file('other.crt') }) },
  ])('holds for $what', async ({ part }) => {
    expect(await output('writing', part()).send(parcels(1), never)).toMatchObject({ verdict: { is: 'hold' } });
  });

  it('is found again after restarts, and has each alert once', async () => {
    const to = output('writing');
    const wanted: string[] = [];
    for (let round = 0; round < 6; round++) {
      const batch = parcels(10, 5000 + round * 10);
      if (round % 2 === 1) {
        await running.get('writing')!.stop();
        expect(await to.send(batch, never)).toMatchObject({ verdict: { is: 'retry' } });
        await start('writing');
      }
      await deliver(to, batch);
      wanted.push(...batch.map(({ id }) => id));
    }
    const isOwn = new Set(wanted);
    const found = await eventually(() => {
      const own = written().filter((id) => isOwn.has(id ?? ''));
      return own.length >= wanted.length ? own : undefined;
    }, 'sixty records');
    expect(found).toEqual(Array.from({ length: 60 }, (_, i) => idOf(5000 + i)));
  });
});
