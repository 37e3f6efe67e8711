// Runs in the guest of npm run powerloss: says what of the journal is there after the boot, then appends until the power is
// gone. in: directory, name of this run, first seq to list, mode ("nosync" leaves out all syncs). out, on the console, which
// other messages share: "@ = SEQ ID" for each record from that seq on, "@ faults JSON" of the check from end to end,
// "@ ready", then "@ + SEQ ID" for each record once it is acknowledged, "@ - CODE" for each refused.

import { writeSync } from 'node:fs';
import { checkJournal } from '../../src/journal/check.ts';
import { type JournalFile, type JournalIo, nodeJournalIo } from '../../src/journal/journal-io.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';
import { payloadOf } from '../journal/ledger.ts';

const LANES = [0, 1, 2, 3, 4, 5];
const [directory = '', run = '', from = '1', mode = 'sync'] = process.argv.slice(2);
const counters = new Counters();

function say(words: string): void {
  writeSync(1, `@ ${words}\n`);
}

/** Says that it syncs, and does not. */
const withoutSync: JournalIo = {
  ...nodeJournalIo,
  open: async (path, how) => {
    const file = await nodeJournalIo.open(path, how);
    const bound: JournalFile = {
      write: (bytes, offset) => file.write(bytes, offset),
      read: (into, offset) => file.read(into, offset),
      datasync: async () => {},
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    };
    return bound;
  },
  fsyncDir: async () => {},
};

async function sayWhatIsThere(): Promise<void> {
  const faults: unknown[] = [];
  const source = { directory, counters };
  const onDamage = (damage: unknown) => faults.push(damage);
  for await (const { seq, payload } of readJournal(source, { fromSeq: Number(from), onDamage })) {
    const text = Buffer.from(payload).toString('latin1');
    const id = text.slice(0, text.lastIndexOf('/'));
    say(`= ${seq} ${payloadOf(id) === text ? id : 'damaged'}`);
  }
  faults.push(...(await checkJournal(source)).faults);
  say(`faults ${JSON.stringify(faults)}`);
}

const io = mode === 'nosync' ? withoutSync : nodeJournalIo;
const options = { directory, hostIdentity: 'guest', hostId: 'guest', counters, nowMs: Date.now, io };
const writer = await openJournal({ ...options, maxSegmentBytes: 256 * 1024, reserveBytes: 0 });
say(`faults ${JSON.stringify(writer.damage)}`);
await sayWhatIsThere();
say('ready');

async function append(lane: number): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${run}/${lane}/${n}`;
    await writer.append(Buffer.from(payloadOf(id)), { kind: 'alert', rank: n % 4, wallMs: Date.now() }).then(
      (seq) => say(`+ ${seq} ${id}`),
      (error: unknown) => say(`- ${String((error as { code?: unknown }).code)}`),
    );
  }
}

await Promise.all(LANES.map((lane) => append(lane)));
