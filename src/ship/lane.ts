// A lane carries one output's share, in order: batches from the source, each sent until every parcel of it is settled (it is
// there, or in the dead letters), then the cursor, durable, then the next. In: a source, an output; out: positions saved. What the
// endpoint's answers mean is the output's business (output.ts); what is done about them is here. One lane waits for no other.
//
// Order: one batch at a time, no second before the first is settled; of a batch only what was not settled is sent again.
// After a crash the batch behind the cursor is sent again: at least once, in effect once where ids are unique.

import type { CommonSettings } from '../config/outputs.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { pauseMs } from './backoff.ts';
import { BatchLimit } from './batch-limit.ts';
import { type Batch, batches, defaultSize } from './batcher.ts';
import type { LaneState } from './lane-state.ts';
import type { Answer, Output, Parcel, Verdict } from './output.ts';
import type { Position, Source } from './source.ts';
import type { Waiting } from './wait.ts';

export interface LaneCursor {
  readonly position: Position | undefined;
  /** Resolves when it is durable. */
  save(position: Position): Promise<void>;
}

export interface DeadLetters {
  /** Resolves when it is durable; rejects when it cannot be kept: the lane holds then. */
  put(parcel: Parcel, reason: string): Promise<void>;
}

export interface LaneOptions {
  settings: Pick<CommonSettings, 'name' | 'batch_bytes' | 'batch_count' | 'max_backoff'>;
  source: Source;
  output: Output;
  cursor: LaneCursor;
  dead: DeadLetters;
  state: LaneState;
  counters: Counters;
  waiting: Waiting;
  /** 0 .. 1 */
  random: () => number;
  /** Instead of waiting to try again, run throws FB_SHIP_UNDELIVERED. */
  giveUp?: boolean;
}

type Unsettled = Extract<Verdict, { is: 'retry' | 'hold' }>;

