// What a run came to: printed at its end, written into the journal's stop record, asserted by tests.
// Conservation is checked here: what the kernel side wanted to write was decoded, or is counted as lost.

import { OVER_RATES } from '../detect/byte-rate.ts';
import type { SensorCounters } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { DROP_REASONS } from './outbox.ts';

export interface AgentSummary {
  /** Records decoded, per kind. */
  events: SensorCounters['decoded'];
  /** Records that did not arrive: ring full, no scratch slot, program skipped, malformed. */
  lost: number;
  /** Journalled, and what was not: kept back by max_signals, held back by the byte rate, given up because the journal did not take it. */
  alerts: number;
  capped: number;
  heldBack: number;
  dropped: number;
  /** Newest durable seq. */
  durableSeq: number;
  /** reserved - decoded - lost; anything but 0 is a fault of ours. */
  unaccounted: number;
}

export type LossCounters = Pick<SensorCounters, 'lost' | 'recursionMisses' | 'undecodable'>;

/** in: the sensor's counters after stop, the agent's; out: the summary. */
export function summaryOf(sensor: SensorCounters, counters: Counters, durableSeq: number): AgentSummary {
  const lost = total(sensor.lost);
  return {
    events: sensor.decoded,
    lost: lostBy(sensor),
    alerts: counters.get('agent_alerts_journalled_total'),
    capped: counters.get('detect_alerts_capped_total'),
    heldBack: heldBackOf(counters),
    dropped: DROP_REASONS.reduce((sum, reason) => sum + counters.get('agent_alerts_dropped_total', reason), 0),
    durableSeq,
    unaccounted: total(sensor.reserved) - total(sensor.decoded) - lost - sensor.undecodable,
  };
}

/** Records that did not arrive, of all kinds. */
export function lostBy({ lost, recursionMisses, undecodable }: LossCounters): number {
  return total(lost) + recursionMisses + undecodable;
}

function heldBackOf(counters: Counters): number {
  return OVER_RATES.reduce((sum, limit) => sum + counters.get('detect_alerts_held_back_total', limit), 0);
}

/** Sum over kinds. */
export function total(perKind: Readonly<Record<string, number>>): number {
  return Object.values(perKind).reduce((sum, n) => sum + n, 0);
}
