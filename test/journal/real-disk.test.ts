// On the real file system: modes, the lock between processes, a follower, and a writer that is killed again and again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';
import { RUNTIME_FLAGS } from '../../vitest.config.ts';
import { append, codeOf, text } from './fixture.ts';

const ROUNDS = 20;
let base: string;
let directory: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-journal-'));
  directory = join(base, 'state/journal');
});
afterEach(() => rmSync(base, { recursive: true }));

function open() {
  const counters = new Counters();
  return openJournal({
    directory,
    hostIdentity: 'host',
    hostId: 'host',
    counters,
    nowMs: Date.now,
    reserveBytes: 65_536,
  });
}

function startChild(run: string): ChildProcess {
  const child = join(import.meta.dirname, 'writer-child.ts');
  return spawn(process.execPath, [...RUNTIME_FLAGS, child, directory, run], { stdio: ['ignore', 'pipe', 'inherit'] });
}

it('makes its directory 0750 and its files 0640, and leaves nothing else behind', async () => {
  const writer = await open();
  await append(writer, 'a');
  await writer.close();
  expect(statSync(directory).mode & 0o777).toBe(0o750);
  const files = readdirSync(directory).sort();
  expect(files).toEqual(['0000000000000001-0000.fbj', 'commit', 'journal.json', 'lock', 'reserve']);
  for (const file of files) {
    expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o640);
  }
  expect(statSync(join(directory, 'lock')).size).toBe(0);
});

it('refuses a second writer in the same process too', async () => {
  const writer = await open();
  expect(await codeOf(open())).toBe('FB_JOURNAL_LOCKED');
  expect(await append(writer, 'still here')).toBe(1);
  expect(await codeOf(open())).toBe('FB_JOURNAL_LOCKED');
  await writer.close();
  await (await open()).close();
});

it('a follower in the same boot sees each record once it is durable', async () => {
  const writer = await open();
  const stop = new AbortController();
  const records = readJournal({ directory, counters: new Counters() }, { follow: true, signal: stop.signal });
  for (const each of ['a', 'b', 'c']) {
    const next = records.next();
    await append(writer, each);
    expect(text((await next).value!)).toBe(each);
  }
  stop.abort();
  expect((await records.next()).done).toBe(true);
  await writer.close();
});

/** Runs a writer until it has acknowledged so many records, then kills it. out: what it acknowledged. */
async function runAndKill(run: string, kill: number): Promise<Map<number, string>> {
  const child = startChild(run);
  const acknowledged = new Map<number, string>();
  for await (const line of createInterface({ input: child.stdout! })) {
    const [, seq, payload] = /^(\d+) (\S+)$/.exec(line) ?? [];
    if (seq === undefined || payload === undefined) throw new Error(`the writer said ${line}`);
    acknowledged.set(Number(seq), payload);
    if (acknowledged.size === kill) {
      expect(await codeOf(open())).toBe('FB_JOURNAL_LOCKED');
      child.kill('SIGKILL');
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return acknowledged;
}

it(`a writer killed ${ROUNDS} times loses nothing that it acknowledged`, async () => {
  const acknowledged = new Map<number, string>();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [seq, payload] of await runAndKill(`run${round}`, 20 + ((round * 37) % 150))) {
      expect(acknowledged.has(seq), `seq ${seq} was given twice`).toBe(false);
      acknowledged.set(seq, payload);
    }
  }
  const writer = await open();
  const last = await append(writer, 'end');
  await writer.close();
  const found = new Map<number, string>();
  for await (const record of readJournal({ directory, counters: new Counters() })) found.set(record.seq, text(record));
  const lost = [...acknowledged].filter(([seq, payload]) => found.get(seq) !== payload);
  const duplicated = found.size - new Set(found.values()).size;
  console.log(
    `journal: SIGKILL ${ROUNDS} rounds, acknowledged ${acknowledged.size}, lost ${lost.length}, duplicated ${duplicated}, ` +
      `kept though not acknowledged ${found.size - 1 - acknowledged.size}`,
  );
  expect(lost).toEqual([]);
  expect(duplicated).toBe(0);
  expect([...found.keys()]).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  const check = await checkJournal({ directory, counters: new Counters() });
  expect(check.faults).toEqual([]);
}, 120_000);
