import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAgent } from '../../src/metrics/agent-snapshot-io.ts';
import { NOW, snapshot } from '../commands/sample-status.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-metrics-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'status.json');
const put = (value: unknown) => writeFileSync(file(), JSON.stringify(value));

it('a fresh snapshot is read, and no problem', () => {
  put(snapshot());
  expect(readAgent(folder, NOW)).toEqual({ status: snapshot() });
});

it.each<[string, () => void, string]>([
  ['absent', () => {}, "the agent's status.json cannot be read: no such file or directory"],
  ['a folder', () => mkdirSync(file()), "the agent's status.json is none of this version"],
  [
    'a FIFO that nobody writes',
    () => void spawnSync('mkfifo', [file()]),
    "the agent's status.json is none of this version",
  ],
  [
    'a device without an end',
    () => symlinkSync('/dev/zero', file()),
    "the agent's status.json is none of this version",
  ],
  [
    'larger than a snapshot can be',
    () => {
      writeFileSync(file(), '');
      truncateSync(file(), 1 << 30);
    },
    "the agent's status.json is none of this version",
  ],
  ['empty', () => writeFileSync(file(), ''), "the agent's status.json is none of this version"],
  [
    'cut off',
    () => writeFileSync(file(), JSON.stringify(snapshot()).slice(0, -9)),
    "the agent's status.json is none of this version",
  ],
  ['of another version', () => put({ ...snapshot(), schema: 2 }), "the agent's status.json is none of this version"],
  [
    'with figures that are none',
    () => put({ ...snapshot(), process: { cpuSeconds: 'x' } }),
    "the agent's status.json is none of this version",
  ],
  [
    'with a cost without a name',
    () => put({ ...snapshot(), ruleCosts: { rules: [{}], all: {} } }),
    "the agent's status.json is none of this version",
  ],
])('what is %s is a problem, and nothing hangs', (_name, make, problem) => {
  make();
  expect(readAgent(folder, NOW)).toEqual({ problem });
});

it.each([
  ['an old one', { nowMs: NOW - 11_000 }, "the agent's status.json is 11 s old"],
  ['one of an agent that stopped', { stoppedMs: NOW }, 'the agent has been stopped'],
  ['one from the future', { nowMs: NOW + 1e9 }, undefined],
])('of %s it is said what is wrong with it', (_name, part, problem) => {
  put(snapshot(part));
  expect(readAgent(folder, NOW)).toMatchObject({ status: part });
  expect(readAgent(folder, NOW).problem).toBe(problem);
});
