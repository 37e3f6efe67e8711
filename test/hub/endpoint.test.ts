// What requests are answered, without sockets: who may, what is refused before and after the body is read.

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Credentials } from '../../src/hub/credentials-io.ts';
import { Endpoint, type EndpointOptions, type Request } from '../../src/hub/endpoint.ts';
import { GroupCommit } from '../../src/hub/group-commit.ts';
import { Ingest } from '../../src/hub/ingest-io.ts';
import { Budget, readBody } from '../../src/hub/request-body.ts';
import { decodeAnswer, encodeBatch } from '../../src/proto/ingest-codec.ts';
import { journalOf, NOW_MS, SILENT, TestHub } from './fixture.ts';

const MAX = 1 << 20;

async function* chunks(bytes: Uint8Array, size = 1 << 16): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

/** A body that must not be asked for. */
async function* untouched(): AsyncGenerator<Buffer> {
  yield await Promise.reject(new Error('the body was read'));
}

function endpointOf(hub: TestHub, part: Partial<EndpointOptions> = {}) {
  const credentials = new Credentials(hub.database.sql);
  const token = credentials.enrol('h1', NOW_MS, false);
  const budget = new Budget(2 * MAX, MAX);
  const ingest = new Ingest(hub.database.sql, hub.counters);
  const endpoint = new Endpoint({
    required: 'token',
    credentials,
    ingest: new GroupCommit((batches, nowMs) => ingest.storeAll(batches, nowMs)),
    limits: { maxBytes: MAX, budget },
    ...{ counters: hub.counters, log: SILENT, nowMs: () => NOW_MS },
    ...part,
  });
  const request = (part: Partial<Request> = {}): Request => ({
    ...{ method: 'POST', path: '/v1/batches', contentType: 'application/x-protobuf', contentEncoding: '' },
    ...{ authorization: `Bearer ${token}`, body: chunks(encodeBatch(journalOf('h1').alerts(2).batch())) },
    ...part,
  });
  const ask = async (part: Partial<Request> = {}) => {
    const { status, body, retryAfterSeconds } = await endpoint.answer(request(part));
    const { result, detail, ...rest } = decodeAnswer(body);
    return { status, result, detail, retryAfterSeconds, ...rest };
  };
  return { ask, endpoint, credentials, budget, token };
}

it('stores a batch, plain or compressed, and says how far it is durable', async () => {
  using hub = new TestHub();
  const { ask, budget } = endpointOf(hub);
  const { journalId } = journalOf('h1');
  const body = chunks(gzipSync(encodeBatch(journalOf('h1').alerts(3).batch())));
  expect(await ask()).toMatchObject({ status: 200, result: 'stored', journalId, durableSeq: 2, stored: 2 });
  expect(await ask({ contentEncoding: 'gzip', body })).toMatchObject({ status: 200, durableSeq: 3, stored: 1 });
  expect(budget.taken).toBe(0);
});

describe('refused without reading the body', () => {
  it.each<[string, Partial<Request>, number, string]>([
    ['another path', { path: '/' }, 404, 'malformed'],
    ['another method', { method: 'GET' }, 405, 'malformed'],
    ['no token', { authorization: '' }, 401, 'unknown_credential'],
    ['a token of nobody', { authorization: `Bearer fbh_${'A'.repeat(43)}` }, 401, 'unknown_credential'],
    ['something else', { authorization: 'Basic aGk6aGk=' }, 401, 'unknown_credential'],
    ['a huge token', { authorization: `Bearer ${'x'.repeat(10_000)}` }, 401, 'unknown_credential'],
    ['a certificate in place of a token', { authorization: '', certificateName: 'h1' }, 401, 'unknown_credential'],
    ['no protobuf', { contentType: 'application/json' }, 415, 'malformed'],
    ['an encoding', { contentEncoding: 'zstd' }, 415, 'malformed'],
    ['a large body', { contentLength: MAX + 1 }, 413, 'too_large'],
  ])('%s', async (_what, part, status, result) => {
    using hub = new TestHub();
    const answer = await endpointOf(hub).ask({ body: untouched(), ...part });
    expect(answer).toMatchObject({ status, result });
    expect(hub.counters.get('hub_requests_answered_total', result)).toBe(1);
  });
});

