// The rules of a detector, ready for events: with their exceptions, indexed, with what they cost. One is made at the start and
// at each reload; histories, caps and rates are the detector's and outlive it, as the state of rules that stay does. Made by
// detector.ts.

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

export class RuleBook {
  readonly loaded: readonly LoadedRule[];
  readonly byId: ReadonlyMap<string, LoadedRule>;
  /** Of all rules, by rule. */
  readonly probes: readonly Candidate[];
  readonly index: RuleIndex;
  /** Instead of the index's candidates. */
  readonly all: readonly Candidate[] | undefined;
  readonly costs: RuleCosts;

  /** before: whose rules have cost so far what these go on from, and whose state goes on, where they are the same. */
  constructor({ rules, exceptions }: RuleSource, options: RuleBookOptions, before?: RuleBook) {
    const { fields, costClock, unindexed } = options;
    this.loaded = rules.map((rule) =>
      loadRule(rule, exceptions?.boundTo(rule) ?? [], options, before?.byId.get(rule.rule_id)),
    );
    this.byId = new Map(this.loaded.map((loaded) => [loaded.rule.rule_id, loaded]));
    this.probes = this.loaded.flatMap(({ probes }, rule) => probes.map((query, probe) => ({ rule, probe, query })));
    this.index = new RuleIndex(this.probes, fields);
    this.all = unindexed ? this.probes : undefined;
    this.costs = new RuleCosts(rules, costClock, before?.costs);
    const going = new Set(this.loaded.map(({ kind }) => kind));
    for (const { kind } of before?.loaded ?? []) if (!going.has(kind)) kind.dropped?.();
  }
}
