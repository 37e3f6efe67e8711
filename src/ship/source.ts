// What a lane reads: parcels in order, each with the position that is reached once it is delivered. The journal is one
// (journal-source-io.ts), the hub's database another.

import type { Parcel } from './output.ts';

/** Up to where an output has got. */
export interface Position {
  seq: number;
  journalId: string;
  /** 32 bytes, zeros when not known. */
  link: Buffer;
}

export interface Item {
  /** Absent: nothing is to be sent of this record; the position moves on all the same. */
  parcel?: Parcel;
  /** Reached once it is settled; absent: it came from aside (a dead letter to be sent again) and moves nothing. */
  position?: Position;
  /** Called when the parcel is settled and the position saved. */
  settled?: () => Promise<void>;
}

export interface Source {
  /**
   * Everything behind a position, in order; ends at the end when not to follow, else with the signal.
   * Throws FB_JOURNAL_* and the like: the lane waits and begins again at its cursor.
   */
  items(after: Position | undefined, signal: AbortSignal): AsyncGenerator<Item>;
  /** Newest seq that could be read, and its time; for the lag. */
  newest(): Promise<{ seq: number; wallMs: number } | undefined>;
}
