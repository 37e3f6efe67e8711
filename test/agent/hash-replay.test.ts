// Live = replay with hashes: whenever an answer comes among the records, late or never, rules and exceptions that name one
// decide alike in the replay of the recorded facts, alerts have the same hashes, and the same amends follow.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pipeline } from '../../src/agent/pipeline.ts';
import { replayRecording } from '../../src/agent/replay.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { factToJson } from '../../src/enrich/fact-json.ts';
import type { HashAnswer, HashRequest } from '../../src/enrich/hash-answer.ts';
import type { Amendment } from '../../src/enrich/hash-desk.ts';
import type { Frame } from '../../src/record/recording.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { entry, item, LIST, setOf } from '../detect/exceptions/lists.ts';
import { makeRule } from '../detect/rules.ts';
import { FakeHost } from '../enrich/fake-host.ts';
import { encodeBatch, type RecordInput } from '../sensor/encode.ts';

const NAMES = ['tool', 'excepted', 'other'];
const hashes = (ino: number) => ({ sha256: String(ino).repeat(64) });
const ANSWERS: readonly ((ino: number) => HashAnswer)[] = [
  (ino) => ({ hashes: hashes(ino) }),
  (ino) => ({ hashes: hashes(ino), reason: 'metadata_changed' }),
  () => ({ reason: 'gone' }),
  () => ({ reason: 'too_large' }),
];

type Step =
  | { do: 'exec'; ino: number; name: number }
  | { do: 'answer'; kind: number; which: number }
  | { do: 'late'; which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('exec' as const), ino: fc.integer({ min: 1, max: 4 }), name: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const), kind: fc.nat(3), which: fc.nat(3) }) },
  fc.record({ do: fc.constant('late' as const), which: fc.nat(3) }),
);

function newDetector(fields: FieldTable): Detector {
  const rules = [
    makeRule(fields, 'event.action:exec and process.name:(tool or excepted)', { rule_id: 'plain', max_signals: 3 }),
    makeRule(fields, `event.action:exec and process.hash.sha256:${hashes(1).sha256}`, { rule_id: 'hash' }),
    makeRule(fields, `event.action:exec and not process.parent.hash.sha256:${hashes(2).sha256}`, { rule_id: 'not' }),
    makeRule(fields, 'event.action:exec', { rule_id: 'terms' }, ['process.hash.sha256']),
  ];
  const entries = [entry('match', 'process.name', 'excepted'), entry('match', 'process.hash.sha256', hashes(3).sha256)];
  const exceptions = setOf(fields, [{ ...LIST, tags: ['forebear:rule:plain'] }, item(entries)]);
  return new Detector({ rules, exceptions, fields, counters: new Counters() });
}

interface Outcome {
  said: string[];
  frames: Frame[];
  waited: number;
}

const alertText = ({ uuid, rule_id, gaps, document }: Alert) =>
  `alert ${rule_id} ${uuid} ${JSON.stringify([gaps, document])}`;
const amendText = ({ uuid, document }: Amendment) => `amend ${uuid} ${JSON.stringify(document)}`;

function live(steps: readonly Step[]): Outcome {
  const said: string[] = [];
  const frames: Frame[] = [];
  const open = new Map<string, number>();
  const fields = new FieldTable();
  const counters = new Counters();
  const host = new FakeHost({
    fields,
    counters,
    onFact: (placed) => void frames.push({ kind: 'fact', fact: JSON.parse(factToJson(placed)) }),
    hashing: { onAmend: (amendment) => void said.push(amendText(amendment)) },
  });
  const ofFile = (file: string) => Number(file.split(' ')[1]);
  Object.assign(host.surroundings, { wantHash: ({ file }: HashRequest) => void open.set(file, ofFile(file)) });
  const pipeline = new Pipeline(host.enricher, newDetector(fields), (alert) => void said.push(alertText(alert)));
  host.tell = (record: SensorRecord) => {
    frames.push({ kind: 'ring', bytes: encodeBatch([record as RecordInput]) });
    pipeline.take(record);
    return undefined;
  };
  const answer = (which: number, told: (ino: number) => HashAnswer) => {
    const [file, ino] = [...open][which % Math.max(1, open.size)] ?? [];
    if (file === undefined) return;
    open.delete(file);
    pipeline.apply({ kind: 'hash', file, ...told(ino!) });
  };
  run(steps, host, answer, (which) => {
    const [file] = [...open][which % Math.max(1, open.size)] ?? [];
    if (file !== undefined) pipeline.apply({ kind: 'hash_late', file });
  });
  while (open.size > 0) answer(0, () => ({ reason: 'stopping' }));
  return { said, frames, waited: counters.get('enrich_hashes_asked_total') };
}

function run(
  steps: readonly Step[],
  host: FakeHost,
  answer: (which: number, told: (ino: number) => HashAnswer) => void,
  late: (which: number) => void,
): void {
  const inode = (ino: number) => {
    const facts = { ino: BigInt(ino), size: 10n, mtimeNs: 1n, ctimeNs: 2n, devMajor: 8, devMinor: 1 };
    return { ...facts, mode: 0o100755, nlink: 1, uid: 0, gid: 0 };
  };
  host.task(1);
  host.fork(1, 100);
  let pid = 100;
  for (const each of steps) {
    if (each.do === 'answer') answer(each.which, ANSWERS[each.kind]!);
    if (each.do === 'late') late(each.which);
    if (each.do !== 'exec') continue;
    // Each the child of the one before: what it runs is the parent's hash.
    host.fork(pid, ++pid);
    host.exec(pid, `/bin/${NAMES[each.name]}`, [NAMES[each.name]!], { inode: inode(each.ino) });
  }
}

async function replayed(frames: readonly Frame[]): Promise<{ said: string[]; unanswered: number }> {
  const said: string[] = [];
  const fields = new FieldTable();
  const { unanswered } = await replayRecording({
    frames: () => frames,
    version: '0.0.0',
    fields,
    detector: newDetector(fields),
    entryLeader: 'lineage',
    envNames: new Set(),
    counters: new Counters(),
    onAlert: (alert) => void said.push(alertText(alert)),
    onAmend: (amendment) => void said.push(amendText(amendment)),
    signal: new AbortController().signal,
  });
  return { said, unanswered };
}

describe('live = replay', () => {
  it('for whatever comes when', async () => {
    const seen = { alert: 0, amend: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { said, frames } = live(steps);
        for (const text of said) seen[text.startsWith('amend') ? 'amend' : 'alert']++;
        expect(await replayed(frames)).toEqual({ said, unanswered: 0 });
      }),
      { numRuns: 200, seed: 20261125 },
    );
    // The schedules reach what they are for.
    expect(seen.alert).toBeGreaterThan(500);
    expect(seen.amend).toBeGreaterThan(200);
  });

  it('a recording that ends before its answers (a crash) decides all the same, and says what it lacks', async () => {
    const { frames } = live([{ do: 'exec', ino: 1, name: 2 }]);
    const torn = frames.filter((frame) => frame.kind !== 'fact' || !JSON.stringify(frame.fact).includes('"hash"'));
    const { said, unanswered } = await replayed(torn);
    expect(said.map((text) => text.split(' ', 1)[0])).toEqual(['alert', 'amend']);
    expect(said[0]).toContain('alert not ');
    expect(said[1]).toContain('{"forebear":{"hash_reason":"unrecorded"}}');
    expect(unanswered).toBe(1);
  });
});
