// A journal writer for real-disk.test.ts to kill. Argument: directory, name of this run. Prints "SEQ PAYLOAD" for each record
// once it is acknowledged, or one line "FB_..." when the journal cannot be opened. Appends until it is killed.

import { writeSync } from 'node:fs';
import { openJournal } from '../../src/journal/open-journal.ts';
import { Counters } from '../../src/stats.ts';

const [directory = '', run = ''] = process.argv.slice(2);
const options = { directory, hostIdentity: 'host', hostId: 'host', counters: new Counters(), nowMs: Date.now };

async function append(writer: Awaited<ReturnType<typeof openJournal>>, lane: number): Promise<void> {
  for (let n = 0; ; n++) {
    const payload = `${run}/${lane}/${n}/${'x'.repeat((n * 97) % 3000)}`;
    const seq = await writer.append(Buffer.from(payload), { kind: 'alert', rank: n % 4, wallMs: Date.now() });
    writeSync(1, `${seq} ${payload}\n`);
  }
}

try {
  const writer = await openJournal({ ...options, maxSegmentBytes: 256 * 1024, reserveBytes: 0 });
  await Promise.all([0, 1, 2, 3, 4, 5].map((lane) => append(writer, lane)));
} catch (error) {
  writeSync(1, `${(error as { code?: string }).code}\n`);
}
