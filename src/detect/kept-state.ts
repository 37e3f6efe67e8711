// What outlives a restart besides terms and caps: a text for each group that a rule counts or suppresses. The interface between those who
// have the state (kinds/threshold.ts, suppression.ts) and who writes it (kept-rows-io.ts, beside the terms). Texts are made only
// when they are written.
//
// Order with the journal, as for terms: what made an alert is held back until the alert is durable, so that a crash between
// repeats an alert and never hides one.

export type KeptPart = 'threshold' | 'suppression';

export interface KeptRow {
  readonly rule_id: string;
  readonly key: string;
  readonly state: string;
}

/** in: rule, key; out: the state to write; undefined: there is none any more. */
export type KeptSource = (rule_id: string, key: string) => string | undefined;

export interface KeptState {
  /** What was kept of a rule, oldest first. */
  restore(part: KeptPart, rule_id: string): readonly KeptRow[];
  /** Where to take it from at each flush. */
  keep(part: KeptPart, source: KeptSource): void;
  /** It is different, or gone. */
  changed(part: KeptPart, rule_id: string, key: string): void;
  hold(part: KeptPart, rule_id: string, key: string): void;
  release(part: KeptPart, rule_id: string, key: string): void;
}

export const NOTHING_KEPT: KeptState = {
  restore: () => [],
  keep: () => {},
  changed: () => {},
  hold: () => {},
  release: () => {},
};
