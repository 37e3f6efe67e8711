// From a draft to an alert: is it counted in an open one (suppression), may it be made (max_signals, the byte rate), what does its
// document say. In: a rule, a draft of its kind; out: the alert, or undefined, counted. Used by detector.ts.

import type { EcsEvent, Gap } from '../ecs/event.ts';
import type { Counters } from '../stats.ts';
import type { Alert } from './alert.ts';
import { buildAlert } from './alert-document.ts';
import { eventIdOf } from './alert-id.ts';
import type { AlertLimits } from './alert-limits.ts';
import type { HashOf, HashSource } from './hash-source.ts';
import type { Draft } from './kinds/kind.ts';
import type { LoadedRule } from './loaded-rule.ts';
import type { Group, Suppression } from './suppression.ts';

/** Where hashes are from, and whether those that a rule needs are there. */
export interface Hashes {
  readonly source: HashSource | undefined;
  isThere(event: EcsEvent, needs: readonly HashOf[]): boolean;
}

export class AlertMaker {
  readonly #limits: AlertLimits;
  readonly #suppression: Suppression;
  readonly #counters: Counters;
  /** Milliseconds since 1970. */
  readonly #detectedMs: (event: EcsEvent) => number;

  constructor(
    limits: AlertLimits,
    suppression: Suppression,
    counters: Counters,
    detectedMs: (event: EcsEvent) => number,
  ) {
    this.#limits = limits;
    this.#suppression = suppression;
    this.#counters = counters;
    this.#detectedMs = detectedMs;
  }

  make(loaded: LoadedRule, draft: Draft, hashes: Hashes): Alert | undefined {
    const [limits, suppression] = [this.#limits, this.#suppression];
    const { rule } = loaded;
    const { rule_id } = rule;
    const group = suppression.groupOf(rule_id, draft);
    if (group !== undefined && suppression.counts(rule_id, group, draft, this.#detectedMs(draft.event)))
      return undefined;
    const untold = draft.selftest ? [] : limits.admit(rule, draft.event);
    if (untold === undefined) return undefined;
    draft.made?.();
    const alert = this.#build(loaded, draft, group, [...untold, ...draft.gaps, ...unhashed(loaded, draft, hashes)]);
    if (!draft.selftest) limits.made(alert);
    if (group !== undefined) suppression.opened(rule_id, group, alert, draft);
    if (draft.hashed !== undefined) hashes.source?.made(draft.hashed, alert);
    this.#counters.add('detect_alerts_made_total');
    return alert;
  }

  #build({ rule }: LoadedRule, draft: Draft, group: Group | undefined, gaps: readonly Gap[]): Alert {
    const { event, selftest, tuple } = draft;
    const uuid = draft.uuid(rule);
    const key = group?.key ?? draft.group;
    return buildAlert({
      rule,
      event,
      eventId: draft.shape === undefined ? eventIdOf(event) : '',
      uuid,
      gaps,
      detectedWallMs: this.#detectedMs(event),
      selftest,
      ...(tuple && { tuple }),
      ...(draft.shape && { shape: draft.shape({ rule, uuid }) }),
      ...(group && { suppression: this.#suppression.section(rule.rule_id, group, draft) }),
      ...(key !== undefined && { group: key }),
    });
  }
}

/** Asks for the hashes of what the alert tells of; those that its rule needed and did not get leave a gap. */
function unhashed({ needs }: LoadedRule, { hashed }: Draft, hashes: Hashes): Gap[] {
  if (hashed === undefined) return [];
  for (const whose of ['process', 'parent'] as const) hashes.source?.look(hashed, whose);
  return hashes.isThere(hashed, needs) ? [] : [{ kind: 'unreadable', detail: 'process.hash', count: 1 }];
}
