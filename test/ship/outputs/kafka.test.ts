// The Kafka output without a broker: pieces, which producer may send what, what errors mean, and hostile or silent peers. A
// real broker is in test/servers/kafka.test.ts.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import type { Message } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { ForebearError } from '../../../src/errors.ts';
import type { Answer, Output, Parcel } from '../../../src/ship/output.ts';
import { faultOf } from '../../../src/ship/outputs/kafka-fault.ts';
import { kafkaOutput } from '../../../src/ship/outputs/kafka-io.ts';
import type { KafkaSettings } from '../../../src/ship/outputs/kafka-producer-io.ts';
import { largeParcel, parcel } from './parcels.ts';

const never = new AbortController().signal;

const SETTINGS: KafkaSettings = {
  ...{ name: 'central', brokers: ['127.0.0.1:1'], topic: 'alerts', tls: false, max_message_bytes: 10_000 },
  ...{ batch_bytes: 1 << 21, batch_count: 500, timeout: 5000, max_backoff: 60_000, max_hold: 0 },
  ...{ username: null, password_file: null, mechanism: 'scram-sha-512' },
  ...{ ca_file: null, fingerprint: null, cert_file: null, key_file: null, server_name: null },
};

/** As kafkajs makes them; its types know less of them. */
type Made = new (of: unknown, details?: object) => Error;
const errors = createRequire(import.meta.url)('kafkajs/src/errors.js') as Record<string, Made>;

function make(name: string, of: unknown, details: object = {}): Error {
  return new errors[name]!(of, details);
}
const protocol = (type: string, retriable = false) =>
  make('KafkaJSProtocolError', Object.assign(new Error(type), { type, code: 1, retriable }));
const gaveUp = (error: Error) => make('KafkaJSNumberOfRetriesExceeded', error, { retryCount: 1, retryTime: 1 });
const refused = make('KafkaJSSASLAuthenticationError', 'no');
const connection = (code: string) => make('KafkaJSConnectionError', `Connection error: ${code}`, { code });

describe('an error', () => {
  it.each([
    { of: protocol('MESSAGE_TOO_LARGE'), is: 'too much' },
    { of: protocol('RECORD_LIST_TOO_LARGE'), is: 'too much' },
    { of: protocol('INVALID_RECORD'), is: 'too much' },
    { of: protocol('TOPIC_AUTHORIZATION_FAILED'), is: 'hold' },
    { of: protocol('CLUSTER_AUTHORIZATION_FAILED'), is: 'hold' },
    { of: gaveUp(protocol('UNKNOWN_TOPIC_OR_PARTITION', true)), is: 'hold' },
    { of: protocol('INVALID_TIMESTAMP'), is: 'hold' },
    { of: make('KafkaJSNonRetriableError', refused, { cause: refused }), is: 'hold' },
    { of: gaveUp(connection('CERT_HAS_EXPIRED')), is: 'hold' },
    { of: gaveUp(connection('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')), is: 'hold' },
    { of: new ForebearError('FB_SHIP_KEY', 'absent', { cause: new Error('ENOENT') }), is: 'hold' },
    { of: gaveUp(protocol('NOT_ENOUGH_REPLICAS', true)), is: 'retry', isSound: true },
    { of: gaveUp(protocol('REQUEST_TIMED_OUT', true)), is: 'retry', isSound: true },
    { of: gaveUp(protocol('NOT_LEADER_FOR_PARTITION', true)), is: 'retry', isSound: true },
    { of: gaveUp(connection('ECONNRESET')), is: 'retry', isSound: true },
    { of: gaveUp(make('KafkaJSConnectionClosedError', 'Closed')), is: 'retry', isSound: true },
    { of: gaveUp(make('KafkaJSRequestTimeoutError', 'late')), is: 'retry', isSound: true },
    { of: protocol('OUT_OF_ORDER_SEQUENCE_NUMBER'), is: 'retry', isSound: false },
    { of: protocol('DUPLICATE_SEQUENCE_NUMBER'), is: 'retry', isSound: false },
    { of: protocol('UNKNOWN_PRODUCER_ID'), is: 'retry', isSound: false },
    { of: protocol('INVALID_PRODUCER_EPOCH'), is: 'retry', isSound: false },
    { of: protocol('KAFKAJS_UNKNOWN_ERROR_CODE'), is: 'retry', isSound: false },
    { of: new TypeError('of undefined'), is: 'retry', isSound: false },
    { of: 'no error at all', is: 'retry', isSound: false },
  ])('$of.message is $is', ({ of, is, isSound }) => {
    const fault = faultOf(of);
    expect(fault.is === 'not now' ? fault.verdict.is : fault.is).toBe(is);
    if (isSound !== undefined) expect(fault).toMatchObject({ isSound });
  });

  it('gives a reason of one line of 200 characters', () => {
    const fault = faultOf(new Error(`\u001b[2J${'x\n'.repeat(500)}`));
    const { reason } = (fault as { verdict: { reason: string } }).verdict;
    expect(reason.length).toBeLessThanOrEqual(200);
    expect(reason).not.toMatch(/\p{Cc}/u);
  });
});

