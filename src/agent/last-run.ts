// How the run before ended, out of its journal: by itself or not, when its last record was made, what it was configured with.
// Reads the newest segments only, whatever the backlog: a run that made more than these since its start had not stopped.
// Called by journal-for-io.ts before this run writes.

import type { JournalRecord } from '../journal/journal.ts';
import { type JournalSource, readLast } from '../journal/reader.ts';
import { decodeLifecycle, type Lifecycle } from '../proto/record-codec.ts';

export interface LastRun {
  /** It left no stop record. */
  unclean: boolean;
  /** Of its last record, milliseconds since 1970: it lived then, heartbeats say so each minute. */
  endMs: number;
  /** Its last start, stop or change of configuration; undefined: not among the newest records, or not to be read. */
  record?: Lifecycle;
}

const SEGMENTS = 4;

/** in: where, how many segments there are; out: undefined: there was none. Throws as readJournal does. */
export async function readLastRun(source: JournalSource, segments: number): Promise<LastRun | undefined> {
  let newest: JournalRecord | undefined;
  const isLifecycle = (record: JournalRecord) => {
    if (newest === undefined || record.seq > newest.seq) newest = record;
    return record.kindName === 'lifecycle';
  };
  const [last] = await readLast(source, 1, isLifecycle, { segments: SEGMENTS });
  if (newest === undefined) return undefined;
  // Records without any of a run: a journal that no agent has written, or whose first run never got to its start.
  if (last === undefined && segments <= SEGMENTS) return undefined;
  const record = last && decoded(last);
  return { unclean: record?.event !== 'stop', endMs: newest.wallMs, ...(record && { record }) };
}

function decoded({ payload }: JournalRecord): Lifecycle | undefined {
  try {
    return decodeLifecycle(payload);
  } catch {
    return undefined;
  }
}
