// The hub over real TLS: shippers' outputs against it, and clients that do not behave.

import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openToEnrol, openToRead } from '../../src/hub/database-io.ts';
import type { Endpoint } from '../../src/hub/endpoint.ts';
import { HubServer } from '../../src/hub/server-io.ts';
import type { Output } from '../../src/ship/output.ts';
import { freePort, missing, type Scratch } from '../ship/real/programs.ts';
import { journalOf, SILENT } from './fixture.ts';
import { enrol, type OutputParts, outputTo, parcelsOf, type ServingHub, serveIn, withCertificates } from './tls.ts';

const lacking = missing('openssl');
const never = new AbortController().signal;
const closing: (() => unknown)[] = [];
let files: Scratch;

beforeAll(() => {
  if (lacking === undefined) files = withCertificates();
});
afterAll(() => files?.[Symbol.dispose]());
beforeEach((ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serving(toml = ''): Promise<ServingHub> {
  const hub = await serveIn(files, toml);
  closing.push(() => hub.stop());
  return hub;
}

function output({ port }: { port: number }, host: string, part: OutputParts = {}): Output {
  const made = outputTo(files, port, host, part);
  closing.push(() => made.close());
  return made;
}

function rows(sql: string): unknown[] {
  using database = openToRead(`${files.path}/hub`);
  return database.sql.prepare(sql).all();
}

/** The head of a host's request, its end apart. */
function headOf(host: string): string {
  const token = files.read(`${host}.token`).trim();
  const type = 'content-type: application/x-protobuf';
  return `POST /v1/batches HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${type}\r\n`;
}

const verdictsOf = (answer: Awaited<ReturnType<Output['send']>>) =>
  answer.of === 'batch' ? answer.verdict.is : [...new Set(answer.verdicts.map(({ is }) => is))].join();

it('two hosts deliver, each with its own token and no other', async () => {
  const hub = await serving();
  for (const host of ['t1', 't2']) enrol(files, host);
  const [one, two] = [journalOf('t1').alerts(50), journalOf('t2').alerts(50)];
  const outputs = [output(hub, 't1'), output(hub, 't2')] as const;
  const answers = await Promise.all([outputs[0].send(parcelsOf(one), never), outputs[1].send(parcelsOf(two), never)]);
  expect(answers.map(verdictsOf)).toEqual(['delivered', 'delivered']);
  expect(verdictsOf(await outputs[0].send(parcelsOf(two), never))).toBe('rejected');
  expect(rows("SELECT count(*) AS n FROM alerts JOIN hosts USING (host) WHERE host_id IN ('t1', 't2')")).toEqual([
    expect.objectContaining({ n: 100 }),
  ]);
});

it('a restart in between loses nothing and keeps nothing twice', async () => {
  const hub = await serveIn(files);
  enrol(files, 'r1');
  const journal = journalOf('r1').alerts(20);
  expect(verdictsOf(await output(hub, 'r1').send(parcelsOf(journal, 1, 12), never))).toBe('delivered');
  await hub.stop();
  const again = await serving();
  const answer = await output(again, 'r1').send(parcelsOf(journal, 10), never);
  expect(answer).toMatchObject({
    verdicts: [...Array(3).fill({ duplicate: true }), ...Array(8).fill({ is: 'delivered' })],
  });
  expect(rows("SELECT count(*) AS n FROM alerts WHERE uuid LIKE 'r1-%'")).toEqual([expect.objectContaining({ n: 20 })]);
});

it('a client certificate is required where an authority for them is given', async () => {
  const hub = await serving(`[tls]\nclient_ca_file = "${files.file('ca.crt')}"\n[auth]\nrequire = "certificate"`);
  enrol(files, 'client');
  const journal = journalOf('client').alerts(1);
  const sent = async (part: OutputParts) => await output(hub, 'client', part).send(parcelsOf(journal), never);
  const pair = (name: string) => ({ cert_file: files.file(`${name}.crt`), key_file: files.file(`${name}.key`) });
  expect(verdictsOf(await sent({ ...pair('client'), token_file: null }))).toBe('delivered');
  // A certificate of the authority, but of another name.
  expect(verdictsOf(await sent(pair('server')))).toBe('hold');
  for (const part of [{}, pair('stranger'), pair('expired')])
    expect(verdictsOf(await sent(part))).not.toBe('delivered');
});

it('tells its metrics where it is asked to, and nowhere else', async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const hub = await serving(`[hub]\nmetrics_listen = "${listen}"`);
  enrol(files, 'm1');
  await output(hub, 'm1').send(parcelsOf(journalOf('m1').alerts(3)), never);
  const text = await (await fetch(`http://${listen}/metrics`)).text();
  expect(text).toMatch(/^forebear_hub_hosts\{state="ok"\} [1-9]/m);
  expect(text).toMatch(/^forebear_hub_records_stored_total(\{[^}]*\})? 3$/m);
  expect(text).toMatch(/^forebear_hub_database_bytes [1-9]/m);
  expect((await fetch(`http://${listen}/healthz`)).status).toBe(200);
  expect((await fetch(`http://${listen}/v1/batches`)).status).toBe(404);
  using breaking = openToEnrol(`${files.path}/hub`);
  breaking.sql.exec('ALTER TABLE alerts RENAME TO gone');
  await output(hub, 'm1').send(parcelsOf(journalOf('m1').alerts(4), 4), never);
  breaking.sql.exec('ALTER TABLE gone RENAME TO alerts');
  const health = await fetch(`http://${listen}/healthz`);
  expect([health.status, await health.text()]).toEqual([503, expect.stringContaining('batches cannot be stored')]);
});

