// What a record that is no alert says, as half a sentence for a person: gap, lifecycle, clock and heartbeat records. A record that
// cannot be decoded is named by its kind alone. Called by tail and ship.

import { formatDuration } from '../config/units.ts';
import {
  decodeClock,
  decodeGap,
  decodeHeartbeat,
  decodeLifecycle,
  type GapRecord,
  type Lifecycle,
} from './record-codec.ts';

/** Of a journal's record. */
export interface NoticeRecord {
  kind: number;
  kindName?: string;
  payload: Uint8Array;
}

/** in: a record that is no alert; out: `3 exec records lost`, not escaped. Never throws. */
export function noticeText({ kind, kindName, payload }: NoticeRecord): string {
  try {
    if (kindName === 'gap') return gapText(decodeGap(payload));
    if (kindName === 'lifecycle') return lifecycleText(decodeLifecycle(payload));
    if (kindName === 'clock') return clockText(decodeClock(payload));
    if (kindName === 'heartbeat') return `the agent lives, its journal has ${decodeHeartbeat(payload).seq} records`;
    return kindName ?? `record of kind ${kind}`;
  } catch {
    return `${kindName ?? kind} record that cannot be read`;
  }
}

const GAPS: Readonly<Record<GapRecord['kind'], string>> = {
  lost_records: 'lost in the kernel',
  refused_alerts: 'alerts that the journal could not take',
  damaged_records: 'journal records damaged',
  expired_records: 'journal records expired undelivered',
  state_not_kept: 'state not kept over the restart',
  not_running: 'the agent did not run',
  capped_alerts: 'alerts beyond a rule’s limit',
  evicted_processes: 'running processes forgotten',
  blind: 'the sensor did not see the agent’s canary',
  unknown: 'a gap of a kind that this version does not know',
};

/** They are about a time, not about a number of things. */
const LASTING: ReadonlySet<GapRecord['kind']> = new Set(['not_running', 'blind']);

function gapText({ kind, count, detail, fromMs, toMs }: GapRecord): string {
  const { text, rest } =
    kind === 'lost_records' && /^\w+$/.test(detail)
      ? { text: `${detail} ${count === 1 ? 'record' : 'records'} lost`, rest: '' }
      : { text: GAPS[kind], rest: detail };
  const during =
    fromMs !== undefined && toMs !== undefined
      ? ` ${LASTING.has(kind) ? 'for' : 'within'} ${formatDuration(toMs - fromMs)}`
      : '';
  return `${count > 0 && !LASTING.has(kind) ? `${count} ` : ''}${text}${during}${rest === '' ? '' : `: ${rest}`}`;
}

function lifecycleText({ event, version, detail, afterUncleanStop }: Lifecycle): string {
  const verbs = {
    start: 'agent started',
    stop: 'agent stopped',
    configuration: 'configuration changed',
    unknown: 'agent',
  };
  const unclean = afterUncleanStop ? ' after a run that did not end cleanly' : '';
  return `${verbs[event]}${version === '' ? '' : ` (${version})`}${unclean}${detail === '' ? '' : `: ${detail}`}`;
}

function clockText({ foundMs, expectedMs }: { foundMs: number; expectedMs: number }): string {
  const by = formatDuration(Math.abs(foundMs - expectedMs));
  return `the clock was set ${foundMs < expectedMs ? 'back' : 'forward'} by ${by}`;
}
