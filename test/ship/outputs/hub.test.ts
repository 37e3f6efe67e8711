import { describe, expect, it } from 'vitest';
import type { OutputOf } from '../../../src/config/outputs.ts';
import { decodeBatch } from '../../../src/proto/ingest-codec.ts';
import { type HubFacts, hubOutput, type Successor } from '../../../src/ship/outputs/hub.ts';
import type { HttpReply } from '../../../src/ship/transport.ts';
import { hubReply, JOURNAL, parcel, reply, ScriptedTransport } from './hub-parcels.ts';

const OTHER = 'ab'.repeat(16);
const NEVER = new AbortController().signal;

function outputOver(transport: ScriptedTransport, part: Partial<HubFacts> = {}) {
  const facts = {
    hostId: 'spare',
    hostName: 'web-1',
    version: '0.1.0',
    onFork: () => {},
    successorOf: async () => undefined,
  };
  return hubOutput({} as OutputOf<'hub'>, transport, { ...facts, ...part });
}

async function answerTo(first: HttpReply, batch = [parcel(1), parcel(2), parcel(3)]) {
  return await outputOver(new ScriptedTransport(first), { hostId: 'host-1' }).send(batch, NEVER);
}

const sent = ({ requests }: ScriptedTransport) => requests.map(({ body }) => decodeBatch(body!));

describe('what is sent', () => {
  it('is one batch with what the journal has of each record', async () => {
    const transport = new ScriptedTransport();
    await outputOver(transport).send([parcel(7)], NEVER);
    const [request] = transport.requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/v1/batches',
      headers: { 'content-type': 'application/x-protobuf' },
    });
    expect(sent(transport)).toEqual([
      {
        ...{ hostId: 'host-1', hostName: 'web-1', journalId: JOURNAL, agentVersion: '0.1.0' },
        records: [
          { seq: 7, kind: 1, rank: 1, wallMs: 1007, payload: Buffer.from('record 7'), link: Buffer.alloc(32, 7) },
        ],
      },
    ]);
  });

  it('a record that says no host is of this one', async () => {
    const transport = new ScriptedTransport();
    await outputOver(transport).send([parcel(1, { hostId: '' })], NEVER);
    expect(sent(transport)[0]?.hostId).toBe('spare');
  });

  it('nothing of a host that has no id: somebody has to act, no record is given up', async () => {
    const transport = new ScriptedTransport();
    const answer = await outputOver(transport, { hostId: '' }).send([parcel(1, { hostId: '' })], NEVER);
    expect(answer).toMatchObject({ of: 'batch', verdict: { is: 'hold' } });
    expect(transport.requests).toEqual([]);
  });

  it('one request for each journal in a batch, in order', async () => {
    const transport = new ScriptedTransport(
      hubReply(200, { result: 'stored', durableSeq: 2, stored: 2 }),
      hubReply(200, { result: 'stored', journalId: OTHER, durableSeq: 3, stored: 1 }),
    );
    const answer = await outputOver(transport).send([parcel(1), parcel(2), parcel(3, { journalId: OTHER })], NEVER);
    expect(sent(transport).map(({ journalId, records }) => [journalId, records.length])).toEqual([
      [JOURNAL, 2],
      [OTHER, 1],
    ]);
    expect(answer).toEqual({ of: 'items', verdicts: Array(3).fill({ is: 'delivered' }) });
  });

  it('nothing of the second journal when the first was refused', async () => {
    const transport = new ScriptedTransport(hubReply(503, { result: 'busy', detail: 'later' }));
    const answer = await outputOver(transport).send([parcel(1), parcel(3, { journalId: OTHER })], NEVER);
    expect(transport.requests).toHaveLength(1);
    expect(answer).toMatchObject({ of: 'items', verdicts: [{ is: 'retry' }, { is: 'retry' }] });
  });
});

