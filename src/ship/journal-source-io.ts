// The journal as a lane's source: records behind a cursor, past damage, with their links, amends folded, those left out that the
// output does not want. A cursor that does not fit the journal (another journal in its place, a restored snapshot) begins again
// at the first record: sent again, never skipped.

import { readMark } from '../journal/commit-mark.ts';
import type { JournalDamage, JournalRecord } from '../journal/journal.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { readJournal, readLast, replaced } from '../journal/reader.ts';
import type { Counters } from '../stats.ts';
import { foldedItems, itemOf, type Wanted } from './folded-items.ts';
import type { Folded } from './folding.ts';
import type { KnownRecord } from './parcels.ts';
import type { Item, Position, Source } from './source.ts';
import type { Waiting } from './wait.ts';

export interface JournalSourceOptions {
  directory: string;
  wanted: Wanted;
  follow: boolean;
  /** false: every record as it is, for the hub, which folds by itself. */
  fold: boolean;
  counters: Counters;
  waiting: Waiting;
  onDamage: (damage: JournalDamage) => void;
  /** The cursor did not fit: why. */
  onReset: (reason: string) => void;
  /** Seqs, both inclusive, that went before this output had them: damaged, or dropped by retention. */
  onMissing: (fromSeq: number, toSeq: number) => void;
}

const UNKNOWN_LINK = Buffer.alloc(32);
/** Records of a later version too: no output wants them, but they are not missing. */
const ALL = { links: true, unknownKinds: true } as const;

interface Newest {
  seq: number;
  wallMs: number;
}

export class JournalSource implements Source {
  readonly #options: JournalSourceOptions;
  #newest: Newest | undefined;

  constructor(options: JournalSourceOptions) {
    this.#options = options;
  }

  async *items(after: Position | undefined, signal: AbortSignal): AsyncGenerator<Item> {
    const misfit = after && (await this.#misfit(after));
    if (misfit !== undefined) this.#options.onReset(misfit);
    const fromSeq = after === undefined || misfit !== undefined ? 1 : after.seq + 1;
    const { follow, onDamage, directory, counters } = this.#options;
    const options = { ...ALL, fromSeq, follow, signal, onDamage };
    const records = this.#watched(readJournal({ directory, counters }, options), fromSeq);
    try {
      yield* this.#options.fold ? this.#folded(records, signal) : this.#plain(records);
    } finally {
      await records.return(undefined);
    }
  }

  /**
   * Tells of holes; before the first record only where the output had been: earlier ones are nobody's loss. Another journal id
   * is that of a fork, or another journal came in this one's place, and then its beginning is missing here.
   */
  async *#watched(records: AsyncGenerator<JournalRecord>, fromSeq: number): AsyncGenerator<JournalRecord> {
    let next = fromSeq > 1 ? fromSeq : undefined;
    let last: JournalRecord | undefined;
    try {
      for await (const record of records) {
        const misfit = last && last.journalId !== record.journalId && (await this.#misfit(positionOf(last)));
        if (typeof misfit === 'string') throw replaced(this.#options.directory, misfit);
        if (next !== undefined && record.seq > next) this.#options.onMissing(next, record.seq - 1);
        next = record.seq + 1;
        last = record;
        yield record;
      }
    } finally {
      await records.return(undefined);
    }
  }

  /** By the commit mark: what is new since the last call was written about now. */
  async newest(): Promise<Newest | undefined> {
    const mark = await readMark(nodeJournalIo, this.#options.directory).catch(() => undefined);
    if (this.#newest === undefined || mark === undefined) this.#newest = await this.#last();
    else if (mark.seq !== this.#newest.seq) this.#newest = { seq: mark.seq, wallMs: this.#options.waiting.nowMs() };
    return this.#newest;
  }

  async #last(): Promise<Newest | undefined> {
    const { directory, counters } = this.#options;
    const [last] = await readLast({ directory, counters }, 1, () => true, ALL);
    return last && { seq: last.seq, wallMs: last.wallMs };
  }

  /** Why the journal is not the one that the position is of; undefined: it is. What has expired cannot be compared. */
  async #misfit(after: Position): Promise<string | undefined> {
    const { directory, counters } = this.#options;
    const newest = await this.#last();
    if (newest === undefined || newest.seq < after.seq)
      return `the journal ends at ${newest?.seq ?? 0}, the cursor was at ${after.seq}`;
    for await (const record of readJournal({ directory, counters }, { ...ALL, fromSeq: after.seq })) {
      if (record.seq !== after.seq) return undefined;
      const known = record.link !== undefined && !after.link.equals(UNKNOWN_LINK);
      const isSame = record.journalId === after.journalId && !(known && !record.link!.equals(after.link));
      return isSame ? undefined : `record ${after.seq} is not the one that the cursor knows`;
    }
    return undefined;
  }

  async *#plain(records: AsyncIterable<JournalRecord>): AsyncGenerator<Item> {
    for await (const record of records)
      yield this.#item({ record: record as KnownRecord, amends: [], isFolded: false });
  }

  #folded(records: AsyncGenerator<JournalRecord>, signal: AbortSignal): AsyncGenerator<Item> {
    const { wanted, waiting } = this.#options;
    return foldedItems(records as AsyncGenerator<KnownRecord>, { wanted, waiting, positionOf }, signal);
  }

  #item(folded: Folded): Item {
    return itemOf(folded, this.#options.wanted, positionOf(folded.record));
  }
}

function positionOf({ seq, journalId, link }: JournalRecord): Position {
  return { seq, journalId, link: link ?? UNKNOWN_LINK };
}
