// The alert of Forebear's own: its sensor does not see what the agent itself runs. Made as alerts of rules are, of an event
// that stands for the exec that was not seen, so that filters, endpoints and `show` treat it as any other. Pure.

import type { Alert } from '../detect/alert.ts';
import type { SlotValue } from '../ecs/event.ts';
import type { BlindSensor } from './canary.ts';
import { type OwnAlertParts, ownAlert } from './own-alert.ts';
import { CANARY_ACTION, CANARY_RULE } from './protection-rules.ts';

/** in: what was run and not seen; out: the alert. The same canary gives the same uuid. */
export function canaryAlert(parts: OwnAlertParts, blind: BlindSensor): Alert {
  const { wallMs, bootNs, missed, lost, seenMs } = blind;
  const gap = { kind: 'lost_records' as const, detail: 'while the canary was awaited', count: lost };
  return ownAlert(parts, {
    rule: CANARY_RULE,
    action: CANARY_ACTION,
    wallMs,
    bootNs,
    reason: reasonOfBlindness(blind, parts.host.name),
    values: valuesOf(parts, blind.args),
    section: { canary: { missed, lost, ...(seenMs !== undefined && { last_seen: iso(seenMs) }) } },
    gaps: lost > 0 ? [gap] : [],
  });
}

function valuesOf(parts: OwnAlertParts, args: readonly string[]): Record<string, SlotValue> {
  const program = args[0] ?? '';
  return {
    'process.executable': program,
    'process.name': baseName(program),
    'process.args': args,
    'process.args_count': args.length,
    'process.command_line': args.join(' '),
    'process.parent.pid': parts.pid,
    'process.parent.executable': parts.executable,
    'process.parent.name': baseName(parts.executable),
    'user.id': String(parts.uid),
  };
}

function reasonOfBlindness({ missed, seenMs }: BlindSensor, hostName: string): string {
  const since = seenMs === undefined ? 'none was since it started' : `the last that was is of ${iso(seenMs)}`;
  const where = hostName === '' ? '' : ` on ${hostName}`;
  return `${missed} programs in a row that the agent ran itself${where} were not seen by its sensor; ${since}.`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
