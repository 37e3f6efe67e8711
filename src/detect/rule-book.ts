// The rules of a detector, ready for events: with their exceptions, indexed, with what they cost. One is made at the start and
// at each reload; histories, caps and rates are the detector's and outlive it. Made by detector.ts.

import type { FieldTable } from '../ecs/fields.ts';
import type { ExceptionSet } from './exceptions/exception-set.ts';
import { type LoadedRule, loadRule } from './loaded-rule.ts';
import type { Rule } from './rule.ts';
import { type CostClock, RuleCosts } from './rule-costs.ts';
import { type Candidate, probesOf, RuleIndex } from './rule-index.ts';

export interface RuleSource {
  readonly rules: readonly Rule[];
  /** What silences them; default: nothing does. */
  readonly exceptions?: Pick<ExceptionSet, 'boundTo'> | undefined;
}

export interface RuleBookOptions {
  readonly fields: FieldTable;
  readonly learnMs: (rule_id: string) => number;
  readonly costClock: CostClock | undefined;
  readonly unindexed: boolean;
}

export class RuleBook {
  readonly loaded: readonly LoadedRule[];
  readonly byId: ReadonlyMap<string, LoadedRule>;
  readonly index: RuleIndex;
  /** Instead of the index's candidates. */
  readonly all: readonly Candidate[] | undefined;
  readonly costs: RuleCosts;

  /** before: whose rules have cost so far what these go on from, where they are the same. */
  constructor({ rules, exceptions }: RuleSource, options: RuleBookOptions, before?: RuleBook) {
    const { fields, learnMs, costClock, unindexed } = options;
    this.loaded = rules.map((rule) => loadRule(rule, exceptions?.boundTo(rule) ?? [], fields, learnMs(rule.rule_id)));
    this.byId = new Map(this.loaded.map((loaded) => [loaded.rule.rule_id, loaded]));
    const probes = probesOf(rules.map(({ compiled }) => compiled));
    this.index = new RuleIndex(probes, fields);
    this.all = unindexed ? probes : undefined;
    this.costs = new RuleCosts(rules, costClock, before?.costs);
  }
}
