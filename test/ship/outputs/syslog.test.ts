// The syslog output's connection against scripted receivers: what is sent, and what each way to fail means. Real ones are in
// test/ship/real/.

import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Output } from '../../../src/ship/output.ts';
import { syslogOutput } from '../../../src/ship/outputs/syslog-io.ts';
import { eventually, makeCertificates, missing, type Scratch, scratch } from '../real/programs.ts';
import { idOf, parcel, parcels } from './parcels.ts';

const never = new AbortController().signal;
const lacking = missing('openssl');
const servers: Server[] = [];
const sockets: Socket[] = [];
const outputs: Output[] = [];
let files: Scratch;

beforeAll(() => {
  files = scratch();
  if (lacking === undefined) makeCertificates(files.path);
});
afterAll(() => files[Symbol.dispose]());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(outputs.splice(0).map((output) => output.close()));
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server.listen(0, host));
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** A plain receiver. handle: of each connection, numbered from 1. */
function receiver(handle: (socket: Socket, nth: number) => void, host?: string): Promise<number> {
  let connections = 0;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    handle(socket, ++connections);
  });
  return listen(server, host);
}

function output(port: number, part: Partial<Parameters<typeof syslogOutput>[0]> = {}): Output {
  const made = syslogOutput({
    ...{ address: `127.0.0.1:${port}`, tls: false, facility: 'local0', max_message_bytes: 8192, timeout: 5000 },
    ...{ ca_file: null, fingerprint: null, server_name: null, cert_file: null, key_file: null },
    ...part,
  });
  outputs.push(made);
  return made;
}

/** The ids in octet-counted frames; throws where the counts do not add up. */
function idsIn(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [digits, length] = /^(\d+) /.exec(bytes.toString('latin1', at, at + 8))!;
    const start = at + digits.length;
    at = start + Number(length);
    found.push(/uuid="([^"]*)"/.exec(bytes.toString('utf8', start, at))![1]!);
    expect(bytes.length).toBeGreaterThanOrEqual(at);
  }
  return found;
}

it('counts octets, and keeps one connection', async () => {
  const chunks: Buffer[] = [];
  let connections = 0;
  const port = await receiver((socket, nth) => {
    connections = nth;
    socket.on('data', (chunk) => chunks.push(chunk));
  });
  const to = output(port);
  for (const batch of [parcels(2), parcels(2, 3)]) {
    expect(await to.send(batch, never)).toEqual({ of: 'batch', verdict: { is: 'delivered' } });
  }
  await to.close();
  await eventually(() => idsIn(Buffer.concat(chunks)).length === 4 || undefined, 'four messages');
  expect(idsIn(Buffer.concat(chunks))).toEqual([1, 2, 3, 4].map(idOf));
  expect(connections).toBe(1);
});

it('rejects a document that is no JSON, and sends the others', async () => {
  const chunks: Buffer[] = [];
  const port = await receiver((socket) => socket.on('data', (chunk) => chunks.push(chunk)));
  const batch = [parcel(1), parcel(2, { document: Buffer.from('{') }), parcel(3)];
  const to = output(port);
  const said = await to.send(batch, never);
  expect(said).toMatchObject({ of: 'items', verdicts: [{ is: 'delivered' }, { is: 'rejected' }, { is: 'delivered' }] });
  await to.close();
  await eventually(() => idsIn(Buffer.concat(chunks)).length === 2 || undefined, 'two messages');
});

it('connects to an address of IPv6', async (ctx) => {
  const port = await receiver((socket) => socket.resume(), '::1').catch(() => undefined);
  if (port === undefined) return ctx.skip('no IPv6 here');
  expect(await output(port, { address: `[::1]:${port}` }).send(parcels(1), never)).toMatchObject({
    verdict: { is: 'delivered' },
  });
});

it('tries again when nobody listens', async () => {
  const port = await receiver(() => {});
  servers.pop()!.close();
  expect(await output(port).send(parcels(1), never)).toMatchObject({
    verdict: { is: 'retry', reason: expect.stringMatching(/ECONNREFUSED/) },
  });
});

// More than the buffers of both kernels hold: the write cannot be done before the receiver reads.
const MUCH = Array.from({ length: 400 }, (_, i) =>
  parcel(i + 1, {}, { process: { command_line: 'x'.repeat(30_000) } }),
);

