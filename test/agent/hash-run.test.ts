// Hashes in a run of the agent without a kernel: what the journal holds of an alert whose hash comes later, never, or was known.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AgentOptions } from '../../src/agent.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { HashAnswer } from '../../src/enrich/hash-answer.ts';
import { ruleText } from '../detect/rule-text.ts';
import { FakeHost } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { journalOf, newFolder, type Run, remove, start, words } from './agent-run.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
});
afterEach(() => remove(state));

const A: HashAnswer = { hashes: { sha256: 'a'.repeat(64) } };
const B: HashAnswer = { hashes: { sha256: 'b'.repeat(64) } };
const fileOf = (ino: number) => `8:1 ${ino} 10 1 2`;

/** bash (inode 10) runs `tool` (inode 5), time and again. */
function story(pid = 102): RecordInput[] {
  const host = new FakeHost();
  const inode = (ino: number) => {
    const facts = { ino: BigInt(ino), size: 10n, mtimeNs: 1n, ctimeNs: 2n, devMajor: 8, devMinor: 1 };
    return { ...facts, mode: 0o100755, nlink: 1, uid: 0, gid: 0 };
  };
  host.fork(1, 101);
  host.exec(101, '/bin/bash', ['bash'], { inode: inode(10) });
  host.fork(101, pid);
  for (let i = 102; i < pid; i++) host.step();
  host.exec(pid, '/tmp/tool', ['tool'], { inode: inode(5) });
  return host.records as RecordInput[];
}

async function toolRule(): Promise<Pick<AgentOptions, 'fields' | 'rules'>> {
  const folder = join(state, 'rules');
  mkdirSync(folder, { recursive: true });
  const keys = { type: '"query"', query: "'event.action:exec and process.name:tool'" };
  writeFileSync(join(folder, 'tool.toml'), ruleText(keys, ''));
  const fields = new FieldTable();
  return { fields, rules: await loadRules([folder], { fields, languages: LANGUAGES, abilities: LINUX_HOST }) };
}

async function started(): Promise<Run> {
  const run = await start(state, await toolRule());
  await run.ready;
  return run;
}

const answer = (run: Run, ino: number, told: HashAnswer) =>
  run.surroundings.listener({ kind: 'hash', file: fileOf(ino), ...told });

it('an alert is in the journal, and shown, before its hash is known; what it lacked follows as one record', async () => {
  const run = await started();
  run.sensor.batch(story());
  await vi.waitFor(() => expect(run.alerts).toHaveLength(1));
  expect(run.surroundings.hashesWanted.map(({ file }) => file)).toEqual([fileOf(5), fileOf(10)]);
  answer(run, 10, B);
  answer(run, 5, A);
  run.stop();
  await run.done;
  const entries = await journalOf(state);
  expect(words(entries)).toEqual(['start', 'alert', 'amend', 'stop']);
  const [, alert, amend] = entries;
  const { uuid } = run.alerts[0]!.alert;
  const document = { process: { hash: A.hashes, parent: { hash: B.hashes } } };
  expect(amend).toMatchObject({ kind: 'amend', amend: { uuid, number: 1, document } });
  expect(alert?.kind === 'alert' && (alert.alert.document.process as { hash?: unknown }).hash).toBeUndefined();
});

it('the next alert of the same file has the hash, and nothing follows', async () => {
  const run = await started();
  run.sensor.batch(story());
  answer(run, 10, { reason: 'too_large' });
  answer(run, 5, A);
  run.sensor.batch(story(103));
  run.stop();
  await run.done;
  const entries = await journalOf(state);
  expect(words(entries).filter((word) => word === 'amend')).toHaveLength(1);
  expect(run.alerts[1]!.alert.document).toMatchObject({
    process: { hash: A.hashes },
    forebear: { parent_hash_reason: 'too_large' },
  });
  expect(run.surroundings.hashesWanted).toHaveLength(2);
});

it('an end before the hash is there is said in the amend', async () => {
  const run = await started();
  run.surroundings.onFinish = () => {
    for (const ino of [5, 10]) answer(run, ino, { reason: 'stopping' });
  };
  run.sensor.batch(story());
  run.stop();
  await run.done;
  const entries = await journalOf(state);
  expect(words(entries)).toEqual(['start', 'alert', 'amend', 'stop']);
  const [, , amend] = entries;
  const reasons = { hash_reason: 'stopping', parent_hash_reason: 'stopping' };
  expect(amend?.kind === 'amend' && amend.amend.document).toEqual({ forebear: reasons });
});

it('what a crash leaves without its amend stays so: the next run repeats neither', async () => {
  const run = await started();
  run.sensor.batch(story());
  // The end of a run that is given no answer: as after a crash, the journal has the alert alone.
  run.stop();
  await run.done;
  const again = await started();
  again.stop();
  await again.done;
  expect(again.surroundings.hashesWanted).toEqual([]);
  expect(words(await journalOf(state))).toEqual(['start', 'alert', 'stop', 'start', 'stop']);
});