describe('what answers mean', () => {
  it.each<[string, HttpReply, object]>([
    ['503 busy', hubReply(503, { result: 'busy', retryAfterMs: 2000 }), { is: 'retry', afterMs: 2000 }],
    ['503 of a proxy', reply(503, '<html>', { retryAfterMs: 9000 }), { is: 'retry', afterMs: 9000 }],
    ['429', reply(429, ''), { is: 'retry' }],
    ['408', reply(408, ''), { is: 'retry' }],
    ['500', reply(500, ''), { is: 'retry' }],
    ['401', hubReply(401, { result: 'unknown_credential', detail: 'a token is required' }), { is: 'hold' }],
    ['403', hubReply(403, { result: 'wrong_host' }), { is: 'hold' }],
    ['403 of a proxy', reply(403, '<html>'), { is: 'hold' }],
    ['404', hubReply(404, { result: 'malformed' }), { is: 'hold' }],
    ['413', hubReply(413, { result: 'too_large' }), { is: 'split' }],
    ['413 of a proxy', reply(413, '<html>'), { is: 'split' }],
    ['400 of the hub', hubReply(400, { result: 'malformed', detail: 'seq' }), { is: 'split' }],
    ['400 of a proxy', reply(400, '<html>No required SSL certificate was sent'), { is: 'hold' }],
    ['a redirect', reply(302, ''), { is: 'hold' }],
    ['415', hubReply(415, { result: 'malformed' }), { is: 'hold' }],
    ['200 of a portal', reply(200, '<html>welcome'), { is: 'hold' }],
    ['200 without a body', reply(200, Buffer.alloc(0)), { is: 'hold' }],
    ['200 that is no message', reply(200, Buffer.from('zz')), { is: 'hold' }],
    ['200 about another journal', hubReply(200, { result: 'stored', journalId: OTHER, durableSeq: 3 }), { is: 'hold' }],
    ['200 with a refusal in it', hubReply(200, { result: 'busy' }), { is: 'hold' }],
    ['200 with a result of a later version', reply(200, Buffer.from('0863', 'hex')), { is: 'hold' }],
    ['409 of something else', reply(409, '<html>'), { is: 'hold' }],
    ['a fork of another journal', hubReply(409, { result: 'fork', journalId: OTHER, forkSeq: 2 }), { is: 'hold' }],
    ['a fork that is not in the batch', hubReply(409, { result: 'fork', forkSeq: 99 }), { is: 'hold' }],
    ['reset', { is: 'broken', verdict: 'retry', code: 'ECONNRESET', reason: 'x' }, { is: 'retry' }],
    ['a bad certificate', { is: 'broken', verdict: 'hold', code: 'CERT_HAS_EXPIRED', reason: 'x' }, { is: 'hold' }],
  ])('%s', async (_what, first, verdict) => {
    expect(await answerTo(first)).toMatchObject({ of: 'batch', verdict });
  });

  it('200: delivered as far as it is durable there, what was known marked', async () => {
    const answer = await answerTo(hubReply(200, { result: 'stored', durableSeq: 2, stored: 1 }));
    expect(answer).toEqual({
      of: 'items',
      verdicts: [
        { is: 'delivered', duplicate: true },
        { is: 'delivered', duplicate: true },
        { is: 'retry', reason: 'the hub has only what comes before 3' },
      ],
    });
  });

  it('no reason is longer than 200 characters or moves a cursor', async () => {
    const answer = await answerTo(reply(403, `\u001b]52;c;${'x'.repeat(5000)}`));
    const { reason } = (answer as { verdict: { reason: string } }).verdict;
    expect(reason.length).toBeLessThanOrEqual(200);
    expect(reason).not.toContain('\u001b');
  });
});

