// The contract between a lane, which carries one output's share of the journal in order, and an output, which knows how one
// kind of endpoint is asked and what its answers mean. Types only. Implemented by the files of outputs/.

import type { OutputType } from '../config/outputs.ts';
import type { RecordKindName } from '../journal/journal.ts';

/** One thing to deliver. */
export interface Parcel {
  seq: number;
  /** 32 hexadecimal digits. */
  journalId: string;
  /** ECS host.id; "" when the journal does not say. */
  hostId?: string;
  kind: RecordKindName;
  /** 0 low .. 3 critical. */
  rank: number;
  /** Milliseconds since 1970: when the record was journalled. */
  wallMs: number;
  /** Id of the document: uuid of the alert; hash(uuid, n) of a late amend; hash(journal id, seq) of other records. */
  id: string;
  /** The ECS document, JSON in UTF-8 of one line; early amends folded in. Made once: a second attempt sends the same bytes. */
  document: Uint8Array;
  /** The record's payload as the journal has it (proto/), amends not folded. */
  payload: Uint8Array;
  /** Chain link of seq (journal/format.ts), 32 bytes; undefined where it is not known (behind a hole). */
  link?: Buffer;
  /** Of the record: they go into the link too. */
  flags?: number;
  /** What was folded into the document, each as a parcel of its own: sent after all where the endpoint had the document already. */
  folded?: readonly Parcel[];
}

/** What is to become of a parcel, or of a whole batch. reason: for a person, bounded, one line. */
export type Verdict =
  /** It is there; duplicate: it was there already. */
  | { is: 'delivered'; duplicate?: true }
  /** Not now; may have been carried out. The same again, with backoff, not before afterMs. */
  | { is: 'retry'; reason: string; afterMs?: number }
  /** An operator must act. Alarm, keep the cursor, try again slowly. */
  | { is: 'hold'; reason: string }
  /** This document will never fit: dead letter, alarm, go on. */
  | { is: 'rejected'; reason: string };

/** An endpoint's answer to a batch. */
export type Answer =
  | { of: 'batch'; verdict: Verdict }
  /** Too large, or broken: halves, each by itself; a single parcel is rejected then. */
  | { of: 'batch'; verdict: { is: 'split'; reason: string } }
  /** One for each parcel, in the batch's order. Only those to retry or to hold are sent again. */
  | { of: 'items'; verdicts: readonly Verdict[] };

export interface Output {
  readonly type: OutputType;
  /**
   * Resolves with what the endpoint said of a batch of one parcel or more. Whatever goes wrong outside is an answer;
   * throws our own mistakes only. After abort it may answer anything: the lane sends the batch again in its next life.
   */
  send(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer>;
  /**
   * Asks whether a batch would be taken, and leaves nothing there. Absent: that is found out by sending one. Never hangs, never
   * rejects for what the endpoint does.
   */
  probe?(signal: AbortSignal): Promise<Verdict>;
  /** What the parcel takes of batch_bytes. Default: its document's length + 200. */
  sizeOf?(parcel: Parcel): number;
  close(): Promise<void>;
}

/** A short answer of an output for the whole batch. */
export function whole(verdict: Extract<Answer, { of: 'batch' }>['verdict']): Answer {
  return { of: 'batch', verdict } as Answer;
}
