// `forebear journal export`: records of the journal as NDJSON, oldest first. In: the state directory, which records; out: one
// object a line, flushed as the reader takes it: the documents that an output gets (src/ship/parcels.ts), or the bytes as they
// are. Damage is said by journal-view.ts and stepped over.

import { journalDirectory } from '../config.ts';
import type { JournalRecord, RecordKindName } from '../journal/journal.ts';
import { textOf } from '../proto/wire.ts';
import type { Parcel } from '../ship/output.ts';
import { alertParcel, amendParcel, type KnownRecord, noticeParcel } from '../ship/parcels.ts';
import type { ExitStatus, Io } from './command.ts';
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
    const what = left === 1 ? 'one record' : `${left} records`;
    const where = escapeText(journalDirectory(directory));
    io.err(
      `forebear: ${what} of ${where} are of kinds that this version does not know, and left out; --raw has them\n`,
    );
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

/** As an output gets it, each amend by itself. undefined: of a kind that this version does not know. */
function textLine(record: JournalRecord): string | undefined {
  if (record.kindName === undefined) return undefined;
  return textOf(parcelOf({ ...record, kindName: record.kindName }).document);
}

function parcelOf(record: KnownRecord): Parcel {
  if (record.kindName === 'alert') return alertParcel(record, []);
  return record.kindName === 'amend' ? amendParcel(record) : noticeParcel(record);
}

function rawLine({ seq, kind, kindName, rank, wallMs, journalId, payload }: JournalRecord): string {
  const base64 = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64');
  const names = { seq, kind, ...(kindName && { kind_name: kindName }) };
  return JSON.stringify({ ...names, rank, time_ms: wallMs, journal_id: journalId, payload: base64 });
}
