// The segment that is being written: made complete with its first records, then extended batch by batch, in the end sealed.
// In: records that have their seq and link; out: durable bytes. It throws the file system's own errors; writer.ts decides.

import { isFull } from './failure.ts';
import { encodeRecord, type RecordFacts } from './format.ts';
import { type JournalFile, type JournalIo, writeAll } from './journal-io.ts';
import { segmentName } from './segment.ts';
import {
  addToTotals,
  emptyTotals,
  encodeFooter,
  encodeHeader,
  FOOTER_SIZE,
  type SegmentHeader,
  type SegmentTotals,
} from './segment-header.ts';

/** A record with its place in the order: what is needed to write it anywhere. */
export interface PlacedRecord {
  facts: RecordFacts;
  payload: Uint8Array;
  /** Links before and after it. */
  before: Buffer;
  link: Buffer;
}

/** A placed record and where its bytes end in the segment. */
export interface StoredRecord {
  record: PlacedRecord;
  end: number;
}

const BLOCK = 4096;

/**
 * The records that share the last block of a file: the next write goes to that block too, and when it fails, they may be
 * gone with it. in: stored records in order, size of the file; out: the tail of them.
 */
export function inLastBlock(stored: readonly StoredRecord[], size: number): StoredRecord[] {
  const blockStart = size - (size % BLOCK);
  return stored.filter(({ end }) => end > blockStart);
}

export interface ActiveState {
  name: string;
  header: SegmentHeader;
  totals: SegmentTotals;
  /** Bytes that are durable; the next write goes here. */
  bytes: number;
  /** See inLastBlock. */
  lastBlock: StoredRecord[];
}

export class ActiveSegment implements ActiveState {
  readonly name: string;
  readonly header: SegmentHeader;
  readonly totals: SegmentTotals;
  bytes: number;
  lastBlock: StoredRecord[];
  /** A write or sync failed: nothing may be added, what is behind `bytes` is void. */
  poisoned = false;
  readonly #file: JournalFile;

  constructor(file: JournalFile, state: ActiveState) {
    this.#file = file;
    this.name = state.name;
    this.header = state.header;
    this.totals = state.totals;
    this.bytes = state.bytes;
    this.lastBlock = state.lastBlock;
  }

  /**
   * Makes a segment that holds these records (at least one), durable, under its name or not at all.
   * in: header whose first seq is that of the first record; what else has to be done before it gets its name.
   */
  static async create(
    io: JournalIo,
    directory: string,
    header: SegmentHeader,
    records: readonly PlacedRecord[],
    complete: (segment: ActiveSegment) => Promise<void> = async () => {},
  ): Promise<ActiveSegment> {
    const name = segmentName(header.firstSeq, header.generation);
    const temporary = `${directory}/${name}.tmp`;
    const file = await io.open(temporary, 'create');
    const segment = new ActiveSegment(file, {
      name,
      header,
      totals: emptyTotals(header.firstSeq, header.previousLink),
      bytes: header.recordsStart,
      lastBlock: [],
    });
    try {
      await writeAll(file, encodeHeader(header), 0);
      await segment.extend(records);
      await complete(segment);
      await io.rename(temporary, `${directory}/${name}`);
      await io.fsyncDir(directory);
      return segment;
    } catch (error) {
      await file.close().catch(() => {});
      // Either of them: another attempt makes another file, and none of those that failed may stay and fill the disk.
      await io.unlink(temporary).catch(() => io.unlink(`${directory}/${name}`).catch(() => {}));
      throw error;
    }
  }

  /** Writes and syncs. When it throws, the segment is as before, or poisoned. */
  async extend(records: readonly PlacedRecord[]): Promise<void> {
    const parts = records.map(({ facts, payload }) => encodeRecord(facts, payload, this.header.salt));
    await this.#write(Buffer.concat(parts));
    const stored = [...this.lastBlock];
    records.forEach((record, i) => {
      const size = parts[i]!.length;
      this.bytes += size;
      addToTotals(this.totals, record.facts, size, record.link);
      stored.push({ record, end: this.bytes });
    });
    this.lastBlock = inLastBlock(stored, this.bytes);
  }

  /** Adds the footer. Afterwards only close is allowed. */
  async seal(nowMs: number): Promise<void> {
    await this.#write(encodeFooter(this.totals, nowMs, this.header.salt));
    this.bytes += FOOTER_SIZE;
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      await writeAll(this.#file, bytes, this.bytes);
    } catch (error) {
      // A full disk leaves a torn record: cut it. Anything else, or a cut that fails, and the file is not to be trusted.
      this.poisoned = !isFull(error) || !(await this.#cut());
      throw error;
    }
    try {
      await this.#file.datasync();
    } catch (error) {
      this.poisoned = true;
      throw error;
    }
  }

  #cut(): Promise<boolean> {
    return this.#file.truncate(this.bytes).then(
      () => true,
      () => false,
    );
  }

  close(): Promise<void> {
    return this.#file.close().catch(() => {});
  }
}
