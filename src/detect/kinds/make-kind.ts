// A rule -> what decides about its matches. In: rule, what outlives it; out: its kind. Called by loaded-rule.ts.

import { type CreateCorrelator, DEFAULT_LIMITS } from '../../correlate/correlator.ts';
import type { FieldTable } from '../../ecs/fields.ts';
import type { Counters } from '../../stats.ts';
import { parseLookback } from '../date-math.ts';
import type { NewTermsRule } from '../new-terms.ts';
import type { Rule } from '../rule.ts';
import type { TermStore } from '../term-store.ts';
import { JoinedKind } from './joined.ts';
import type { RuleKind } from './kind.ts';
import { NewTermsKind } from './new-terms.ts';
import { SingleKind } from './single.ts';
import type { TallyBudget } from './tally-budget.ts';
import { ThresholdKind } from './threshold.ts';

export interface KindContext {
  readonly fields: FieldTable;
  readonly counters: Counters;
  readonly terms: TermStore;
  readonly correlate: CreateCorrelator;
  readonly tallies: TallyBudget;
}

const SINGLE = new SingleKind();

/** in: rule, its new terms as slots, what its state is of (signatureOf). */
export function makeKind(
  rule: Rule,
  newTerms: NewTermsRule | undefined,
  signature: string,
  { fields, counters, terms, correlate, tallies }: KindContext,
): RuleKind {
  const { rule_id, threshold, program } = rule;
  if (newTerms !== undefined) return new NewTermsKind(newTerms, terms, counters);
  if (threshold !== undefined) {
    const windowMs = parseLookback(rule.from, 'rule.from');
    return new ThresholdKind({
      rule_id,
      threshold,
      windowMs,
      signature,
      fields,
      kept: terms.kept,
      counters,
      all: tallies,
    });
  }
  if (program === undefined || !isJoined(rule)) return SINGLE;
  return new JoinedKind(program, correlate(program, DEFAULT_LIMITS, counters, rule_id), counters);
}

/** Whether the rule's alerts are of several events, in whatever order and time. */
export function isJoined({ program }: Pick<Rule, 'program'>): boolean {
  return program !== undefined && program.kind !== 'event';
}