it('TLS below 1.2 is refused', async () => {
  const hub = await serving();
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const socket = connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false, ...old });
  const [error] = await once(socket, 'error');
  expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
});

it('who takes longer than allowed is cut off: no handshake, no head, no body', async () => {
  const hub = await serving('[ingest]\nheaders_timeout = "300ms"\nrequest_timeout = "600ms"');
  const head = headOf('t1');
  const ended = (socket: Socket) =>
    new Promise<void>((resolve) => socket.on('error', () => {}).on('close', () => resolve()));
  const tls = () => connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false });
  const trickle = (socket: TLSSocket, first: string) => {
    socket.write(first);
    const timer = setInterval(() => socket.write('a'), 50);
    closing.push(() => clearInterval(timer));
    socket.resume();
    return ended(socket);
  };
  await Promise.all([
    ended(connectPlain(hub.port, '127.0.0.1')),
    trickle(tls(), 'POST /v1/batches HTTP/1.1\r\nx: '),
    trickle(tls(), `${head}content-length: 100000\r\n\r\n`),
  ]);
  expect(hub.counters.get('hub_requests_answered_total', 'stored')).toBe(0);
});

it('who has no credential cannot keep hosts out, however many connections he holds', async () => {
  const hub = await serving('[ingest]\nmax_connections = 4');
  enrol(files, 'c1');
  const first = output(hub, 'c1');
  const journal = journalOf('c1').alerts(3);
  expect(verdictsOf(await first.send(parcelsOf(journal, 1, 1), never))).toBe('delivered');
  const strangers: TLSSocket[] = [];
  for (let i = 0; i < 8; i++) {
    const socket = connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    socket.write('POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
    await once(socket, 'data');
    strangers.push(socket);
  }
  enrol(files, 'c2');
  expect(verdictsOf(await output(hub, 'c2').send(parcelsOf(journalOf('c2').alerts(1)), never))).toBe('delivered');
  // The connection that was there before them, too.
  expect(verdictsOf(await first.send(parcelsOf(journal, 2), never))).toBe('delivered');
  await expect.poll(() => strangers.filter(({ destroyed }) => !destroyed).length).toBe(2);
});

it('a refusal is seen by a sender that reads only when it has written all of a large body', async () => {
  const hub = await serving('[ingest]\nmax_body = "64KiB"');
  const body = Buffer.alloc(8 << 20);
  const socket = connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false });
  closing.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  const written = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(`${headOf('t1')}content-length: ${body.length}\r\n\r\n`);
    socket.write(body, () => resolve());
  });
  await written;
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 413 /);
});

it('a batch that is too large is split, not sent again', async () => {
  const hub = await serving('[ingest]\nmax_body = "64KiB"');
  const journal = journalOf('t1');
  for (let i = 0; i < 40; i++) journal.write('clock', Buffer.alloc(1 << 20, i));
  expect(verdictsOf(await output(hub, 't1', { gzip: false }).send(parcelsOf(journal), never))).toBe('split');
  expect(verdictsOf(await output(hub, 't1').send(parcelsOf(journalOf('t1').alerts(1)), never))).toBe('delivered');
});

it('takes a new certificate for new connections, and keeps the old one when the new one is none', async () => {
  const [certificateFile, keyFile] = [files.file('changing.crt'), files.file('changing.key')];
  const use = (name: string) => {
    copyFileSync(files.file(`${name}.crt`), certificateFile);
    copyFileSync(files.file(`${name}.key`), keyFile);
  };
  use('server');
  const endpoint = { answer: async () => ({ status: 200, body: new Uint8Array() }) } satisfies Pick<Endpoint, 'answer'>;
  const limits = { headersTimeoutMs: 1000, requestTimeoutMs: 1000, maxConnections: 10, maxDrainBytes: 1 };
  const where = { host: '127.0.0.1', port: 0, certificateFile, keyFile, clientCaFile: null };
  const server = await HubServer.start(endpoint, { ...where, ...limits, log: SILENT });
  closing.push(() => server.stop());
  const nameShown = async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const name = socket.getPeerCertificate().subject.CN;
    socket.destroy();
    return name;
  };
  expect(await nameShown()).toBe('server');
  use('client');
  server.reloadChanged();
  expect(await nameShown()).toBe('client');
  files.file('changing.key', 'no key');
  server.reloadChanged();
  expect(await nameShown()).toBe('client');
});

it.each([
  ['FB_SHIP_KEY', 'absent.crt'],
  ['FB_HUB_TLS', 'client.crt'],
])('%s: it does not start without a usable certificate', async (code, certificate) => {
  const where = {
    host: '127.0.0.1',
    port: 0,
    certificateFile: files.file(certificate),
    keyFile: files.file('server.key'),
  };
  const limits = { headersTimeoutMs: 1000, requestTimeoutMs: 1000, maxConnections: 10, maxDrainBytes: 1 };
  const endpoint = { answer: () => Promise.reject(new Error('unused')) };
  await expect(
    HubServer.start(endpoint, { ...where, ...limits, clientCaFile: null, log: SILENT }),
  ).rejects.toMatchObject({ code });
});
