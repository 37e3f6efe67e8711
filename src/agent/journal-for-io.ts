// Opens <state>/journal for this host as configured, and says how to read it back. Called by agent.ts.

import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { type Config, journalDirectory } from '../config.ts';
import type { StartFact } from '../enrich/surroundings.ts';
import type { JournalExpiry, JournalRecord, JournalWriter } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { readJournal, readLast } from '../journal/reader.ts';
import { decodeLifecycle } from '../proto/record-codec.ts';
import type { Counters } from '../stats.ts';

export interface JournalFor {
  config: Config;
  start: StartFact;
  counters: Counters;
  clock: Clock;
  onExpired: (expiry: JournalExpiry) => void;
}

/** Throws FB_JOURNAL_LOCKED and what else openJournal throws. */
export async function openJournalFor({ config, start, counters, clock, onExpired }: JournalFor): Promise<{
  journal: JournalWriter;
  read: (fromSeq: number) => AsyncIterable<JournalRecord>;
  /** The run before left no stop record. */
  afterUncleanStop: boolean;
}> {
  const directory = journalDirectory(config.state.directory);
  const { maxBytes, maxAgeMs, segmentBytes, reserveBytes, highSeverityBytes } = config.journal;
  const hostId = start.host.id ?? '';
  const journal = await openJournal({
    directory,
    hostIdentity: `${hostId} ${readText('/sys/class/dmi/id/product_uuid')}`,
    hostId,
    bootId: start.bootId,
    counters,
    nowMs: () => clock.wallMs(),
    limits: { maxBytes, maxAgeMs, reservedBytes: highSeverityBytes },
    maxSegmentBytes: segmentBytes,
    reserveBytes,
    onExpired,
  });
  const source = { directory, counters };
  const [last] = await readLast(source, 1, ({ kindName }) => kindName === 'lifecycle');
  return {
    journal,
    read: (fromSeq) => readJournal(source, { fromSeq }),
    afterUncleanStop: last !== undefined && decodeLifecycle(last.payload).event === 'start',
  };
}

/** "" where there is none: a machine without firmware tables, or no right to read them. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
