// On the real file system: modes, the lock between processes, a follower, and writers that are killed again and again.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';
import { append, codeOf, text } from './fixture.ts';
import { killInALoop, listen, startWriter } from './killed-writers.ts';
import { Ledger } from './ledger.ts';

const ROUNDS = 100;
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

it(`writers killed ${ROUNDS} times lose nothing that they acknowledged`, async () => {
  const journals = [1, 2].map((n) => ({ directory: join(base, `journal-${n}`), ledger: new Ledger() }));
  await Promise.all(journals.map(({ directory, ledger }, i) => killInALoop(directory, ledger, ROUNDS / 2, `run${i}-`)));
  for (const { directory, ledger } of journals) {
    const verdict = await ledger.verify(directory);
    console.log(ledger.figure('SIGKILL', ROUNDS / 2, verdict));
    expect(verdict).toMatchObject({ lost: [], duplicated: 0, faults: [] });
    expect([...ledger.refused]).toEqual([]);
    expect(ledger.acknowledged.size).toBeGreaterThan(ROUNDS * 20);
  }
}, 300_000);

it('a writer that lives keeps others out, those of other processes too', async () => {
  const writer = await open();
  const ledger = new Ledger();
  // Refused here as well: which must not cost the writer its lock (fcntl locks go with any descriptor of the file).
  expect(await codeOf(open())).toBe('FB_JOURNAL_LOCKED');
  await listen(startWriter(directory, 'other', { records: 1 }), ledger);
  expect([...ledger.refused]).toEqual([['FB_JOURNAL_LOCKED', 1]]);
  await writer.close();
  await listen(startWriter(directory, 'other', { records: 1 }), ledger);
  expect(ledger.acknowledged.size).toBe(6);
});
