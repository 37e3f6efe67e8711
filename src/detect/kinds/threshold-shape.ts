// The document of a threshold rule's alert: the group's values and what of the host is the same in all its events, as Kibana's,
// and kibana.alert.threshold_result. Pure; called by threshold.ts.

import { toDocument } from '../../ecs/document.ts';
import type { EcsEvent } from '../../ecs/event.ts';
import type { Shape } from './kind.ts';

export interface ThresholdResult {
  readonly terms: readonly { readonly field: string; readonly value: unknown }[];
  readonly cardinality: readonly { readonly field: string; readonly value: number }[];
  readonly count: number;
  /** Of the first event counted, ISO 8601. */
  readonly from: string;
}

/** in: what the events have in common, the id of the last one, what was counted. */
export function thresholdShape(common: EcsEvent, lastId: string, result: ThresholdResult): Shape {
  return {
    base: toDocument(common),
    depth: 1,
    ancestors: [{ id: lastId, type: 'event', index: '', depth: 0 }],
    alert: { threshold_result: result },
  };
}