describe('refused after it', () => {
  const batchOf = (host: string) => chunks(encodeBatch(journalOf(host).alerts(1).batch()));

  it.each<[string, () => Partial<Request>, number, string]>([
    ['a batch of another host', () => ({ body: batchOf('h2') }), 403, 'wrong_host'],
    ['no message', () => ({ body: chunks(Buffer.from('{"hi":1}')) }), 400, 'malformed'],
    ['nothing', () => ({ body: chunks(Buffer.alloc(0)) }), 400, 'malformed'],
    ['no gzip', () => ({ contentEncoding: 'gzip', body: chunks(Buffer.from('x')) }), 400, 'malformed'],
    [
      'half of a gzip',
      () => ({ contentEncoding: 'gzip', body: chunks(gzipSync(Buffer.alloc(99)).subarray(0, 15)) }),
      400,
      'malformed',
    ],
    ['more than was announced', () => ({ contentLength: 1, body: chunks(Buffer.alloc(MAX + 1)) }), 413, 'too_large'],
    ['a bomb', () => ({ contentEncoding: 'gzip', body: chunks(gzipSync(Buffer.alloc(8 * MAX))) }), 413, 'too_large'],
    ['a body that breaks off', () => ({ body: untouched() }), 400, 'malformed'],
  ])('%s', async (_what, part, status, result) => {
    using hub = new TestHub();
    const { ask, budget } = endpointOf(hub);
    expect(await ask(part())).toMatchObject({ status, result });
    expect(hub.all('SELECT * FROM hosts')).toEqual([]);
    expect(budget.taken).toBe(0);
  });

  it('a fork', async () => {
    using hub = new TestHub();
    const { ask } = endpointOf(hub);
    const original = journalOf('h1').alerts(1);
    const clone = original.clone();
    original.alerts(1);
    clone.alert({ uuid: 'c' });
    await ask({ body: chunks(encodeBatch(original.batch())) });
    const answer = await ask({ body: chunks(encodeBatch(clone.batch())) });
    expect(answer).toMatchObject({
      status: 409,
      result: 'fork',
      forkSeq: 2,
      durableSeq: 2,
      journalId: clone.journalId,
    });
  });

  it('for now: what the database does not take', async () => {
    using hub = new TestHub();
    let isFull = true;
    const store = async () => {
      if (isFull) throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
      return { stored: 2, durableSeq: 2 };
    };
    const { ask, endpoint } = endpointOf(hub, { ingest: { store } });
    expect(await ask()).toMatchObject({ status: 503, result: 'busy', retryAfterMs: 30_000, retryAfterSeconds: 30 });
    // For whoever asks after its health.
    expect(endpoint.problem).toContain('database or disk is full');
    isFull = false;
    expect(await ask()).toMatchObject({ status: 200 });
    expect(endpoint.problem).toBeUndefined();
  });

  it('for now: bodies beyond what all may hold together', async () => {
    using hub = new TestHub();
    const { ask, budget } = endpointOf(hub);
    for (let i = 0; i < 16; i++) budget.take(MAX / 8 - 1, `h${i + 2}`);
    expect(await ask()).toMatchObject({ status: 503, result: 'busy' });
    for (let i = 0; i < 16; i++) budget.give(MAX / 8 - 1, `h${i + 2}`);
    expect(await ask()).toMatchObject({ status: 200 });
  });
});

