// Why a rule was silent on an event, as sentences with a code each, for a person and for --json. In: a trial (detect/rule-trial.ts), the
// explanations, the reach of a sequence; out: reasons, the one that comes first in the event's way first. Pure; called by why-not.ts.

import type { QueryExplained } from '../detect/explain-rule.ts';
import type { Rule } from '../detect/rule.ts';
import type { TermTrial, Trial } from '../detect/rule-trial.ts';
import type { StageReach } from '../detect/stage-reach.ts';
import { localTime } from './alert-line.ts';
import { deciderTexts } from './why-text.ts';

export interface Reason {
  readonly code:
    | 'refused'
    | 'disabled'
    | 'query'
    | 'exception'
    | 'no_term'
    | 'term_known'
    | 'threshold'
    | 'suppressed'
    | 'held_back'
    | 'stage_never_reached';
  readonly text: string;
}

/** Of a rule whose alerts are of one event, or of a group of them. */
export function reasonsOf(rule: Rule, trial: Trial, queries: readonly QueryExplained[]): Reason[] {
  if (trial.alerts.length > 0) return [];
  const failed = queries.filter(({ explained }) => !explained.matches);
  if (trial.probes.length === 0) {
    return failed.flatMap(({ name, deciders }) =>
      deciderTexts(deciders).map(
        (text): Reason => ({ code: 'query', text: name === 'query' ? text : `${name}: ${text}` }),
      ),
    );
  }
  if (trial.hiddenBy !== undefined) {
    const { item_id, name } = trial.hiddenBy;
    return [{ code: 'exception', text: `exception ${item_id} (${name}) hides the event` }];
  }
  return [...termReasons(rule, trial.terms), ...thresholdReasons(rule, trial), ...limitReasons(trial)];
}

function termReasons({ newTerms }: Rule, terms: readonly TermTrial[] | undefined): Reason[] {
  if (newTerms === undefined || terms === undefined) return [];
  if (terms.length === 0) {
    return [{ code: 'no_term', text: `the event has no value of ${newTerms.fields.join(', ')}: there is nothing new` }];
  }
  return terms
    .filter(({ known }) => known)
    .map((term) => ({ code: 'term_known', text: knownText(term, newTerms.historyWindowStart) }));
}

function knownText({ values, first, last }: TermTrial, window: string): string {
  const said = values.map((value) => JSON.stringify(value)).join(', ');
  const since = first === undefined ? '' : `first ${localTime(first.wallMs)}, `;
  return `${said} is not new: seen ${since}last ${localTime(last!.wallMs)}, within the window (${window})`;
}

function thresholdReasons({ threshold }: Rule, { count, cardinality = [] }: Trial): Reason[] {
  if (threshold === undefined || count === undefined) return [];
  if (count === 0) {
    return [{ code: 'threshold', text: `the event has no value of ${threshold.fields.join(', ')}: it is in no group` }];
  }
  const of = threshold.fields.length === 0 ? '' : ` with the same ${threshold.fields.join(', ')}`;
  const few = count < threshold.value ? [`${count} of ${threshold.value} matching events${of} within the window`] : [];
  const same = threshold.cardinality.flatMap(({ field, value }, i) => {
    const found = cardinality[i]?.value ?? 0;
    return found < value ? [`${found} of ${value} different values of ${field}`] : [];
  });
  return [...few, ...same].map((text) => ({ code: 'threshold', text }));
}

function limitReasons({ suppressed, heldBack }: Trial): Reason[] {
  return [
    ...(suppressed
      ? [{ code: 'suppressed' as const, text: 'it was counted in the alert that is open (alert_suppression)' }]
      : []),
    ...(heldBack
      ? [{ code: 'held_back' as const, text: 'the rule had made as many alerts as it may (max_signals, or bytes)' }]
      : []),
  ];
}

/** Of a sequence or sample that did not complete. */
export function stageReason(rule: Rule, reach: StageReach): Reason[] {
  const { obstacle, reached, matching } = reach;
  if (obstacle === undefined) {
    return [{ code: 'exception', text: 'all its stages were reached: exceptions hide each of the events' }];
  }
  const program = rule.program!;
  const keys = program.stages[reached]!.keys.map(({ field }) => field.name).join(', ');
  const why = {
    no_event: 'no event matches it',
    maxspan: `its event comes later than maxspan allows (${(program.maxspanMs ?? 0) / 1000} s)`,
    keys: `events match it, and none has the same ${keys} as those before`,
    until: 'what `until` names came first',
    missing_event_came: 'an event came that must not (![ ])',
    order: `${matching[reached]} events match it, none of them after those before`,
  }[obstacle];
  return [
    { code: 'stage_never_reached', text: `stage ${reached + 1} of ${program.stages.length} was never reached: ${why}` },
  ];
}
