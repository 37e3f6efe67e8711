// Which new_terms rules learn still and until when, for the first lines of a run and for `status`; says once in the log when
// the last of them has ended. Built by agent.ts, asked each second.

import type { LearningReport } from '../agent-status.ts';
import type { Detector } from '../detect/detector.ts';
import type { MemoryTermStore } from '../detect/term-store.ts';
import type { EventTime } from '../ecs/event-time.ts';
import type { Logger } from '../log.ts';

/** A length for a rule that is none of those that run is a slip of the pen that would go unnoticed. */
export function warnOfUnknown(
  detector: LearningParts['detector'],
  learnRulesMs: ReadonlyMap<string, number>,
  log: Pick<Logger, 'warn'>,
): void {
  const known = new Set(detector.termRules().map(({ rule_id }) => rule_id));
  for (const rule_id of learnRulesMs.keys()) {
    if (!known.has(rule_id)) log.warn(`detect.learn_rules: no new_terms rule ${rule_id} runs`);
  }
}

export interface LearningParts {
  detector: Pick<Detector, 'termRules'>;
  terms: Pick<MemoryTermStore, 'learningLeft'>;
  now: () => EventTime;
  log: Pick<Logger, 'info'>;
}

export class LearningWatch {
  readonly #parts: LearningParts;
  #before = 0;

  constructor(parts: LearningParts) {
    this.#parts = parts;
  }

  /** undefined: every rule alerts. */
  report(): LearningReport | undefined {
    const { detector, terms, now, log } = this.#parts;
    const at = now();
    const left = detector.termRules().map((rule) => terms.learningLeft(rule, at));
    const rules = left.filter((ms) => ms > 0).length;
    if (rules === 0 && this.#before > 0) log.info('learning has ended: new terms make alerts from now on');
    this.#before = rules;
    return rules === 0 ? undefined : { rules, untilMs: at.wallMs + Math.max(...left) };
  }
}