describe('room for bodies', () => {
  it('one that would never fit is too large, announced or not', async () => {
    using hub = new TestHub();
    const { ask } = endpointOf(hub, { limits: { maxBytes: MAX, budget: new Budget(1000, MAX) } });
    const body = () => chunks(Buffer.alloc(1001));
    expect(await ask({ body: body() })).toMatchObject({ status: 413, result: 'too_large' });
    expect(await ask({ body: body(), contentLength: 1001 })).toMatchObject({ status: 413, result: 'too_large' });
  });

  it('a sender of large bodies leaves half of it to those of small ones', () => {
    const budget = new Budget(1600, 800);
    const large = ['h1', 'h2'].flatMap((host) => Array.from({ length: 8 }, () => budget.take(100, host)));
    expect(large.filter(Boolean)).toHaveLength(8 + 1);
    expect(['h3', 'h4', 'h5'].map((host) => budget.take(100, host))).toEqual([true, true, true]);
    budget.give(800, 'h1');
    expect(budget.take(300, 'h2')).toBe(true);
  });

  it('the largest body that is allowed is taken, whatever the limits', () => {
    for (const [most, one] of [
      [1600, 1600],
      [1600, 800],
      [800, 1600],
    ] as const) {
      expect(new Budget(most, one).take(Math.min(most, one), 'h1')).toBe(true);
    }
  });
});

describe('credentials', () => {
  it('a host may have several, until it is revoked; then it may be enrolled anew', async () => {
    using hub = new TestHub();
    const { ask, credentials, token } = endpointOf(hub);
    const second = credentials.enrol('h1', NOW_MS, false);
    const status = async (bearer: string) => (await ask({ authorization: `Bearer ${bearer}` })).status;
    expect([await status(token), await status(second)]).toEqual([200, 200]);
    const third = credentials.enrol('h1', NOW_MS, true);
    expect([await status(token), await status(second), await status(third)]).toEqual([401, 401, 200]);
    expect(credentials.revoke('h1', NOW_MS)).toEqual({ tokens: 1, known: true });
    expect(await status(third)).toBe(401);
    expect(await status(credentials.enrol('h1', NOW_MS, false))).toBe(200);
  });

  it('keeps no token', () => {
    using hub = new TestHub();
    const { token } = endpointOf(hub);
    expect(JSON.stringify(hub.all('SELECT hex(hash) AS hash, host_id FROM tokens'))).not.toContain(token.slice(4));
  });

  it.each([
    ['certificate', { certificateName: 'h1', authorization: '' }, 200],
    ['certificate', { certificateName: 'h2', authorization: '' }, 403],
    ['certificate', { authorization: '' }, 401],
    ['certificate', {}, 401],
    ['both', { certificateName: 'fleet' }, 200],
    ['both', { certificateName: 'h1', authorization: '' }, 401],
    ['both', {}, 401],
  ] as const)('where %s is required: %j is answered %i', async (required, part, status) => {
    using hub = new TestHub();
    expect((await endpointOf(hub, { required }).ask(part)).status).toBe(status);
  });

  it('a certificate of a host that was revoked is refused', async () => {
    using hub = new TestHub();
    const { ask, credentials } = endpointOf(hub, { required: 'certificate' });
    credentials.revoke('h1', NOW_MS);
    expect(await ask({ certificateName: 'h1', authorization: '' })).toMatchObject({
      status: 403,
      result: 'wrong_host',
    });
  });
});

it('a gzip bomb is inflated no further than it may', async () => {
  const budget = new Budget(MAX, MAX);
  const member = gzipSync(Buffer.alloc(MAX));
  let asked = 0;
  async function* bomb() {
    for await (const chunk of chunks(Buffer.alloc(1024 * member.length, member), 4096)) {
      asked += chunk.length;
      yield chunk;
    }
  }
  const body = await readBody(bomb(), 'gzip', { maxBytes: MAX, budget }, 'h1');
  expect(body.is).toBe('too_large');
  // 1 GiB of zeros are 1 MiB; what is read of them is what waits in the streams.
  expect(asked).toBeLessThan(250_000);
  expect(budget.taken).toBe(0);
});
