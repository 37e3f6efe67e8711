// Rules in, alerts out: one call per event, in the order of the ring, synchronous. Built by agent.ts and by replay;
// the alerts go to the journal, and come back through `durable` once they are there. No clock, no file, no network here.
// Errors in one rule cost that rule's verdict on that event (detect_rule_errors_total), nothing else.

import type { EcsEvent } from '../ecs/event.ts';
import type { EventTime } from '../ecs/event-time.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { CompiledQuery } from '../query/language.ts';
import type { Counters } from '../stats.ts';
import type { Alert } from './alert.ts';
import { buildAlert } from './alert-document.ts';
import { alertId, eventIdOf } from './alert-id.ts';
import { AlertLimits, cappedGaps, type Untold } from './alert-limits.ts';
import type { ByteLimits } from './byte-rate.ts';
import { findException, hashesAwaited } from './exceptions/exception-set.ts';
import type { HashOf, HashSource } from './hash-source.ts';
import { HashWaits, type Waiting } from './hash-waits.ts';
import type { EventKind } from './host-abilities.ts';
import type { LoadedRule } from './loaded-rule.ts';
import { findNewTerms, type NewTuple, type Seen } from './new-terms.ts';
import { RuleBook, type RuleBookOptions, type RuleSource } from './rule-book.ts';
import { type CostClock, type CostReport, UNTIMED } from './rule-costs.ts';
import { type Candidate, probesOf, RuleIndex } from './rule-index.ts';
import { termKey } from './term-key.ts';
import { MemoryTermStore, type TermRule, type TermStore } from './term-store.ts';

export interface DetectorOptions extends RuleSource {
  /** The table of the events. */
  readonly fields: FieldTable;
  readonly counters: Counters;
  /** Default: in memory only. */
  readonly terms?: TermStore;
  /** Milliseconds that a new_terms rule learns from the begin of its history on; default: none learns. */
  readonly learnMs?: ((rule_id: string) => number) | undefined;
  /** How many bytes of alerts may be made; default: as many as there are. */
  readonly byteLimits?: ByteLimits | undefined;
  /** Milliseconds since 1970 at which an event is detected; default: the event's own time (replay). */
  readonly detectedMs?: (event: EcsEvent) => number;
  /** Asked once per event: whether a self-test made it. Its alerts are marked, and leave no terms and no count behind. */
  readonly isSelftest?: (event: EcsEvent) => boolean;
  /** By which the rules' cost is sampled; default: it is counted, not timed. */
  readonly costClock?: CostClock | undefined;
  /** For tests and bench: evaluate every rule on every event. */
  readonly unindexed?: boolean;
}

export class Detector {
  #book: RuleBook;
  readonly #bookOptions: RuleBookOptions;
  readonly #terms: TermStore;
  readonly #limits: AlertLimits;
  readonly #counters: Counters;
  readonly #detectedMs: (event: EcsEvent) => number;
  readonly #isSelftest: (event: EcsEvent) => boolean;
  #hashes: HashSource | undefined;
  #waits: HashWaits | undefined;
  #declared = false;

  constructor({ rules, exceptions, fields, counters, terms, learnMs, ...options }: DetectorOptions) {
    const { detectedMs, isSelftest, unindexed, byteLimits, costClock } = options;
    this.#bookOptions = { fields, learnMs: learnMs ?? (() => 0), costClock, unindexed: unindexed === true };
    this.#book = new RuleBook({ rules, exceptions }, this.#bookOptions);
    this.#counters = counters;
    this.#terms = terms ?? new MemoryTermStore(counters);
    this.#limits = new AlertLimits(byteLimits, counters);
    this.#limits.caps.restore(this.#terms.restoreCaps());
    this.#terms.keepCaps(() => this.#limits.caps.states());
    this.#detectedMs = detectedMs ?? ((event) => event.wallMs);
    this.#isSelftest = isSelftest ?? (() => false);
  }

