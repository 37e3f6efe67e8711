// The rows of `status` about outputs, for each state of the shipper and of a lane.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outputRows, readShipStatus } from '../../src/commands/status-outputs.ts';
import { painter } from '../../src/commands/terminal.ts';
import { parseConfig } from '../../src/config.ts';
import { type OutputStatus, parseShipStatus, type ShipStatus, withLag } from '../../src/ship/ship-status.ts';

const NOW = 1_800_000_000_000;
const config = parseConfig('[outputs.a]\ntype = "file"\npath = "x"\n[ship]\ndirectory = "/s"', 'test');
const OUTPUT: OutputStatus = {
  ...{ name: 'a', type: 'file', state: 'idle', sinceMs: NOW, cursorSeq: 10, delivered: 9, rejected: 0 },
  ...{ lagRecords: 0, lagSeconds: 0, deadLetters: 0, lastDeliveredMs: NOW - 5000 },
};

function rows(output: Partial<OutputStatus> = {}, ship: Partial<ShipStatus> = {}, alive = true): string[] {
  const status: ShipStatus = {
    ...{ schema: 1, version: '1', pid: 7, startedMs: NOW - 60_000, nowMs: NOW - 500, counters: {} },
    ...{ outputs: [{ ...OUTPUT, ...output }], ...ship },
  };
  return outputRows(config, status, NOW, () => alive, painter(false)).map(([, text]) => text);
}

describe('the shipper', () => {
  it.each<[string, string[]]>([
    ['shipping for 1m, pid 7', rows()],
    ['forebear ship is stopped; below: its last status', rows({}, { stoppedMs: NOW })],
    ['forebear ship, pid 7, is gone; below: its last status', rows({}, {}, false)],
    ['forebear ship does not answer, its status is 20s old', rows({}, { nowMs: NOW - 20_000 })],
    [
      'forebear ship has not run (/s)',
      outputRows(config, undefined, NOW, () => true, painter(false)).map(([, t]) => t),
    ],
  ])('%s', (text, found) => expect(found[0]).toBe(text));
});

describe('an output', () => {
  it.each<[string, string[]]>([
    ['a (file): up to date, at 10, last delivery 5s ago', rows()],
    [
      'a (file): holds, somebody has to act, at 10, 3 behind (1m), last delivery 5s ago, 401 no, next attempt in 30s',
      rows({ state: 'hold', lagRecords: 3, lagSeconds: 60, lastAnswer: '401 no', nextAttemptMs: NOW + 30_000 }),
    ],
    [
      'a (file): up to date, at 10, last delivery 5s ago, 2 dead letters (forebear ship dead list)',
      rows({ deadLetters: 2 }),
    ],
    ['a (file): never run', rows({ name: 'other' })],
    ['a (file): tries again, at 10, last delivery 5s ago, \\x1b[2J', rows({ state: 'retry', lastAnswer: '\u001b[2J' })],
  ])('%s', (text, found) => expect(found[1]).toBe(text));

  it('has no row where none is configured', () => {
    expect(outputRows(parseConfig('', 'test'), undefined, NOW, () => true, painter(false))).toEqual([]);
  });
});

function snapshot(part: object): string {
  return JSON.stringify({ schema: 1, outputs: [{ ...OUTPUT, ...part }], pid: 1, nowMs: 1, startedMs: 1 });
}

it('a snapshot', () => expect(parseShipStatus(snapshot({}))).toBeDefined());

it('a FIFO in its place is none', () => {
  const base = mkdtempSync(join(tmpdir(), 'forebear-status-'));
  execFileSync('mkfifo', [join(base, 'status.json')]);
  expect(readShipStatus(base)).toBeUndefined();
  rmSync(base, { recursive: true });
});

it.each([
  ['no JSON', '{'],
  ['of another version', '{"schema":9,"outputs":[],"pid":1,"nowMs":1,"startedMs":1}'],
  ['with outputs that are none', '{"schema":1,"outputs":[{"name":1}],"pid":1,"nowMs":1,"startedMs":1}'],
  ['in a state that there is not', snapshot({ state: '\u001b]52;c;AAAA\u0007' })],
  ['in a state that objects have', snapshot({ state: 'constructor' })],
  ['with an answer that is no text', snapshot({ lastAnswer: { replace: 1 } })],
  ['with a time that is none', snapshot({ nextAttemptMs: 'soon' })],
])('a snapshot that is %s is none', (_name, text) => expect(parseShipStatus(text)).toBeUndefined());

it.each([
  [10, {}, 0, 0],
  [12, { cursorMs: NOW - 3000 }, 2, 3],
  [12, { cursorMs: NOW - 3000, pendingMs: NOW - 2000 }, 2, 2],
])('lag behind the newest record, %i', (seq, part, records, seconds) => {
  const { lagRecords, lagSeconds } = withLag({ ...OUTPUT, ...part }, { seq, wallMs: NOW }, 0, NOW);
  expect([lagRecords, lagSeconds]).toEqual([records, seconds]);
});
