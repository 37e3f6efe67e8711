// An alert that later matches of its group count in: since when, how many, what of that the journal has been told. In: matches;
// out: amends of the alert. A part of suppression.ts.

import { type EventTime, elapsedMs, isoText, wentBack } from '../ecs/event-time.ts';
import type { AlertAmend } from './alert.ts';
import { fromRow, type TimeRow, toRow } from './group-tally.ts';
import type { Severity } from './rule.ts';

export interface Begun {
  readonly rule_id: string;
  readonly key: string;
  readonly uuid: string;
  readonly severity: Severity;
  readonly start: EventTime;
  /** Events that the alert counts besides its first. */
  readonly documents: number;
}

export class SuppressionWindow {
  readonly rule_id: string;
  readonly key: string;
  readonly uuid: string;
  readonly #begun: Begun;
  /** Wall clock: of the last match, and when that was detected. */
  #endMs: number;
  #detectedMs: number | undefined;
  #count: number;
  /** As far as the journal knows. */
  #told: number;

  constructor(begun: Begun) {
    this.#begun = begun;
    this.rule_id = begun.rule_id;
    this.key = begun.key;
    this.uuid = begun.uuid;
    this.#endMs = begun.start.wallMs;
    this.#count = begun.documents;
    this.#told = begun.documents;
  }

  get start(): EventTime {
    return this.#begun.start;
  }

  get isUntold(): boolean {
    return this.#count > this.#told;
  }

  isOver(at: EventTime, durationMs: number): boolean {
    const { start } = this.#begun;
    return elapsedMs(start, at) > durationMs || wentBack(start, at);
  }

  count(documents: number, { wallMs }: EventTime, detectedMs: number): void {
    this.#count += documents;
    this.#endMs = Math.max(this.#endMs, wallMs);
    this.#detectedMs = detectedMs;
  }

  /** The number only grows, and two amends of one alert with the same number say the same: endpoints take the first. */
  amend(): AlertAmend {
    const { uuid, severity } = this.#begun;
    this.#told = this.#count;
    const seen = this.#detectedMs === undefined ? {} : { last_detected: isoText(this.#detectedMs) };
    const suppression = { end: isoText(this.#endMs), docs_count: this.#count };
    return { uuid, severity, number: this.#count + 1, document: { kibana: { alert: { ...seen, suppression } } } };
  }

  /** in: the document of an amend that the journal has; out: whether it said more than was known. */
  amended(document: AlertAmend['document']): boolean {
    const said = suppressionIn(document);
    if (said === undefined || said.docs_count <= this.#told) return false;
    this.#told = said.docs_count;
    this.#count = Math.max(this.#count, said.docs_count);
    this.#endMs = Math.max(this.#endMs, Date.parse(said.end) || 0);
    return true;
  }

  toText(signature: string): string {
    const { uuid, severity, start } = this.#begun;
    const [endMs, count, told] = [this.#endMs, this.#count, this.#told];
    return JSON.stringify({ signature, uuid, severity, start: toRow(start), endMs, count, told });
  }

  /** undefined: it is of a rule that suppresses otherwise, or cannot be read. */
  static fromText(
    text: string,
    signature: string,
    place: { rule_id: string; key: string },
  ): SuppressionWindow | undefined {
    try {
      const state = JSON.parse(text) as Saved;
      if (state.signature !== signature) return undefined;
      const { uuid, severity, start, endMs, count, told } = state;
      const window = new SuppressionWindow({
        ...place,
        uuid,
        severity,
        start: fromRow(start),
        documents: told,
      });
      window.#endMs = endMs;
      window.#count = count;
      return window;
    } catch {
      return undefined;
    }
  }
}

interface Saved {
  signature: string;
  uuid: string;
  severity: Severity;
  start: TimeRow;
  endMs: number;
  count: number;
  told: number;
}

function suppressionIn(document: AlertAmend['document']): { docs_count: number; end: string } | undefined {
  const { kibana } = document as { kibana?: { alert?: { suppression?: { docs_count?: unknown; end?: unknown } } } };
  const { docs_count, end } = kibana?.alert?.suppression ?? {};
  return typeof docs_count === 'number' && typeof end === 'string' ? { docs_count, end } : undefined;
}
