// Opens <state>/journal for this host as configured, says how to read it back and how the run before ended. Called by
// agent.ts.

import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { type Config, journalDirectory } from '../config.ts';
import type { StartFact } from '../enrich/surroundings.ts';
import { readForkMarker } from '../journal/fork-marker-io.ts';
import type { JournalExpiry, JournalRecord, JournalWriter } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { readJournal } from '../journal/reader.ts';
import type { Counters } from '../stats.ts';
import { recordsGone } from './journal-there-io.ts';
import { type LastRun, readLastRun } from './last-run.ts';
import { OutputCursors } from './output-cursors-io.ts';

export interface JournalFor {
  config: Config;
  start: StartFact;
  counters: Counters;
  clock: Clock;
}

export interface JournalOfRun {
  journal: JournalWriter;
  read: (fromSeq: number) => AsyncIterable<JournalRecord>;
  /** The run before; undefined: this is the first. */
  lastRun?: LastRun;
  /** Records of the run before whose journal has gone altogether. */
  gone: number;
  /** How far ship has got; looked at again now and then. */
  delivered: OutputCursors;
  /** Who is told what retention drops, beginning with what it dropped at open. */
  onExpired: (listener: (expiry: JournalExpiry) => void) => void;
}

/** Throws FB_JOURNAL_LOCKED and what else openJournal throws; nothing stays open then. */
export async function openJournalFor({ config, start, counters, clock }: JournalFor): Promise<JournalOfRun> {
  const directory = journalDirectory(config.state.directory);
  const { maxBytes, maxAgeMs, segmentBytes, reserveBytes, highSeverityBytes } = config.journal;
  const hostId = start.host.id ?? '';
  const early: JournalExpiry[] = [];
  let listener = (expiry: JournalExpiry): void => {
    early.push(expiry);
  };
  const nowMs = () => clock.wallMs();
  const places = { shipDirectory: config.ship.directory, journalDirectory: directory };
  const delivered = new OutputCursors({ ...places, outputs: config.outputs, nowMs });
  await delivered.refresh();
  const gone = recordsGone(config.state.directory, directory);
  const journal = await openJournal({
    directory,
    hostIdentity: `${hostId} ${readText('/sys/class/dmi/id/product_uuid')}`,
    hostId,
    fork: readForkMarker(config.ship.directory),
    bootId: start.bootId,
    counters,
    nowMs,
    cursors: () => delivered.seqs,
    limits: { maxBytes, maxAgeMs, reservedBytes: highSeverityBytes },
    maxSegmentBytes: segmentBytes,
    reserveBytes,
    onExpired: (expiry) => listener(expiry),
  });
  const source = { directory, counters };
  try {
    const lastRun = await readLastRun(source, journal.status().segments);
    return {
      journal,
      gone,
      delivered,
      read: (fromSeq) => readJournal(source, { fromSeq }),
      ...(lastRun && { lastRun }),
      onExpired: (next) => {
        listener = next;
        for (const expiry of early.splice(0)) next(expiry);
      },
    };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** "" where there is none: a machine without firmware tables, or no right to read them. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