  /** Where the hashes of the events to come are from. Without it they have what their slots have, and nothing is waited for. */
  useHashes(hashes: HashSource | undefined): void {
    const parts = { rules: this.#book.loaded, fields: this.#bookOptions.fields, counters: this.#counters };
    this.#hashes = hashes;
    this.#waits = hashes && new HashWaits({ ...parts, hashes });
  }

  /**
   * From the next event on these rules. Histories, caps and rates of rules that stay go on. Sketch filters made before are of
   * the rules before. out: the alerts of events that waited for a hash: they go on without it, as when there is no room.
   */
  replaceRules(source: RuleSource): Alert[] {
    const alerts: Alert[] = [];
    for (const waiting of this.#waits?.cut() ?? []) this.#decide(waiting, alerts);
    this.#book = new RuleBook(source, this.#bookOptions, this.#book);
    this.#declared = false;
    this.useHashes(this.#hashes);
    return alerts;
  }

  /**
   * The alerts of one event, in rule order, and of events that could wait no longer. What needs a hash that is to come
   * waits for resume(). Never throws for what an event holds.
   * Counts detect_events_evaluated_total, detect_rules_evaluated_total, detect_alerts_made_total, and what was not made.
   */
  evaluate(event: EcsEvent): Alert[] {
    if (!this.#declared) this.#declareAll(event);
    this.#terms.tick(event);
    this.#counters.add('detect_events_evaluated_total');
    const selftest = this.#isSelftest(event);
    const waiting = this.#waits?.asked(event, selftest) ?? [];
    const candidates = this.#book.all ?? this.#book.index.candidates(event);
    if (candidates.length === 0 && waiting.length === 0) return [];
    this.#counters.add('detect_rules_evaluated_total', candidates.length);
    const alerts: Alert[] = [];
    for (const { rule, query } of candidates) {
      if (waiting.some(({ place }) => place === rule)) continue;
      const begun = this.#book.costs.evaluate(rule);
      if (this.#matches(query, event)) this.#matched(rule, event, selftest, alerts);
      if (begun !== UNTIMED) this.#book.costs.end(rule, begun);
    }
    for (const each of waiting) this.#wait({ ...each, needs: this.#allNeeds(each.place) }, alerts);
    return alerts;
  }

  /** To be called when a hash was told of, or is late: the alerts of the events that waited for it. */
  resume(): Alert[] {
    const alerts: Alert[] = [];
    for (const waiting of this.#waits?.ready() ?? []) this.#decide(waiting, alerts);
    return alerts;
  }

  /** The alert is durable in the journal at that seq: its terms may be written, and the checkpoint may move. */
  durable(alert: Pick<Alert, 'rule_id' | 'terms' | 'selftest'>, seq: number): void {
    if (alert.selftest !== true) this.#limits.caps.durable(alert.rule_id);
    const keys = alert.terms === undefined ? [] : [termKey(alert.terms)];
    this.#terms.release(alert.rule_id, keys, seq);
  }

  /**
   * At start, for each alert of the journal since the store's checkpointSeq, in journal order: the terms count as seen and
   * the alert counts for max_signals. in: envelope facts; a bootId of '' makes wall time count.
   */
  applyAlert(rule_id: string, terms: readonly string[] | undefined, at: EventTime, seq: number): void {
    const loaded = this.#book.byId.get(rule_id);
    if (loaded !== undefined) {
      this.#limits.caps.applied(loaded.rule, at);
      if (loaded.terms !== undefined && terms?.length === loaded.terms.fields.length) {
        this.#terms.declare(loaded.terms, at);
        this.#terms.see(rule_id, termKey(terms), at);
      }
    }
    this.#terms.release(rule_id, [], seq);
  }

  /** Alerts that max_signals kept back and no alert has told of yet: for status and the closing gap record. */
  capped(): Untold[] {
    return this.#limits.capped();
  }

  /** Alerts that the byte rate held back and no alert has told of yet: as capped(). */
  heldBack(): Untold[] {
    return this.#limits.heldBack();
  }

  /** new_terms rules, those that were not met by an event yet included. */
  termRules(): readonly TermRule[] {
    return this.#book.loaded.flatMap(({ terms }) => terms ?? []);
  }

  /**
   * in: the slots that sketches of events have, those of the event's class among them.
   * out: by a sketch, whether evaluate could make anything of the event; where not, the event counts as evaluated.
   */
  sketchFilter(slots: ReadonlySet<number>): (sketch: EcsEvent) => boolean {
    const index = new RuleIndex(
      probesOf(this.#book.loaded.map(({ rule }) => rule.compiled)),
      this.#bookOptions.fields,
      { within: slots },
    );
    return (sketch) => {
      if (this.#isSelftest(sketch)) return true;
      if (index.candidates(sketch).some((candidate) => this.#matchesSketch(candidate, sketch))) return true;
      this.#terms.tick(sketch);
      this.#counters.add('detect_events_evaluated_total');
      return false;
    };
  }

  /** Rules left for events of that class, and those of them evaluated on each one. */
  reach(event: EcsEvent): { rules: number; always: number } {
    return this.#book.index.reach(event);
  }

  /** What the rules cost since the start: so many of them, the costliest first, and all together. */
  costs(most: number): CostReport {
    return this.#book.costs.report(most);
  }

  /** Whether a rule takes events of that kind, whatever is in them. */
  takes(kind: EventKind): boolean {
    return this.#book.index.takes(kind.fixed);
  }

  #declareAll(at: EventTime): void {
    for (const { terms } of this.#book.loaded) {
      if (terms !== undefined) this.#terms.declare(terms, at);
    }
    this.#declared = true;
  }

  #matches(query: CompiledQuery, event: EcsEvent): boolean {
    try {
      return query.matches(event.slots);
    } catch {
      this.#counters.add('detect_rule_errors_total');
      return false;
    }
  }

  #matchesSketch({ rule, query }: Candidate, sketch: EcsEvent): boolean {
    const begun = this.#book.costs.sketch(rule);
    const matches = this.#matches(query, sketch);
    if (begun !== UNTIMED) this.#book.costs.end(rule, begun);
    return matches;
  }

  /** An excepted event makes no alert and is no history. Counted for the first item that hides it, as the reason. */
  #isExcepted({ items }: LoadedRule, event: EcsEvent): boolean {
    const item = findException(items, event, (of) => (this.#hashes?.look(event, of) ?? 'known') === 'known');
    if (item !== undefined) this.#counters.add('detect_events_excepted_total', 1, item.item_id);
    return item !== undefined;
  }

  /** A match; it waits where an exception hangs on a hash, and behind earlier ones of its rule that wait. */
  #matched(place: number, event: EcsEvent, selftest: boolean, alerts: Alert[]): void {
    const loaded = this.#book.loaded[place]!;
    const waits = this.#waits;
    if (waits !== undefined) {
      const needs = hashesAwaited(loaded.items, event);
      const hidden = needs.length > 0 && findException(loaded.items, event, () => false) !== undefined;
      const comes = !hidden && waits.isComing(event, needs);
      if (comes || waits.holds(place)) {
        this.#wait({ place, event, selftest, needs: comes ? needs : [] }, alerts);
        return;
      }
    }
    this.#alertsOf(place, event, selftest, alerts);
  }

  #wait(waiting: Waiting, alerts: Alert[]): void {
    const cut = this.#waits?.put(waiting);
    if (cut !== undefined) this.#decide(cut, alerts);
  }

  #decide({ place, event, selftest }: Waiting, alerts: Alert[]): void {
    const begun = this.#book.costs.evaluate(place);
    if (this.#matches(this.#book.loaded[place]!.compiled, event)) this.#alertsOf(place, event, selftest, alerts);
    if (begun !== UNTIMED) this.#book.costs.end(place, begun);
  }

  /** Of a rule, and of the exceptions that may hide what it matches. */
  #allNeeds(place: number): readonly HashOf[] {
    const { needs, items } = this.#book.loaded[place]!;
    return [...new Set([...needs, ...items.flatMap(({ hashes }) => hashes)])];
  }

  #alertsOf(place: number, event: EcsEvent, selftest: boolean, alerts: Alert[]): void {
    const before = alerts.length;
    this.#counters.add('detect_events_matched_total');
    this.#unexcepted(this.#book.loaded[place]!, event, selftest, alerts);
    this.#book.costs.match(place, alerts.length - before);
  }

  #unexcepted(loaded: LoadedRule, event: EcsEvent, selftest: boolean, alerts: Alert[]): void {
    if (this.#isExcepted(loaded, event)) return;
    if (loaded.terms === undefined) {
      this.#alert(loaded, event, selftest, undefined, 0, alerts);
      return;
    }
    const { slots: fields, historyMs, rule_id } = loaded.terms;
    const store = selftest ? NO_HISTORY : this.#terms;
    const { tuples, skipped } = findNewTerms({ rule_id, fields, historyMs }, event, store, this.#counters);
    if (!selftest && this.#terms.learns(rule_id, event)) {
      if (tuples.length > 0) this.#counters.add('detect_alerts_learned_total', tuples.length);
      return;
    }
    for (const tuple of tuples) this.#alert(loaded, event, selftest, tuple, skipped, alerts);
  }

  #alert(
    { rule, needs }: LoadedRule,
    event: EcsEvent,
    selftest: boolean,
    tuple: NewTuple | undefined,
    skipped: number,
    alerts: Alert[],
  ): void {
    const untold = selftest ? [] : this.#limits.admit(rule, event);
    if (untold === undefined) return;
    if (tuple !== undefined && !selftest) this.#terms.hold(rule.rule_id, termKey(tuple.values));
    const { rule_id, version } = rule;
    const eventId = eventIdOf(event);
    const uuid = alertId({
      eventId,
      rule_id,
      version,
      ...(tuple === undefined ? {} : { terms: tuple.values }),
    });
    const gaps = [...untold, ...cappedGaps('combinations of new_terms_fields not looked at', skipped)];
    for (const whose of ['process', 'parent'] as const) this.#hashes?.look(event, whose);
    if (this.#waits?.isThere(event, needs) === false)
      gaps.push({ kind: 'unreadable', detail: 'process.hash', count: 1 });
    const match = { rule, event, eventId, uuid, gaps, detectedWallMs: this.#detectedMs(event), selftest };
    const alert = buildAlert(tuple === undefined ? match : { ...match, tuple });
    alerts.push(alert);
    if (!selftest) this.#limits.made(alert);
    this.#hashes?.made(event, alert);
    this.#counters.add('detect_alerts_made_total');
  }
}

/** For self-tests: every term is new, and none is kept. */
const NO_HISTORY: Seen = { see: () => undefined, history: () => undefined };
