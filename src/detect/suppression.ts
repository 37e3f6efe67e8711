// alert_suppression: the first match of a group makes the alert, later ones within the duration count in it, as Kibana does
// (kibana.alert.suppression.*). In: drafts; out: whether they are counted in an open alert, and what is to be amended of such alerts:
// at most once in ten seconds for each, soon after its window, and at the stop. The caller journals amends in the order in which
// they come. Pure; all on event time; used by alert-maker.ts.
//
// Kept over a restart (kept-state.ts); after a crash the alerts and amends of the journal say where the windows stand (applied,
// amended), so that what is lost is what was counted in the last ten seconds and not journalled. Bounded per rule: the oldest window goes
// first, counted, and its alert is amended before.

import type { EcsEvent } from '../ecs/event.ts';
import { type EventTime, elapsedMs, isBefore, isoText, timeOf, wentBack } from '../ecs/event-time.ts';
import type { Counters } from '../stats.ts';
import type { Alert, AlertAmend } from './alert.ts';
import { type GroupValue, groupKey, shownValue } from './combinations.ts';
import type { KeptState } from './kept-state.ts';
import type { Draft } from './kinds/kind.ts';
import type { SuppressionRule } from './suppression-rule.ts';
import { type Begun, SuppressionWindow } from './suppression-window.ts';

const PART = 'suppression';
/** All rules together: as many as so many rules with all that one may have. */
const ALL_WINDOWS = 5;
const AMEND_MS = 10_000;
/** Windows that are over are looked for so often; a match looks at its own. */
const CLOSE_MS = 1_000;
/** Windows that one step of time may make fall out: so much work at most. */
const CLOSED_AT_ONCE = 64;

export interface SuppressionOptions {
  readonly kept: KeptState;
  readonly counters: Counters;
  readonly onAmend: (amend: AlertAmend) => void;
  /** Of one rule. */
  readonly maxWindows?: number;
}

/** The group of a draft. */
export interface Group {
  readonly key: string;
  readonly values: readonly GroupValue[];
}

export class Suppression {
  readonly #options: SuppressionOptions & { maxWindows: number };
  /** By rule: key -> window, the oldest first. */
  readonly #rules = new Map<string, { rule: SuppressionRule; windows: Map<string, SuppressionWindow> }>();
  readonly #byUuid = new Map<string, SuppressionWindow>();
  #closedAt: EventTime | undefined;
  /** With counts that were not told, in the order in which they came to be so. */
  readonly #untold = new Map<SuppressionWindow, EventTime | undefined>();

  constructor(options: SuppressionOptions) {
    this.#options = { maxWindows: 10_000, ...options };
    options.kept.keep(PART, (rule_id, key) => {
      const found = this.#rules.get(rule_id);
      return found?.windows.get(key)?.toText(found.rule.signature);
    });
  }

  /** Alerts that later matches count in. */
  get open(): number {
    return this.#byUuid.size;
  }

