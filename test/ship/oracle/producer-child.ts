// Appends alerts to a journal as the agent would, until it is killed. Arguments: directory, name of this run. Prints "SEQ ID" for each
// that was acknowledged; one in fifty has an id that the endpoint of the test never takes.

import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { openJournal } from '../../../src/journal/open-journal.ts';
import { Counters } from '../../../src/stats.ts';
import { alertBytes } from './alert-bytes.ts';

flushCompileCache();
const [directory = '', run = ''] = process.argv.slice(2);
const journal = await openJournal({
  directory,
  ...{ hostIdentity: 'host', hostId: 'host', counters: new Counters(), nowMs: Date.now },
  ...{ maxSegmentBytes: 128 * 1024, reserveBytes: 0 },
});

async function lane(name: number): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${run}-${name}-${n}${n % 50 === 49 ? '-unfit' : ''}`;
    const seq = await journal.append(alertBytes(id, Date.now()), { kind: 'alert', rank: 1, wallMs: Date.now() });
    writeSync(1, `${seq} ${id}\n`);
    await pause(2);
  }
}

await Promise.all([0, 1, 2, 3].map(lane));
