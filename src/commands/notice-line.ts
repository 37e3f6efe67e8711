// What stands between alerts, as a dim line for a person: gap, lifecycle and clock records. Called by tail.

import type { JournalRecord } from '../journal/journal.ts';
import { noticeText } from '../proto/notice-text.ts';
import { localTime } from './alert-line.ts';
import { escapeText, type Paint } from './terminal.ts';

/** in: a record that is no alert; out: `— 3 exec records lost —` with its local time; escaped. Never throws. */
export function formatNoticeLine(record: JournalRecord, paint: Paint): string {
  return paint('dim', `${localTime(record.wallMs)}  — ${escapeText(noticeText(record))} —`);
}
