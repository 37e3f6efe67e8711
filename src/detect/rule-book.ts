// The rules of a detector, ready for events: with their exceptions, indexed, with what they cost. One is made at the start and
// at each reload; histories, caps and rates are the detector's and outlive it, as the state of rules that stay does. Made by
// detector.ts.

import type { FieldTable } from '../ecs/fields.ts';
import type { ExceptionSet } from './exceptions/exception-set.ts';
import { type LoadContext, type LoadedRule, loadRule } from './loaded-rule.ts';
import type { Rule } from './rule.ts';
import { type CostClock, RuleCosts } from './rule-costs.ts';
import { type Candidate, RuleIndex } from './rule-index.ts';

export interface RuleSource {
  readonly rules: readonly Rule[];
  /** What silences them; default: nothing does. */
  readonly exceptions?: Pick<ExceptionSet, 'boundTo'> | undefined;
}

export interface RuleBookOptions extends LoadContext {
  readonly costClock: CostClock | undefined;
  readonly unindexed: boolean;
}

/** Rules that take the place of others, ready for events. */
export interface PreparedRules extends RuleSource {
  readonly loaded: readonly LoadedRule[];
  readonly probes: readonly Candidate[];
  readonly index: RuleIndex;
  readonly sketches: Sketches;
}

/** By the slots that sketches of events have: the index over what the probes say of these alone. */
type Sketches = Map<ReadonlySet<number>, RuleIndex>;

/** in: the book that they follow; in steps of less than a millisecond. */
export function* prepareRules(
  source: RuleSource,
  options: RuleBookOptions,
  before: RuleBook,
): Generator<void, PreparedRules> {
  const loaded: LoadedRule[] = [];
  for (const rule of source.rules) {
    loaded.push(loadRule(rule, source.exceptions?.boundTo(rule) ?? [], options, before.byId.get(rule.rule_id)));
    yield;
  }
  const probes = probesOf(loaded);
  const index = new RuleIndex(probes, options.fields);
  yield* index.prepareLike(before.index);
  const sketches: Sketches = new Map();
  for (const [slots, known] of before.sketches) {
    const sketch = new RuleIndex(probes, options.fields, { within: slots });
    yield* sketch.prepareLike(known);
    sketches.set(slots, sketch);
  }
  return { ...source, loaded, probes, index, sketches };
}

function probesOf(loaded: readonly LoadedRule[]): Candidate[] {
  return loaded.flatMap(({ probes }, rule) => probes.map((query, probe) => ({ rule, probe, query })));
}

export class RuleBook {
  readonly loaded: readonly LoadedRule[];
  readonly byId: ReadonlyMap<string, LoadedRule>;
  /** Of all rules, by rule. */
  readonly probes: readonly Candidate[];
  readonly index: RuleIndex;
  /** Instead of the index's candidates. */
  readonly all: readonly Candidate[] | undefined;
  readonly costs: RuleCosts;
  /** Those that were asked for or made beforehand. */
  readonly sketches: Sketches;
  readonly #fields: FieldTable;

  /** before: whose rules have cost so far what these go on from, and whose state goes on, where they are the same. */
  constructor(source: RuleSource | PreparedRules, options: RuleBookOptions, before?: RuleBook) {
    const { fields, costClock, unindexed } = options;
    const { rules, exceptions } = source;
    const prepared = 'loaded' in source ? source : undefined;
    this.loaded =
      prepared?.loaded ??
      rules.map((rule) => loadRule(rule, exceptions?.boundTo(rule) ?? [], options, before?.byId.get(rule.rule_id)));
    this.byId = new Map(this.loaded.map((loaded) => [loaded.rule.rule_id, loaded]));
    this.probes = prepared?.probes ?? probesOf(this.loaded);
    this.index = prepared?.index ?? new RuleIndex(this.probes, fields);
    this.sketches = prepared?.sketches ?? new Map();
    this.#fields = fields;
    this.all = unindexed ? this.probes : undefined;
    this.costs = new RuleCosts(rules, costClock, before?.costs);
    const going = new Set(this.loaded.map(({ kind }) => kind));
    for (const { kind } of before?.loaded ?? []) if (!going.has(kind)) kind.dropped?.();
  }

  /** Of events of which these slots alone are filled: the same set each time. */
  sketchIndex(slots: ReadonlySet<number>): RuleIndex {
    const known = this.sketches.get(slots);
    if (known !== undefined) return known;
    const index = new RuleIndex(this.probes, this.#fields, { within: slots });
    this.sketches.set(slots, index);
    return index;
  }
}
