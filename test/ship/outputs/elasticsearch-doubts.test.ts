import { expect, it } from 'vitest';
import type { Answer, Parcel, Verdict } from '../../../src/ship/output.ts';
import { Doubts } from '../../../src/ship/outputs/bulk-doubts.ts';
import { parcelOf } from './elasticsearch-fixture.ts';

const DOUBT_MS = 5000;

const signal = new AbortController().signal;
const NEW: Verdict = { is: 'delivered' };
const THERE: Verdict = { is: 'delivered', duplicate: true };
const RETRY: Verdict = { is: 'retry', reason: 'later' };
const HOLD: Verdict = { is: 'hold', reason: 'act' };
const LOST: Answer = { of: 'batch', verdict: { is: 'retry', reason: 'timed out' } };
const items = (...verdicts: Verdict[]): Answer => ({ of: 'items', verdicts });
const parcels = (ids: string) => [...ids].map((id) => parcelOf(id));

/** Answers one after the other, at a time that only waiting moves. */
function rig(...answers: Answer[]) {
  const asked: string[] = [];
  let nowMs = 1_000_000;
  const waiting = {
    nowMs: () => nowMs,
    wait: async (ms: number) => {
      nowMs += ms;
    },
  };
  const attempt = async (batch: readonly Parcel[]) => {
    asked.push(batch.map(({ id }) => id).join(''));
    return answers.shift()!;
  };
  const startMs = nowMs;
  const doubts = new Doubts(attempt, DOUBT_MS, waiting);
  const send = (ids: string) => doubts.send(parcels(ids), signal);
  return { asked, send, later: waiting.wait, sinceMs: () => nowMs - startMs };
}

it('asks once more, after a while, for what was there when it had just begun', async () => {
  const { send, asked, sinceMs } = rig(items(THERE, NEW, THERE), items(NEW, THERE));
  expect(await send('abc')).toEqual(items(NEW, NEW, THERE));
  expect(asked).toEqual(['abc', 'ac']);
  expect(sinceMs()).toBe(DOUBT_MS);
});

it('believes it later, at once', async () => {
  const { send, asked, later } = rig(items(THERE), items(THERE, THERE));
  await later(DOUBT_MS);
  expect(await send('a')).toEqual(items(THERE));
  expect(await send('bc')).toEqual(items(THERE, THERE));
  expect(asked).toEqual(['a', 'bc']);
});

it.each<[string, Answer]>([
  ['an attempt of which nobody knows what became', LOST],
  ['a document to be sent again', items(RETRY)],
  ['an answer that was none', { of: 'batch', verdict: HOLD }],
])('doubts it again after %s, for the rest of the time', async (_name, unknown) => {
  const { send, asked, later, sinceMs } = rig(unknown, items(THERE), items(NEW));
  await later(DOUBT_MS * 2);
  expect(await send('a')).toEqual(unknown);
  await later(1000);
  expect(await send('a')).toEqual(items(NEW));
  expect(asked).toEqual(['a', 'a', 'a']);
  expect(sinceMs()).toBe(DOUBT_MS * 3);
});

it('has no doubts where nothing was there, or where what is known is no success', async () => {
  const { send, asked, later, sinceMs } = rig(items(NEW), items(HOLD), items(THERE));
  await send('a');
  expect(sinceMs()).toBe(0);
  await later(DOUBT_MS);
  await send('a');
  await send('a');
  expect(asked).toHaveLength(3);
});

it.each<[string, Answer, Verdict[]]>([
  ['lost again', LOST, [LOST.verdict as Verdict, NEW, LOST.verdict as Verdict]],
  [
    'too large',
    { of: 'batch', verdict: { is: 'split', reason: 's' } },
    [{ is: 'retry', reason: 's' }, NEW, { is: 'retry', reason: 's' }],
  ],
  ['held', items(HOLD, THERE), [HOLD, NEW, THERE]],
])('keeps what the second answer says: %s', async (_name, second, verdicts) => {
  expect(await rig(items(THERE, NEW, THERE), second).send('abc')).toEqual({ of: 'items', verdicts });
});