it('does not take for delivered what a receiver does not read', async () => {
  const port = await receiver((socket) => socket.pause());
  const to = output(port, { timeout: 500, max_message_bytes: 65_536 });
  expect(await to.send(MUCH, never)).toMatchObject({
    verdict: { is: 'retry', reason: expect.stringContaining('time') },
  });
});

it('sends the whole batch again on a new connection when one is reset in the middle', async () => {
  const chunks: Buffer[] = [];
  const port = await receiver((socket, nth) => {
    if (nth === 1) socket.once('data', () => socket.resetAndDestroy());
    else socket.on('data', (chunk) => chunks.push(chunk));
  });
  const to = output(port, { max_message_bytes: 65_536 });
  expect(await to.send(MUCH, never)).toMatchObject({ verdict: { is: 'retry' } });
  expect(await to.send(MUCH, never)).toMatchObject({ verdict: { is: 'delivered' } });
  await to.close();
  await eventually(() => Buffer.concat(chunks).includes(idOf(400)) || undefined, 'the last message');
  expect(idsIn(Buffer.concat(chunks))).toEqual(MUCH.map(({ id }) => id));
});

it('does not write on a connection that the receiver has ended meanwhile', async () => {
  const chunks: Buffer[][] = [];
  const port = await receiver((socket) => {
    const own: Buffer[] = [];
    chunks.push(own);
    socket.on('data', (chunk) => own.push(chunk));
  });
  const to = output(port);
  await to.send([parcel(1)], never);
  const [first] = await eventually(() => (chunks[0]?.length ? sockets.splice(0) : undefined), 'the first message');
  const gone = once(first!, 'close');
  first!.end();
  await gone;
  expect(await to.send([parcel(2)], never)).toMatchObject({ verdict: { is: 'delivered' } });
  await eventually(() => chunks[1]?.length || undefined, 'the second message');
  expect(chunks.map((own) => idsIn(Buffer.concat(own)))).toEqual([[idOf(1)], [idOf(2)]]);
});

it('gives up at once when it is told to', async () => {
  const port = await receiver((socket) => socket.pause());
  const stop = new AbortController();
  const answer = output(port, { max_message_bytes: 65_536 }).send(MUCH, stop.signal);
  stop.abort();
  expect(await answer).toMatchObject({ verdict: { is: 'retry' } });
});

it('reads and forgets what a receiver says, however much', async () => {
  const port = await receiver((socket) => {
    socket.on('data', () => socket.write(Buffer.alloc(1 << 20)));
  });
  const to = output(port);
  for (let n = 1; n <= 5; n++)
    expect(await to.send([parcel(n)], never)).toMatchObject({ verdict: { is: 'delivered' } });
});

it('holds when a receiver hangs up a moment behind the handshake', async (ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
  const options = { key: readFileSync(files.file('server.key')), cert: readFileSync(files.file('server.crt')) };
  const port = await listen(createTlsServer(options, (socket) => setTimeout(() => socket.destroy(), 20)));
  const to = output(port, { tls: true, ca_file: files.file('ca.crt') });
  expect(await to.send(parcels(1), never)).toMatchObject({
    verdict: { is: 'hold', reason: expect.stringContaining('certificate') },
  });
});

it('uses a renewed certificate from the next batch on', async (ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
  const names: string[] = [];
  const read = (name: string) => readFileSync(files.file(name));
  const options = { key: read('server.key'), cert: read('server.crt'), ca: read('ca.crt'), requestCert: true };
  const port = await listen(
    createTlsServer(options, (socket) => {
      names.push(String(socket.getPeerCertificate().subject?.CN));
      socket.resume();
    }),
  );
  const use = (name: string) => {
    for (const end of ['crt', 'key']) copyFileSync(files.file(`${name}.${end}`), files.file(`mine.${end}`));
  };
  use('client');
  const mine = { cert_file: files.file('mine.crt'), key_file: files.file('mine.key') };
  const to = output(port, { tls: true, ca_file: files.file('ca.crt'), ...mine });
  await to.send([parcel(1)], never);
  await to.send([parcel(2)], never);
  use('server');
  expect(await to.send([parcel(3)], never)).toMatchObject({ verdict: { is: 'delivered' } });
  expect(names).toEqual(['client', 'server']);
});

it('does not wait long for a receiver that keeps its side open', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => sockets.push(socket.on('error', () => {}).pause()));
  const to = output(await listen(server), { timeout: 600_000 });
  expect(await to.send(parcels(1), never)).toEqual({ of: 'batch', verdict: { is: 'delivered' } });
  await to.close();
});