/** Producers that write down what they are given and answer by script: an error, or undefined for success. */
function scripted(script: (unknown | undefined)[], settings: Partial<KafkaSettings> = {}) {
  const sent: { producer: number; uuids: string[] }[] = [];
  let opened = 0;
  const closed: number[] = [];
  const open = async () => {
    const producer = ++opened;
    return {
      send: async (messages: readonly Message[]) => {
        sent.push({ producer, uuids: messages.map(({ headers }) => String(headers!.uuid)) });
        const error = script.shift();
        if (error !== undefined) throw error;
      },
      close: () => {
        closed.push(producer);
      },
    };
  };
  return { output: kafkaOutput({ ...SETTINGS, ...settings }, open), sent, closed };
}

const of = (host: string, ...ids: string[]) => ids.map((id, i) => parcel(i, { id, hostId: host }));

async function send(output: Output, batch: readonly Parcel[]): Promise<string[]> {
  const answer: Answer = await output.send(batch, never);
  return answer.of === 'items' ? answer.verdicts.map(({ is }) => is) : batch.map(() => answer.verdict.is);
}

describe('an output', () => {
  it('sends one host at a time, each in order', async () => {
    const [a, b, c, d] = [...of('one', 'a'), ...of('two', 'b'), ...of('one', 'c'), ...of('two', 'd')];
    const { output, sent } = scripted([]);
    expect(await send(output, [a!, b!, c!, d!])).toEqual(Array(4).fill('delivered'));
    expect(sent.map(({ uuids }) => uuids.join(''))).toEqual(['ac', 'bd']);
  });

  it('fills pieces up to max_message_bytes, and rejects by itself what never fits', async () => {
    const { output, sent } = scripted([]);
    const batch = [largeParcel(1, 4500), largeParcel(2, 4500), largeParcel(3, 4500), largeParcel(4, 10_000), parcel(5)];
    expect(await send(output, batch)).toEqual(['delivered', 'delivered', 'delivered', 'rejected', 'delivered']);
    expect(sent.map(({ uuids }) => uuids.length)).toEqual([1, 1, 2]);
  });

  it('halves what the broker finds too large until it knows which one it is', async () => {
    const large = protocol('MESSAGE_TOO_LARGE');
    const { output, sent } = scripted([large, undefined, large, large, undefined]);
    expect(await send(output, of('one', 'a', 'b', 'c', 'd'))).toEqual([
      'delivered',
      'delivered',
      'rejected',
      'delivered',
    ]);
    expect(sent.map(({ uuids }) => uuids.join(''))).toEqual(['abcd', 'ab', 'cd', 'c', 'd']);
  });

  it('lets nothing overtake what failed', async () => {
    const { output, sent } = scripted([undefined, gaveUp(connection('ECONNRESET'))], { max_message_bytes: 1400 });
    expect(await send(output, of('one', 'a', 'b', 'c'))).toEqual(['delivered', 'retry', 'retry']);
    expect(sent.map(({ uuids }) => uuids.join(''))).toEqual(['a', 'b']);
  });

  it('sends the very same records by the same producer, so that the broker tells them apart', async () => {
    const { output, sent } = scripted([gaveUp(connection('ECONNRESET'))]);
    expect(await send(output, of('one', 'a', 'b'))).toEqual(['retry', 'retry']);
    expect(await send(output, of('one', 'a', 'b'))).toEqual(['delivered', 'delivered']);
    expect(sent.map(({ producer }) => producer)).toEqual([1, 1]);
  });

  it.each([
    { what: 'fewer', next: of('one', 'a') },
    { what: 'more', next: of('one', 'a', 'b', 'c') },
    { what: 'others', next: of('one', 'c', 'd') },
    { what: 'other bytes', next: [...of('one', 'a'), { ...of('one', 'b')[0]!, document: Buffer.from('{}') }] },
  ])('never sends $what by a producer whose last numbers may be taken', async ({ next }) => {
    const { output, sent, closed } = scripted([gaveUp(connection('ECONNRESET'))]);
    await send(output, of('one', 'a', 'b'));
    expect(await send(output, next)).toEqual(next.map(() => 'delivered'));
    expect([sent.map(({ producer }) => producer), closed]).toEqual([[1, 2], [1]]);
  });

  it('goes on with another producer when the broker does not know this one any more', async () => {
    const { output, sent } = scripted([protocol('UNKNOWN_PRODUCER_ID')]);
    expect(await send(output, of('one', 'a'))).toEqual(['retry']);
    expect(await send(output, of('one', 'a'))).toEqual(['delivered']);
    expect(sent.map(({ producer }) => producer)).toEqual([1, 2]);
  });

  it('keys by the journal where the host is not known, and carries uuid and kind', async () => {
    const messages: Message[] = [];
    const open = async () => ({
      send: async (given: readonly Message[]) => void messages.push(...given),
      close: () => {},
    });
    const notice = parcel(1, { kind: 'gap', id: 'g' });
    await kafkaOutput(SETTINGS, open).send([notice, ...of('one', 'a')], never);
    expect(messages.map(({ key, headers }) => ({ key, headers }))).toEqual([
      { key: notice.journalId, headers: { uuid: 'g', kind: 'gap' } },
      { key: 'one', headers: { uuid: 'a', kind: 'alert' } },
    ]);
    expect(messages[0]!.value).toEqual(Buffer.from(notice.document));
  });
});

