// Rules in, alerts out: one call per event, in the order of the ring, synchronous. Built by agent.ts and by replay;
// the alerts go to the journal, and come back through `durable` once they are there. No clock, no file, no network here.
// Errors in one rule cost that rule's verdict on that event (detect_rule_errors_total), nothing else.
// An event's way: index -> probes that match -> hashes and exceptions (hash-gate.ts) -> what the rule's kind makes of it (kinds/) ->
// suppression, limits, document (alert-maker.ts).

import { createCorrelator } from '../correlate/create-correlator.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { EventTime } from '../ecs/event-time.ts';
import type { CompiledQuery } from '../query/language.ts';
import type { Counters } from '../stats.ts';
import type { Alert, AlertAmend } from './alert.ts';
import { AlertLimits, type Untold } from './alert-limits.ts';
import { AlertMaker } from './alert-maker.ts';
import type { DetectorOptions } from './detector-options.ts';
import { DueTimes } from './due-times.ts';
import { evaluateQuery } from './evaluate-query.ts';
import { HashGate } from './hash-gate.ts';
import type { HashSource } from './hash-source.ts';
import type { Waiting } from './hash-waits.ts';
import type { EventKind } from './host-abilities.ts';
import { JoinBudget } from './join-budget.ts';
import { KeptOver } from './kept-over.ts';
import type { Draft } from './kinds/kind.ts';
import { TallyBudget } from './kinds/tally-budget.ts';
import { noteTracked } from './kinds/tracked.ts';
import type { LoadedRule } from './loaded-rule.ts';
import { type PreparedRules, prepareRules, RuleBook, type RuleBookOptions, type RuleSource } from './rule-book.ts';
import { type CostReport, UNTIMED } from './rule-costs.ts';
import type { Candidate } from './rule-index.ts';
import { Suppression } from './suppression.ts';
import { MemoryTermStore, type TermRule, type TermStore } from './term-store.ts';

type Asked = Pick<Waiting, 'event' | 'selftest'> & { readonly waiting: readonly Waiting[] };

export class Detector {
  #book: RuleBook;
  readonly #bookOptions: RuleBookOptions;
  readonly #terms: TermStore;
  readonly #limits: AlertLimits;
  readonly #suppression: Suppression;
  readonly #maker: AlertMaker;
  readonly #kept: KeptOver;
  readonly #counters: Counters;
  readonly #isSelftest: (event: EcsEvent) => boolean;
  readonly #gate: HashGate;
  readonly #due = new DueTimes();
  readonly #joins = new JoinBudget();
  #declared = false;

  constructor({ rules, exceptions, fields, counters, terms, learnMs, ...options }: DetectorOptions) {
    const { detectedMs, isSelftest, unindexed, byteLimits, costClock, correlate, onAmend } = options;
    this.#counters = counters;
    this.#terms = terms ?? new MemoryTermStore(counters);
    this.#bookOptions = {
      ...{ fields, counters, terms: this.#terms, learnMs: learnMs ?? (() => 0), costClock },
      ...{ unindexed: unindexed === true, correlate: correlate ?? createCorrelator, tallies: new TallyBudget() },
    };
    this.#book = new RuleBook({ rules, exceptions }, this.#bookOptions);
    this.#limits = new AlertLimits(byteLimits, counters);
    this.#suppression = new Suppression({ kept: this.#terms.kept, counters, onAmend: onAmend ?? (() => {}) });
    this.#kept = new KeptOver(this.#terms, this.#limits.caps, this.#suppression, (id) => this.#book.byId.get(id));
    this.#maker = new AlertMaker(this.#limits, this.#suppression, counters, detectedMs ?? ((event) => event.wallMs));
    this.#isSelftest = isSelftest ?? (() => false);
    this.#gate = new HashGate(fields, counters);
    this.#use(undefined);
  }

  /** Where the hashes of events are from; without it nothing is waited for. out: the alerts of events that wait: they go on without. */
  useHashes(hashes: HashSource | undefined): Alert[] {
    const alerts = this.#decideAll(this.#gate.cut());
    this.#gate.use(hashes, this.#book.loaded);
    return alerts;
  }