describe('records of the host from which this one was copied', () => {
  const refused = hubReply(403, { result: 'wrong_host', detail: 'not good' });

  it('become dead letters, as the hub does not take them from here; what is its own goes on', async () => {
    const transport = new ScriptedTransport(refused, hubReply(200, { result: 'stored', durableSeq: 3, stored: 1 }));
    const foreign = { hostId: 'image' };
    const batch = [parcel(1, foreign), parcel(2, foreign), parcel(3)];
    const answer = await outputOver(transport, { hostId: 'host-1' }).send(batch, NEVER);
    expect(answer).toMatchObject({ verdicts: [{ is: 'rejected' }, { is: 'rejected' }, { is: 'delivered' }] });
    expect(sent(transport).map(({ hostId }) => hostId)).toEqual(['image', 'host-1']);
  });

  it.each([
    ['its own, whose credential is wrong', {}, { hostId: 'host-1' }],
    ['some, where it is not known who this host is', { hostId: 'image' }, { hostId: '' }],
  ])('%s: held', async (_what, part, facts) => {
    const answer = await outputOver(new ScriptedTransport(refused), facts).send([parcel(1, part)], NEVER);
    expect(answer).toMatchObject({ verdict: { is: 'hold' } });
  });
});

describe('a fork', () => {
  it('holds what is behind it and tells the agent', async () => {
    const told: unknown[] = [];
    const transport = new ScriptedTransport(hubReply(409, { result: 'fork', forkSeq: 2, durableSeq: 50, stored: 1 }));
    const output = outputOver(transport, { onFork: (...fork) => void told.push(fork) });
    const answer = await output.send([parcel(1), parcel(2), parcel(3)], NEVER);
    expect(answer).toMatchObject({ of: 'items', verdicts: [{ is: 'delivered' }, { is: 'hold' }, { is: 'hold' }] });
    expect(told).toEqual([[JOURNAL, 2]]);
  });

  it('holds all the same when the agent cannot be told', async () => {
    const transport = new ScriptedTransport(hubReply(409, { result: 'fork', forkSeq: 1 }));
    const onFork = () => Promise.reject(new Error('read-only'));
    const answer = await outputOver(transport, { onFork }).send([parcel(1)], NEVER);
    expect(answer).toMatchObject({ verdicts: [{ is: 'hold', reason: expect.stringContaining('read-only') }] });
  });

  it('that another hub told of at a later record: what is behind this one goes under the new id, too', async () => {
    const told: unknown[] = [];
    const transport = new ScriptedTransport(
      hubReply(409, { result: 'fork', forkSeq: 2 }),
      hubReply(200, { result: 'stored', journalId: OTHER, durableSeq: 3, stored: 2 }),
    );
    const successor = { journalId: OTHER, fromSeq: 9 };
    const onFork = (...fork: unknown[]) => void told.push(fork);
    const output = outputOver(transport, { onFork, successorOf: async () => successor });
    const first = await output.send([parcel(1), parcel(2), parcel(3)], NEVER);
    expect(first).toMatchObject({ verdicts: [{ is: 'delivered' }, { is: 'retry' }, { is: 'retry' }] });
    const second = await output.send([parcel(2), parcel(3)], NEVER);
    expect(second).toMatchObject({ verdicts: [{ is: 'delivered' }, { is: 'delivered' }] });
    expect(sent(transport).map(({ journalId }) => journalId)).toEqual([JOURNAL, OTHER]);
    // The agent has done its part.
    expect(told).toEqual([]);
  });

  it('is over once the agent has begun another journal id: what is behind it goes there', async () => {
    let successor: Successor | undefined;
    const transport = new ScriptedTransport(
      hubReply(409, { result: 'fork', forkSeq: 2 }),
      hubReply(200, { result: 'stored', durableSeq: 1, stored: 0 }),
      hubReply(200, { result: 'stored', journalId: OTHER, durableSeq: 3, stored: 2 }),
    );
    const output = outputOver(transport, { successorOf: async () => successor });
    const batch = [parcel(1), parcel(2), parcel(3)];
    await output.send(batch, NEVER);
    successor = { journalId: OTHER, fromSeq: 2 };
    const answer = await output.send(batch, NEVER);
    expect(sent(transport).map(({ journalId, records }) => [journalId, records.map(({ seq }) => seq)])).toEqual([
      [JOURNAL, [1, 2, 3]],
      [JOURNAL, [1]],
      [OTHER, [2, 3]],
    ]);
    expect(answer).toMatchObject({ of: 'items', verdicts: Array(3).fill({ is: 'delivered' }) });
  });
});