describe('a peer that is no broker', () => {
  const servers: Server[] = [];
  const outputs: Output[] = [];
  const sockets = new Set<Socket>();
  afterEach(async () => {
    await Promise.all(outputs.splice(0).map((output) => output.close()));
    for (const server of servers.splice(0)) server.close();
  });

  async function peer(handle: (socket: Socket) => void, settings: Partial<KafkaSettings> = {}): Promise<Output> {
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
      handle(socket);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const output = kafkaOutput({ ...SETTINGS, brokers: [`127.0.0.1:${port}`], timeout: 600, ...settings });
    outputs.push(output);
    return output;
  }

  const gone = async () => {
    while (sockets.size > 0) await once([...sockets][0]!, 'close');
  };

  it.each([
    { does: 'says nothing', handle: (socket: Socket) => socket.resume() },
    { does: 'hangs up', handle: (socket: Socket) => socket.destroy() },
    {
      does: 'answers in HTTP',
      handle: (socket: Socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad\r\n\r\n')),
    },
    {
      does: 'promises 2 GiB',
      handle: (socket: Socket) => socket.once('data', () => socket.write(Buffer.from('7fffffff', 'hex'))),
    },
    {
      does: 'answers with a length below zero',
      handle: (socket: Socket) => socket.once('data', () => socket.write(Buffer.from('ffffffff00000000', 'hex'))),
    },
    { does: 'answers with zeros', handle: (socket: Socket) => socket.on('data', () => socket.write(Buffer.alloc(64))) },
    {
      does: 'answers with noise',
      handle: (socket: Socket) =>
        socket.on('data', (data) =>
          socket.write(Buffer.concat([Buffer.from('00000020', 'hex'), data.subarray(8, 12), Buffer.alloc(28, 0xfe)])),
        ),
    },
  ])('is tried again, and left, when it $does', async ({ handle }) => {
    const output = await peer(handle);
    expect(await output.send([parcel(1)], never)).toMatchObject({ of: 'batch', verdict: { is: 'retry' } });
    await output.close();
    await gone();
  });

  it('is left at once when there is no time any more', async () => {
    const output = await peer((socket) => socket.resume(), { timeout: 60_000 });
    const stop = new AbortController();
    const answer = output.send([parcel(1)], stop.signal);
    stop.abort();
    expect(await answer).toMatchObject({ verdict: { is: 'retry' } });
    await gone();
  });
});
