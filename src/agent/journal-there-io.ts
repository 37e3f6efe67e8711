// Whether the journal's files are where the agent writes them: one that was removed is written on, into nothing, and no error says
// so. In: what the writer has; out: an error that ends the run, as a run without a journal is none, and at the next start how many records
// have gone with all of it. Called by run.ts each second, and by journal-for-io.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAgentStatus } from '../agent-status.ts';
import { ForebearError } from '../errors.ts';
import type { JournalStatus } from '../journal/journal.ts';

const SEGMENT = /\.fbj$/;

type Written = Pick<JournalStatus, 'directory' | 'segments' | 'expired'>;

/** Looks in a row: retention takes a file away before it says so, and a slow disk may make that long. */
const SURE = 10;

export class JournalThere {
  #before: Written | undefined;
  #looks = 0;

  /** Once a second. Throws FB_JOURNAL_GONE: none of its files is left, or some have been gone for ten looks without retention's doing. */
  assert({ directory, segments, expired }: Written): void {
    const there = segmentsIn(directory);
    const isMissing = there !== undefined && there < segments;
    const isSame = this.#before?.segments === segments && this.#before.expired === expired;
    this.#before = { directory, segments, expired };
    this.#looks = isMissing ? (isSame ? this.#looks + 1 : 1) : 0;
    if (!isMissing || (there > 0 && this.#looks < SURE)) return;
    const gone = `${segments - there} of ${segments} files of the journal have gone: ${directory}`;
    throw new ForebearError('FB_JOURNAL_GONE', gone, {
      hint: 'somebody removed them; what an output or the hub has got is safe, and a new journal begins',
    });
  }
}

/** Before the journal is opened. out: records that the run before had, where none of its files is left; 0: there is nothing to tell. */
export function recordsGone(stateDirectory: string, journalDirectory: string): number {
  if (segmentsIn(journalDirectory) !== 0) return 0;
  try {
    return parseAgentStatus(readFileSync(join(stateDirectory, 'status.json'), 'utf8'))?.journal.durableSeq ?? 0;
  } catch {
    return 0;
  }
}

/** undefined: it cannot be looked at, as no descriptor is left, say: that is no word on what is there. */
function segmentsIn(directory: string): number | undefined {
  try {
    return readdirSync(directory).filter((name) => SEGMENT.test(name)).length;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 0 : undefined;
  }
}
