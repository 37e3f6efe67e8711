// What stands between alerts, as a dim line for a person: gap, lifecycle and clock records. Their payload is JSON in
// UTF-8 (Notice below, written by the agent); anything else is shown by its kind alone.

import type { JournalRecord } from '../journal/journal.ts';
import { localTime } from './alert-line.ts';
import { isObject, textAt } from './document.ts';
import { escapeText, type Paint } from './terminal.ts';

/** Payload of a gap, lifecycle or clock record. */
export interface Notice {
  /** gap: Gap['kind'] or expired_records, damaged; lifecycle: start, stop, configuration; clock: step. */
  event: string;
  /** A name or a sentence. */
  detail?: string;
  count?: number;
}

/** in: a record that is no alert; out: `— 3 exec records lost —` with its local time; escaped. Never throws. */
export function formatNoticeLine(record: JournalRecord, paint: Paint): string {
  return paint('dim', `${localTime(record.wallMs)}  — ${noticeText(record)} —`);
}

function noticeText(record: JournalRecord): string {
  const notice = parse(record.payload);
  const event = textAt(notice, 'event') ?? record.kindName ?? `kind ${record.kind}`;
  const detail = textAt(notice, 'detail');
  const count = textAt(notice, 'count');
  return escapeText(sentence(record.kindName, event, detail, count));
}

function sentence(kind: string | undefined, event: string, detail = '', count = ''): string {
  const more = detail === '' ? '' : `: ${detail}`;
  const verbs: Record<string, string> = { start: 'agent started', stop: 'agent stopped' };
  if (kind === 'lifecycle') return `${verbs[event] ?? event}${more}`;
  if (kind === 'clock') return `clock ${event === 'clock' ? 'stepped' : event}${more}`;
  if (event === 'lost_records')
    return [count, detail, count === '1' ? 'record' : 'records', 'lost'].filter(Boolean).join(' ');
  return [count, event.replaceAll('_', ' ')].filter(Boolean).join(' ') + more;
}

function parse(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
