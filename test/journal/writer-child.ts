// A journal writer for other processes to kill, starve and fail. in: directory, name of this run, and as JSON: records per lane
// (default: until killed), bytes of a segment, bytes of the reserve. out: the lines that ledger.ts takes: "+ SEQ ID" for each
// record once it is acknowledged, "- CODE" for each refused, or for a journal that cannot be opened, "# COUNTER VALUE" at its end.

import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { type OpenJournalOptions, openJournal } from '../../src/journal/open-journal.ts';
import { Counters } from '../../src/stats.ts';
import { payloadOf } from './ledger.ts';

export interface ChildOptions {
  records?: number;
  maxSegmentBytes?: number;
  reserveBytes?: number;
}

const LANES = [0, 1, 2, 3, 4, 5];
const [directory = '', run = '', json = '{}'] = process.argv.slice(2);
const { records = Number.POSITIVE_INFINITY, ...sizes } = JSON.parse(json) as ChildOptions;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const codeOf = (error: unknown) => String((error as { code?: unknown }).code);

async function append(writer: Awaited<ReturnType<typeof openJournal>>, lane: number): Promise<void> {
  for (let n = 0; n < records; n++) {
    const id = `${run}/${lane}/${n}`;
    const options = { kind: 'alert' as const, rank: n % 4, wallMs: Date.now() };
    await writer.append(Buffer.from(payloadOf(id)), options).then(
      (seq) => say(`+ ${seq} ${id}`),
      (error: unknown) => say(`- ${codeOf(error)}`),
    );
  }
}

flushCompileCache();
const counters = new Counters();
const identity = { hostIdentity: 'host', hostId: 'host', counters, nowMs: Date.now };
const options: OpenJournalOptions = { directory, ...identity, maxSegmentBytes: 256 * 1024, reserveBytes: 0, ...sizes };
try {
  const writer = await openJournal(options);
  await Promise.all(LANES.map((lane) => append(writer, lane)));
  await writer.close();
} catch (error) {
  say(`- ${codeOf(error)}`);
}
for (const [name, value] of counters.entries()) say(`# ${name} ${value}`);
