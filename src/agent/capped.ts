// Alerts that max_signals kept back during a run: what the stop's gap records tell. The caps outlive a run, and so do their
// counts; what an earlier stop has told of must not be told again. Pure; called by agent.ts.

import type { Detector } from '../detect/detector.ts';

export type CappedRules = ReturnType<Detector['capped']>;

/** in: Detector.capped() at start and now; out: what came since. A count that fell was told of in an alert meanwhile. */
export function cappedBetween(before: CappedRules, now: CappedRules): CappedRules {
  const counts = new Map(before.map(({ rule_id, count }) => [rule_id, count]));
  return now.flatMap(({ rule_id, count }) => {
    const told = counts.get(rule_id) ?? 0;
    const since = count >= told ? count - told : count;
    return since > 0 ? [{ rule_id, count: since }] : [];
  });
}
