// `forebear journal export`: records of the journal as NDJSON, oldest first. In: the state directory, which records; out: one
// object a line, flushed as the reader takes it. Damage is said by journal-view.ts and stepped over.

import { journalDirectory } from '../config.ts';
import type { JournalRecord, RecordKindName } from '../journal/journal.ts';
import { documentText } from '../proto/alert-codec.ts';
import type { ExitStatus, Io } from './command.ts';
import { recordDocument } from './journal-document.ts';
import type { JournalView } from './journal-records.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig } from './load-config.ts';
import { escapeJson, escapeText } from './terminal.ts';

export interface ExportOptions extends ConfigOptions {
  from?: number;
  to?: number;
  /** Milliseconds since 1970. */
  since?: number;
  kind?: readonly RecordKindName[];
  raw?: boolean;
}

/** Waits for the reader of stdout after so many lines. */
const LINES_PER_WAIT = 256;

/** out: 0 all that was asked for was exported; 1 nothing, or not all. Throws as reading does. */
export async function exportRecords(options: ExportOptions, io: Io): Promise<ExitStatus> {
  const { directory } = loadConfig(options).state;
  const { lines, left } = await write(openJournalView(directory, io), options, io);
  if (left > 0) {
    const what = left === 1 ? '1 record' : `${left} records`;
    const where = escapeText(journalDirectory(directory));
    io.err(`forebear: ${what} of ${where} could not be decoded and left out; --raw exports them as they are\n`);
  }
  return lines > 0 && left === 0 ? 0 : 1;
}

async function write(view: JournalView, options: ExportOptions, io: Io): Promise<{ lines: number; left: number }> {
  const { from = 1, to = Number.POSITIVE_INFINITY, since, kind, raw } = options;
  const kinds: ReadonlySet<string | undefined> | undefined = kind && new Set(kind);
  const reading = {
    fromSeq: from,
    unknownKinds: true,
    signal: io.signal,
    ...(since !== undefined && { sinceMs: since }),
  };
  const lineOf = raw === true ? rawLine : textLine;
  const sum = { lines: 0, left: 0 };
  for await (const record of view.records(reading)) {
    if (record.seq > to || io.signal.aborted) break;
    if (kinds !== undefined && !kinds.has(record.kindName)) continue;
    const line = lineOf(record);
    if (line === undefined) {
      sum.left++;
      continue;
    }
    io.out(`${escapeJson(line)}\n`);
    if (++sum.lines % LINES_PER_WAIT === 0) await io.drained?.();
  }
  return sum;
}

/** An alert's document as it was stored. undefined: it is of no form that this version knows. */
function textLine(record: JournalRecord): string | undefined {
  try {
    if (record.kindName === 'alert') return documentText(record.payload);
    const document = recordDocument(record);
    return document && JSON.stringify(document);
  } catch {
    return undefined;
  }
}

function rawLine({ seq, kind, kindName, rank, wallMs, journalId, payload }: JournalRecord): string {
  const base64 = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64');
  const names = { seq, kind, ...(kindName && { kind_name: kindName }) };
  return JSON.stringify({ ...names, rank, time_ms: wallMs, journal_id: journalId, payload: base64 });
}