export class Lane {
  readonly #options: LaneOptions;
  readonly #limit: BatchLimit;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#limit = new BatchLimit(options.settings.batch_count);
  }

  /** Until the source ends, or the signal. Throws what the source, the cursor or our own mistakes throw. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, output, cursor, settings, waiting, state } = this.#options;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const items = source.items(cursor.position, either);
    const limits = () => ({ bytes: settings.batch_bytes, count: this.#limit.count });
    const sizeOf = output.sizeOf?.bind(output) ?? defaultSize;
    try {
      for await (const batch of batches(items, limits, sizeOf, waiting, either)) {
        if (!(await this.#settle(batch, signal))) return;
        state.idle();
      }
    } finally {
      ended.abort();
      await items.return(undefined);
    }
  }

  /** out: false when the signal came first; the cursor stays then. */
  async #settle({ parcels, position, passed, settled }: Batch, signal: AbortSignal): Promise<boolean> {
    const { counters, state, settings } = this.#options;
    if (!(await this.#deliver(parcels, signal))) return false;
    if (position !== undefined && !(await this.#saved(position, signal))) return false;
    for (const done of settled) await done();
    if (passed > 0) counters.add('ship_records_passed_total', passed, settings.name);
    state.reached(position?.seq, parcels.at(-1)?.wallMs);
    return true;
  }

  /**
   * Tries until it is durable: to begin again at the position before would send the batch once more, each time.
   * out: false when the signal came first.
   */
  async #saved(position: Position, signal: AbortSignal): Promise<boolean> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#options.cursor.save(position);
        return true;
      } catch (error) {
        await this.#pause(failures, { is: 'hold', reason: `the cursor cannot be saved: ${reasonOf(error)}` }, signal);
      }
    }
    return false;
  }

  /** Sends until nothing is left of them. out: false when the signal came first. */
  async #deliver(parcels: readonly Parcel[], signal: AbortSignal): Promise<boolean> {
    let rest = parcels;
    for (let failures = 0; rest.length > 0; ) {
      if (signal.aborted) return false;
      const answer = await this.#send(rest, signal);
      if (signal.aborted && !hasDelivered(answer)) return false;
      if (answer.of === 'batch' && answer.verdict.is === 'split' && rest.length > 1) {
        return await this.#deliverHalves(rest, answer.verdict.reason, signal);
      }
      const { left, worst } = await this.#judge(rest, verdictsOf(answer, rest.length));
      failures = left.length < rest.length ? 1 : failures + 1;
      rest = left;
      if (worst !== undefined) await this.#pause(failures, worst, signal);
    }
    return true;
  }

  async #deliverHalves(parcels: readonly Parcel[], reason: string, signal: AbortSignal): Promise<boolean> {
    const { counters, settings, state } = this.#options;
    counters.add('ship_batches_split_total', 1, settings.name);
    state.answered(`split ${parcels.length}: ${reason}`);
    const half = Math.ceil(parcels.length / 2);
    this.#limit.tooLarge(parcels.length);
    return (await this.#deliver(parcels.slice(0, half), signal)) && (await this.#deliver(parcels.slice(half), signal));
  }

  async #send(parcels: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const { output, state, counters, settings } = this.#options;
    state.sending(parcels[0]!.wallMs);
    counters.add('ship_batches_sent_total', 1, settings.name);
    try {
      return await output.send(parcels, signal);
    } catch (error) {
      counters.add('ship_faults_total', 1, settings.name);
      return { of: 'batch', verdict: { is: 'hold', reason: `a fault of forebear: ${reasonOf(error)}` } };
    }
  }

  /** Settles what can be. out: parcels to send again or after all, and the verdict that decides how long to wait: none, not at all. */
  async #judge(
    parcels: readonly Parcel[],
    verdicts: readonly Verdict[],
  ): Promise<{ left: Parcel[]; worst?: Unsettled }> {
    const left: Parcel[] = [];
    const open: Unsettled[] = [];
    const extra: Parcel[] = [];
    for (const [i, parcel] of parcels.entries()) {
      const verdict = await this.#kept(parcel, verdicts[i]!);
      if (verdict.is === 'delivered') extra.push(...this.#delivered(parcel, verdict.duplicate === true));
      else if (verdict.is !== 'rejected') {
        left.push(parcel);
        open.push(verdict);
      }
    }
    if (open.length === 0) this.#limit.fitted(parcels.length);
    const worst = open.find(({ is }) => is === 'hold') ?? longest(open);
    return { left: [...left, ...extra], ...(worst && { worst }) };
  }

  /** A rejected parcel goes to the dead letters; while they cannot be kept the lane holds. */
  async #kept(parcel: Parcel, verdict: Verdict): Promise<Verdict> {
    if (verdict.is !== 'rejected') return verdict;
    const { dead, counters, settings, state } = this.#options;
    try {
      await dead.put(parcel, verdict.reason);
    } catch (error) {
      return { is: 'hold', reason: `a dead letter cannot be kept: ${reasonOf(error)}` };
    }
    counters.add('ship_records_rejected_total', 1, settings.name);
    state.rejected(parcel, verdict.reason);
    return verdict;
  }

  /** out: what has to follow: amends that were folded into a document which the endpoint did not take this time. */
  #delivered(parcel: Parcel, duplicate: boolean): readonly Parcel[] {
    const { counters, settings, state } = this.#options;
    counters.add(duplicate ? 'ship_records_duplicate_total' : 'ship_records_delivered_total', 1, settings.name);
    state.delivered();
    return duplicate ? (parcel.folded ?? []) : [];
  }

  async #pause(failures: number, verdict: Unsettled, signal: AbortSignal): Promise<void> {
    const { settings, waiting, random, counters, state, giveUp } = this.#options;
    if (giveUp === true) throw new ForebearError('FB_SHIP_UNDELIVERED', `output ${settings.name}: ${verdict.reason}`);
    const ms = pauseMs(failures, verdict, settings.max_backoff, random());
    counters.add(verdict.is === 'hold' ? 'ship_holds_total' : 'ship_retries_total', 1, settings.name);
    state.waiting(verdict.is, verdict.reason, waiting.nowMs() + ms);
    await waiting.wait(ms, signal);
  }
}

/** One verdict for each parcel; an answer that has not as many says nothing: retried. A single one that is too large is rejected. */
function verdictsOf(answer: Answer, count: number): readonly Verdict[] {
  if (answer.of === 'batch') {
    const { verdict } = answer;
    return Array(count).fill(verdict.is === 'split' ? { is: 'rejected', reason: verdict.reason } : verdict);
  }
  if (answer.verdicts.length === count) return answer.verdicts;
  return Array(count).fill({ is: 'retry', reason: `${answer.verdicts.length} verdicts for ${count} documents` });
}

function hasDelivered(answer: Answer): boolean {
  if (answer.of === 'items') return answer.verdicts.some(({ is }) => is === 'delivered');
  return answer.verdict.is === 'delivered';
}

function longest(verdicts: readonly Unsettled[]): Unsettled | undefined {
  const after = (verdict: Unsettled) => (verdict.is === 'retry' ? (verdict.afterMs ?? 0) : 0);
  return [...verdicts].sort((a, b) => after(b) - after(a))[0];
}
