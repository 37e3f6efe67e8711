// What a lane tells of itself: for status, the metrics and the log. Alarms are logged once per change of state, not once per
// attempt. Times: milliseconds since 1970.

import type { Logger } from '../log.ts';
import type { Parcel } from './output.ts';

export const LANE_STATES = ['idle', 'sending', 'retry', 'hold', 'stopped'] as const;

/** As it stands in the status of ship. */
export interface LaneReport {
  name: string;
  type: string;
  /** stopped: the lane ended with an error, and begins again at nextAttemptMs. */
  state: (typeof LANE_STATES)[number];
  sinceMs: number;
  /** Everything up to there is settled; 0: nothing yet. */
  cursorSeq: number;
  /** When the last settled record was journalled. */
  cursorMs?: number;
  /** When the oldest record was journalled that is being sent. */
  pendingMs?: number;
  lastAnswer?: string;
  lastAnswerMs?: number;
  lastDeliveredMs?: number;
  /** While it waits. */
  nextAttemptMs?: number;
  delivered: number;
  rejected: number;
}

export class LaneState {
  readonly report: LaneReport;
  readonly #nowMs: () => number;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  #alarmed: string | undefined;

  constructor(
    of: { name: string; type: string; cursorSeq: number },
    nowMs: () => number,
    log: Pick<Logger, 'info' | 'warn' | 'error'>,
  ) {
    this.report = { ...of, state: 'idle', sinceMs: nowMs(), delivered: 0, rejected: 0 };
    this.#nowMs = nowMs;
    this.#log = log;
  }

  idle(): void {
    this.#enter('idle');
    delete this.report.nextAttemptMs;
    delete this.report.pendingMs;
    if (this.#alarmed !== undefined) this.#log.info(`output ${this.report.name} takes alerts again`);
    this.#alarmed = undefined;
  }

  /** in: when the oldest of the batch was journalled. */
  sending(wallMs: number): void {
    this.report.pendingMs = wallMs;
    if (this.report.state === 'idle') this.#enter('sending');
    delete this.report.nextAttemptMs;
  }

  answered(text: string): void {
    this.report.lastAnswer = text;
    this.report.lastAnswerMs = this.#nowMs();
  }

  delivered(): void {
    this.report.delivered++;
    this.report.lastDeliveredMs = this.#nowMs();
    this.answered('delivered');
  }

  rejected(parcel: Pick<Parcel, 'seq' | 'kind'>, reason: string): void {
    this.report.rejected++;
    this.answered(`rejected record ${parcel.seq}: ${reason}`);
    const { name } = this.report;
    this.#log.error(`output ${name} never takes ${parcel.kind} ${parcel.seq}, it is a dead letter now: ${reason}`);
  }

  waiting(is: 'retry' | 'hold', reason: string, untilMs: number): void {
    this.#enter(is);
    this.answered(reason);
    this.report.nextAttemptMs = untilMs;
    this.#alarm(is, reason);
  }

  stopped(reason: string, untilMs: number): void {
    this.#enter('stopped');
    this.answered(reason);
    this.report.nextAttemptMs = untilMs;
    this.#alarm('stopped', reason);
  }

  reached(seq: number | undefined, wallMs: number | undefined): void {
    if (seq === undefined) return;
    this.report.cursorSeq = seq;
    if (wallMs !== undefined) this.report.cursorMs = wallMs;
  }

  #enter(state: LaneReport['state']): void {
    if (this.report.state === state) return;
    this.report.state = state;
    this.report.sinceMs = this.#nowMs();
  }

  #alarm(is: 'retry' | 'hold' | 'stopped', reason: string): void {
    if (this.#alarmed === is) return;
    this.#alarmed = is;
    const { name } = this.report;
    if (is === 'hold') this.#log.error(`output ${name} holds, somebody has to act: ${reason}`);
    else this.#log.warn(`output ${name} ${is === 'stopped' ? 'begins again later' : 'tries again'}: ${reason}`);
  }
}
