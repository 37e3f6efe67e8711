// What `systemctl status` shows of a service in one line: agent, shipper, hub. Pure; sent by service/supervision.ts.

import { total } from '../agent/summary.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { ShipStatus } from '../ship/ship-status.ts';

/** in: the newest snapshot, what the last reload came to. */
export function agentLine(status: AgentStatus | undefined, reloaded = ''): string {
  if (status === undefined) return 'starting';
  const { rules, alerts, sensor, canary, journal } = status;
  const { lost: byKind, recursionMisses, undecodable } = sensor.counters;
  const lost = total(byKind) + recursionMisses + undecodable;
  const parts = [
    `${counted(rules.running, 'rule')}${rules.refused.length > 0 ? ` (${rules.refused.length} refused)` : ''}`,
    `${counted(alerts, 'alert')} since start`,
    ...(lost > 0 ? [`${counted(lost, 'record')} lost`] : []),
    ...(sensor.programs.some(({ attached }) => !attached) ? ['not all programs attached'] : []),
    ...(canary?.blindSinceMs !== undefined ? ['BLIND: the sensor does not show its canary'] : []),
    ...(canary?.fault !== undefined ? ['the canary cannot be run'] : []),
    `journal at ${journal.durableSeq}`,
    ...(reloaded === '' ? [] : [reloaded]),
  ];
  return parts.join(', ');
}

/** As agentLine. */
export function shipLine(status: ShipStatus | undefined, reloaded = ''): string {
  if (status === undefined) return 'starting';
  const outputs = status.outputs.map(({ name, state, lagRecords }) => {
    const behind = lagRecords > 0 ? `, ${lagRecords} behind` : '';
    return `${name}: ${state}${behind}`;
  });
  return [outputs.length === 0 ? 'no output' : outputs.join('; '), ...(reloaded === '' ? [] : [reloaded])].join('; ');
}

export function hubLine(stored: number): string {
  return `${counted(stored, 'record')} stored since start`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