  /** What replaceRules would make of them, beforehand and in steps, while events go on; until then no other rules may come. */
  readonly prepare = (source: RuleSource) => prepareRules(source, this.#bookOptions, this.#book);

  /**
   * From the next event on these rules. Histories, caps, rates and the state of rules that stay go on. Sketch filters made before
   * are of the rules before. out: as of useHashes.
   */
  replaceRules(source: RuleSource | PreparedRules): Alert[] {
    const alerts = this.#decideAll(this.#gate.cut());
    this.#book = new RuleBook(source, this.#bookOptions, this.#book);
    this.#declared = false;
    this.#use(this.#gate.source);
    return alerts;
  }

  /**
   * The alerts of one event, in rule order, behind those of joins that its time completes, and of events that could wait no longer.
   * What needs a hash that is to come waits for resume(). Never throws for what an event holds.
   */
  evaluate(event: EcsEvent): readonly Alert[] {
    if (!this.#declared) this.#declareAll(event);
    this.#pass(event);
    this.#counters.add('detect_events_evaluated_total');
    const alerts: Alert[] = [];
    if (this.#due.isOver(event)) this.#complete(event, alerts);
    const selftest = this.#isSelftest(event);
    const waiting = this.#gate.asked(event, selftest);
    const candidates = this.#book.all ?? this.#book.index.candidates(event);
    if (candidates.length === 0 && waiting.length === 0) return alerts;
    this.#counters.add('detect_rules_evaluated_total', candidates.length);
    this.#ask(candidates, { event, selftest, waiting }, alerts);
    for (const each of waiting) this.#wait(each, alerts);
    return alerts;
  }

  /** To be called when a hash was told of, or is late: the alerts of the events that waited for it. */
  resume(): Alert[] {
    return this.#decideAll(this.#gate.ready());
  }

  /**
   * No event came for a time, and none before `at` will: what waited for a missing event completes, what is too old goes.
   * The agent calls it each second while it is quiet; a replay goes by its events alone.
   */
  tick(at: EventTime): readonly Alert[] {
    this.#pass(at);
    const alerts: Alert[] = [];
    this.#complete(at, alerts, true);
    return alerts;
  }

  /** No more events will come (replay): what waits for a missing event completes, what was counted is told. */
  end(): Alert[] {
    const alerts: Alert[] = [];
    for (const loaded of this.#book.loaded) this.#make(loaded, loaded.kind.end?.() ?? [], alerts);
    this.flush();
    return alerts;
  }

  /** The run ends: what open alerts counted is told. */
  flush(): void {
    this.#suppression.flush();
  }

  /** Sequences and samples in progress: they do not outlive the run. */
  pendingJoins(): number {
    return this.#joins.pending;
  }

  /** The alert is durable in the journal at that seq: its terms may be written, and the checkpoint may move. */
  durable(alert: Pick<Alert, 'rule_id' | 'terms' | 'group' | 'selftest'>, seq: number): void {
    this.#kept.durable(alert, seq);
  }

  /** The alert will never be in the journal: nothing more is counted in it, and what was new in it still is. */
  givenUp(alert: Pick<Alert, 'uuid' | 'rule_id' | 'terms' | 'group'>): void {
    this.#kept.givenUp(alert);
  }

  /**
   * At start, for each alert of the journal since the store's checkpointSeq, in journal order: the terms count as seen, the group as
   * told of, and the alert counts for max_signals. in: envelope facts; a bootId of '' makes wall time count.
   */
  applyAlert(...alert: Parameters<KeptOver['applyAlert']>): void {
    this.#kept.applyAlert(...alert);
  }

  /** The same for each amend. */
  applyAmend(amend: Pick<AlertAmend, 'uuid' | 'document'>): void {
    this.#suppression.amended(amend);
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
    const index = this.#book.sketchIndex(slots);
    return (sketch) => {
      if (this.#due.isOver(sketch) || this.#isSelftest(sketch)) return true;
      if (index.candidates(sketch).some((candidate) => this.#matchesSketch(candidate, sketch))) return true;
      this.#pass(sketch);
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

  /** Whether a rule takes events of that kind, whatever is in them; byAction: for their event.action. */
  takes(kind: EventKind, byAction = false): boolean {
    return this.#book.index.takes(kind.fixed, byAction);
  }

  #use(hashes: HashSource | undefined): void {
    const { loaded } = this.#book;
    this.#suppression.use(loaded.flatMap(({ suppression }) => suppression ?? []));
    for (const each of [this.#due, this.#joins]) each.use(loaded.map(({ kind }) => kind));
    this.#gate.use(hashes, loaded);
  }

  #declareAll(at: EventTime): void {
    for (const terms of this.termRules()) this.#terms.declare(terms, at);
    this.#declared = true;
  }

  #pass(at: EventTime): void {
    this.#terms.tick(at);
    this.#suppression.tick(at);
  }

  #ask(candidates: readonly Candidate[], at: Asked, alerts: Alert[]): void {
    const { event, selftest, waiting } = at;
    const { costs } = this.#book;
    for (let i = 0; i < candidates.length; ) {
      const { rule } = candidates[i]!;
      const waits = waiting.some(({ place }) => place === rule);
      let matched: number[] | undefined;
      let begun = UNTIMED;
      for (; i < candidates.length && candidates[i]!.rule === rule; i++) {
        if (waits) continue;
        const { query, probe } = candidates[i]!;
        const started = costs.evaluate(rule);
        if (started !== UNTIMED) begun = started;
        if (this.#matches(query, event)) matched = matched === undefined ? [probe] : [...matched, probe];
      }
      if (matched !== undefined) this.#matched(rule, event, matched, selftest, alerts);
      if (begun !== UNTIMED) costs.end(rule, begun);
    }
  }

  #matches(query: CompiledQuery, event: EcsEvent): boolean {
    return evaluateQuery(query, event, this.#counters);
  }

  #matchesSketch({ rule, query }: Candidate, sketch: EcsEvent): boolean {
    const begun = this.#book.costs.sketch(rule);
    const matches = this.#matches(query, sketch);
    if (begun !== UNTIMED) this.#book.costs.end(rule, begun);
    return matches;
  }

  #matched(place: number, event: EcsEvent, probes: readonly number[], selftest: boolean, alerts: Alert[]): void {
    const waiting = this.#gate.matched(place, event, selftest);
    if (waiting === undefined) this.#happened(place, event, probes, selftest, alerts);
    else this.#wait(waiting, alerts);
  }

  #decideAll(waiting: readonly Waiting[]): Alert[] {
    const alerts: Alert[] = [];
    for (const each of waiting) this.#decide(each, alerts);
    return alerts;
  }

  #wait(waiting: Waiting, alerts: Alert[]): void {
    const cut = this.#gate.put(waiting);
    if (cut !== undefined) this.#decide(cut, alerts);
  }

  #decide({ place, event, selftest }: Waiting, alerts: Alert[]): void {
    const begun = this.#book.costs.evaluate(place);
    const { probes } = this.#book.loaded[place]!;
    const matched = probes.flatMap((query, probe) => (this.#matches(query, event) ? [probe] : []));
    if (matched.length > 0) this.#happened(place, event, matched, selftest, alerts);
    if (begun !== UNTIMED) this.#book.costs.end(place, begun);
  }

  /** A match that has waited for all it had to wait for. */
  #happened(place: number, event: EcsEvent, matched: readonly number[], selftest: boolean, alerts: Alert[]): void {
    const before = alerts.length;
    const loaded = this.#book.loaded[place]!;
    const { kind, tracked } = loaded;
    const probes = tracked.length === 0 ? matched : noteTracked(tracked, matched, event, this.#counters);
    if (probes.length === 0) return;
    this.#counters.add('detect_events_matched_total');
    const hiddenBy = this.#gate.exception(loaded, event)?.item_id;
    // An excepted event makes no alert and is no history. Counted for the first item that hides it, as the reason.
    if (hiddenBy !== undefined && !kind.joins) this.#counters.add('detect_events_excepted_total', 1, hiddenBy);
    else {
      this.#make(loaded, kind.matched({ event, probes, selftest, hiddenBy }), alerts);
      if (kind.joins) for (const each of [this.#due, this.#joins]) each.note(kind);
    }
    this.#book.costs.match(place, alerts.length - before);
  }

  #make(loaded: LoadedRule, drafts: readonly Draft[], alerts: Alert[]): void {
    for (const draft of drafts) {
      const alert = this.#maker.make(loaded, draft, this.#gate);
      if (alert !== undefined) alerts.push(alert);
    }
  }

  /** Joins that wait for time alone, but for rules some of whose events wait for hashes. */
  #complete(at: EventTime, alerts: Alert[], idle = false): void {
    for (const [place, loaded] of this.#book.loaded.entries()) {
      const { kind } = loaded;
      if (kind.tick === undefined || this.#gate.holds(place)) continue;
      if (idle || this.#due.concerns(kind, at)) this.#make(loaded, kind.tick(at), alerts);
    }
    this.#due.renew();
  }
}