  /** The rules from here on. Windows of those that suppress as before stay open; the others are told of and closed. */
  use(rules: readonly SuppressionRule[]): void {
    const before = new Map(this.#rules);
    this.#rules.clear();
    for (const rule of rules) {
      const known = before.get(rule.rule_id);
      const same = known?.rule.signature === rule.signature ? known.windows : undefined;
      if (same !== undefined) before.delete(rule.rule_id);
      this.#rules.set(rule.rule_id, { rule, windows: same ?? new Map<string, SuppressionWindow>() });
      if (known === undefined) this.#restore(rule);
    }
    for (const { windows } of before.values()) for (const window of windows.values()) this.#close(window);
  }

  /** undefined: the rule does not suppress, or not what lacks one of the fields; a self-test counts in no alert. */
  groupOf(rule_id: string, { event, selftest }: Draft): Group | undefined {
    const rule = this.#rules.get(rule_id)?.rule;
    if (rule === undefined || selftest) return undefined;
    const values = rule.fields.map(({ slot }) => groupValue(event, slot));
    if (!rule.takesMissing && values.includes(null)) return undefined;
    return { key: groupKey(values), values };
  }

  /** Whether it counts in an open alert. in: when it was detected (ms since 1970). */
  counts(rule_id: string, { key }: Group, draft: Draft, detectedMs: number): boolean {
    const { event, documents } = draft;
    const window = this.#windowOf(rule_id, key, event);
    if (window === undefined) return false;
    window.count(documents, event, detectedMs);
    this.#options.counters.add('detect_alerts_suppressed_total');
    this.#options.kept.changed(PART, rule_id, key);
    if (!this.#untold.has(window)) this.#untold.set(window, timeOf(event));
    return true;
  }

  /** The alert was made: later matches of the group count in it. */
  opened(rule_id: string, { key }: Group, alert: Pick<Alert, 'uuid' | 'severity'>, draft: Draft): void {
    const { kept } = this.#options;
    const { uuid, severity } = alert;
    const begun = { rule_id, key, documents: draft.documents - 1, start: timeOf(draft.event) };
    this.#open(new SuppressionWindow({ ...begun, uuid, severity }));
    kept.changed(PART, rule_id, key);
    kept.hold(PART, rule_id, key);
  }

  /** kibana.alert.suppression of a group's first alert. */
  section(rule_id: string, { values }: Group, { event, documents }: Draft): Readonly<Record<string, unknown>> {
    const fields = this.#rules.get(rule_id)!.rule.fields;
    const at = isoText(event.wallMs);
    const terms = fields.map(({ name, type }, i) => ({ field: name, value: shownValue(values[i]!, type) }));
    return { terms, start: at, end: at, docs_count: documents - 1 };
  }

  /** The alert is in the journal. */
  durable({ rule_id, group }: Pick<Alert, 'rule_id' | 'group'>): void {
    if (group !== undefined) this.#options.kept.release(PART, rule_id, group);
  }

  /** The alert will never be in the journal: the next match makes one. */
  givenUp({ uuid, ...alert }: Pick<Alert, 'uuid' | 'rule_id' | 'group'>): void {
    const window = this.#byUuid.get(uuid);
    if (window !== undefined) {
      this.#untold.delete(window);
      this.#close(window);
    }
    this.durable(alert);
  }

  /** At start: an alert of the journal that the kept state may not know. */
  applied(begun: Begun): void {
    const { rule_id, key, uuid } = begun;
    const found = this.#rules.get(rule_id);
    if (found === undefined || found.windows.get(key)?.uuid === uuid) return;
    this.#open(new SuppressionWindow(begun));
    this.#options.kept.changed(PART, rule_id, key);
  }

  /** At start: an amend of the journal. */
  amended({ uuid, document }: Pick<AlertAmend, 'uuid' | 'document'>): void {
    const window = this.#byUuid.get(uuid);
    if (window === undefined || !window.amended(document)) return;
    if (!window.isUntold) this.#untold.delete(window);
    this.#options.kept.changed(PART, window.rule_id, window.key);
  }

  /** Time has come so far: amends that are due, windows that are over. */
  tick(at: EventTime): void {
    if (this.#rules.size === 0 && this.#untold.size === 0) return;
    for (const [window, since] of this.#untold) {
      if (since !== undefined && elapsedMs(since, at) < AMEND_MS && !wentBack(since, at)) break;
      this.#tell(window);
    }
    if (this.#closedAt !== undefined && elapsedMs(this.#closedAt, at) < CLOSE_MS) return;
    this.#closedAt = timeOf(at);
    this.#closeOver(at);
  }

  /** Whatever was counted is told: the agent stops, the rules change, or a replay ends. */
  flush(): void {
    for (const window of [...this.#untold.keys()]) this.#tell(window);
  }

  #closeOver(at: EventTime): void {
    let left = CLOSED_AT_ONCE;
    for (const { rule, windows } of this.#rules.values()) {
      for (const window of windows.values()) {
        if (!window.isOver(at, rule.durationMs) || left-- <= 0) break;
        this.#close(window);
      }
    }
  }

  #restore({ rule_id, signature }: SuppressionRule): void {
    const { kept } = this.#options;
    const windows: SuppressionWindow[] = [];
    for (const { key, state } of kept.restore(PART, rule_id)) {
      const window = SuppressionWindow.fromText(state, signature, { rule_id, key });
      if (window === undefined) kept.changed(PART, rule_id, key);
      else windows.push(window);
    }
    // They come in the order in which they last changed.
    windows.sort((a, b) => (isBefore(a.start, b.start) ? -1 : Number(isBefore(b.start, a.start))));
    for (const window of windows) {
      this.#open(window);
      if (window.isUntold) this.#untold.set(window, undefined);
    }
  }

  #windowOf(rule_id: string, key: string, at: EventTime): SuppressionWindow | undefined {
    const { rule, windows } = this.#rules.get(rule_id)!;
    const window = windows.get(key);
    if (window === undefined || !window.isOver(at, rule.durationMs)) return window;
    this.#close(window);
    return undefined;
  }

  #open(window: SuppressionWindow): void {
    const { maxWindows, counters } = this.#options;
    const { windows } = this.#rules.get(window.rule_id)!;
    const before = windows.get(window.key);
    if (before !== undefined) this.#close(before);
    windows.set(window.key, window);
    this.#byUuid.set(window.uuid, window);
    if (windows.size <= maxWindows && this.open <= ALL_WINDOWS * maxWindows) return;
    const most = windows.size > maxWindows ? windows : this.#largest();
    const [oldest] = most.values();
    this.#close(oldest!);
    counters.add('detect_groups_evicted_total', 1, PART);
  }

  #largest(): Map<string, SuppressionWindow> {
    const all = [...this.#rules.values()].map(({ windows }) => windows);
    return all.reduce((most, windows) => (windows.size > most.size ? windows : most));
  }

  /** What it counted is told with the next step of time. */
  #close(window: SuppressionWindow): void {
    const { rule_id, key, uuid } = window;
    const windows = this.#rules.get(rule_id)?.windows;
    if (windows?.get(key) === window) windows.delete(key);
    this.#byUuid.delete(uuid);
    if (this.#untold.has(window)) this.#untold.set(window, undefined);
    this.#options.kept.changed(PART, rule_id, key);
  }

  #tell(window: SuppressionWindow): void {
    this.#untold.delete(window);
    this.#options.onAmend(window.amend());
    if (this.#byUuid.has(window.uuid)) this.#options.kept.changed(PART, window.rule_id, window.key);
  }
}

/** null: the event has none; sub-events count as none. */
function groupValue(event: EcsEvent, slot: number): GroupValue {
  const value = event.slots[slot];
  if (value === undefined || (typeof value === 'object' && typeof value[0] === 'object')) return null;
  if (!Array.isArray(value)) return value as GroupValue;
  const values = [...new Set(value as readonly (string | number)[])].sort();
  return values.length > 1 ? values : (values[0] ?? null);
}
