// <state>/leaders.json: what a run reads, refuses and leaves.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readLeaders, writeLeaders } from '../../src/enrich/leaders-io.ts';
import type { SavedLeaders } from '../../src/enrich/saved-leaders.ts';
import { LiveSurroundings } from '../../src/enrich/surroundings-io.ts';
import { Counters } from '../../src/stats.ts';
import { sshSession } from './ssh-session.ts';

let folder: string;
let counters: Counters;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fb-leaders-'));
  counters = new Counters();
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'leaders.json');
const saved = (bootId: string): SavedLeaders => ({ ...sshSession().enricher.leaders(), bootId });

it('what is written is read, whole, by its owner alone, and nothing else is left', () => {
  writeLeaders(folder, saved('old'));
  writeLeaders(folder, saved('boot'));
  expect(readLeaders(folder, 'boot', counters)).toEqual(saved('boot'));
  expect(readdirSync(folder)).toEqual(['leaders.json']);
  expect(statSync(file()).mode & 0o027).toBe(0);
});

it('there is none, or one of another boot', () => {
  expect(readLeaders(folder, 'boot', counters)).toBeUndefined();
  writeLeaders(folder, saved('another'));
  expect(readLeaders(folder, 'boot', counters)).toBeUndefined();
  expect(counters.entries()).toEqual([]);
});

it.each(['', '{"schema":1,"leaders":[', 'null', '[]', '{"schema":"1"}', '\0'])(
  'a damaged file is counted: %j',
  (text) => {
    writeFileSync(file(), text);
    expect(readLeaders(folder, 'boot', counters)).toBeUndefined();
    expect(counters.get('enrich_leader_files_damaged_total')).toBe(1);
  },
);

it('one of a newer version is refused and not touched', () => {
  writeFileSync(file(), '{"schema":3,"bootId":"boot"}');
  expect(() => readLeaders(folder, 'boot', counters)).toThrow(
    expect.objectContaining({ code: 'FB_ENRICH_LEADERS_NEWER' }),
  );
  expect(readFileSync(file(), 'utf8')).toBe('{"schema":3,"bootId":"boot"}');
});

it('is part of the start of a run on the same boot', async () => {
  const clock = { wallMs: () => 0, bootNs: () => 0n };
  const live = () => new LiveSurroundings({ clock, counters, stateDirectory: folder });
  const { bootId, leaders } = await live().start();
  expect(leaders).toBeUndefined();
  writeLeaders(folder, saved(bootId));
  expect((await live().start()).leaders).toEqual(saved(bootId));
});
