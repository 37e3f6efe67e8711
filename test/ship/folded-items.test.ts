// Amends go with their alerts, fresh ones and those of a backlog alike.

import { expect, it } from 'vitest';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { encodeAmend } from '../../src/proto/record-codec.ts';
import { foldedItems } from '../../src/ship/folded-items.ts';
import type { KnownRecord } from '../../src/ship/parcels.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { FakeTime, JOURNAL, positionOf } from './fixture.ts';

const WANTED = { kinds: new Set(['alert', 'amend', 'clock'] as const), severity: 'low', selftest: true } as const;

type Step = ['alert' | 'amend', string, number] | ['clock', '', number];

/** What becomes of records of these times: ids of alerts with how much was folded into them, in order. */
async function become(steps: readonly Step[], nowMs: number): Promise<string[]> {
  const waiting = new FakeTime();
  waiting.ms = nowMs;
  const records = steps.map(([kindName, uuid, wallMs], i): KnownRecord => {
    const document = { 'kibana.alert.uuid': uuid };
    const alert = () => encodeAlert(sampleAlert({ uuid, document }));
    const amend = () => encodeAmend({ uuid, number: 1, document: { hash: 'x' } });
    const payload = kindName === 'alert' ? alert() : kindName === 'amend' ? amend() : Buffer.alloc(0);
    return { seq: i + 1, kind: 1, kindName, rank: 1, wallMs, journalId: JOURNAL, payload };
  });
  async function* source() {
    yield* records;
  }
  const found: string[] = [];
  const options = { wanted: WANTED, waiting, positionOf: ({ seq }: KnownRecord) => positionOf(seq) };
  for await (const { parcel } of foldedItems(source(), options, new AbortController().signal)) {
    if (parcel !== undefined)
      found.push(`${parcel.kind}${parcel.folded === undefined ? '' : `+${parcel.folded.length}`}`);
  }
  return found;
}

it.each<[string, Step[], string[]]>([
  [
    'what comes within two seconds',
    [
      ['alert', 'u', 0],
      ['amend', 'u', 2000],
    ],
    ['alert+1'],
  ],
  [
    'what comes later goes on its own',
    [
      ['alert', 'u', 0],
      ['amend', 'u', 2001],
    ],
    ['alert', 'amend'],
  ],
  [
    'with others between them',
    [
      ['alert', 'u', 0],
      ['alert', 'v', 5],
      ['clock', '', 6],
      ['amend', 'u', 9],
    ],
    ['alert+1', 'alert', 'clock'],
  ],
  [
    'not into another alert',
    [
      ['alert', 'u', 0],
      ['amend', 'v', 1],
    ],
    ['alert', 'amend'],
  ],
  [
    'not before its alert',
    [
      ['amend', 'u', 0],
      ['alert', 'u', 1],
    ],
    ['amend', 'alert'],
  ],
])('%s', async (_what, steps, expected) => {
  expect(await become(steps, 0)).toEqual(expected);
  expect(await become(steps, 3_600_000), 'an hour later').toEqual(expected);
});

it.each([-365, 365])('holds nothing for longer where the clock is set by %i days meanwhile', async (days) => {
  const waiting = new FakeTime();
  const payload = encodeAlert(sampleAlert({ uuid: 'u', document: { 'kibana.alert.uuid': 'u' } }));
  const stop = new AbortController();
  async function* source(): AsyncGenerator<KnownRecord> {
    yield { seq: 1, kind: 1, kindName: 'alert', rank: 1, wallMs: waiting.ms, journalId: JOURNAL, payload };
    waiting.ms += days * 86_400_000;
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  }
  const options = { wanted: WANTED, waiting, positionOf: ({ seq }: KnownRecord) => positionOf(seq) };
  const items = foldedItems(source(), options, stop.signal);
  expect((await items.next()).value).toMatchObject({ position: { seq: 1 } });
  expect(waiting.waits.filter((ms) => ms > 2000)).toEqual([]);
  expect(waiting.waits.length).toBeLessThan(5);
  stop.abort();
  await items.return(undefined);
});
