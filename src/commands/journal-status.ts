// `forebear journal status`: what can be told of a journal without reading all of it. In: the state directory; out: one block
// or one JSON object. Reads names, headers, footers and the two ends.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatSize } from '../config/units.ts';
import { type Config, journalDirectory } from '../config.ts';
import { readCursor } from '../journal/cursor.ts';
import type { JournalRecord } from '../journal/journal.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { readJournal, readLast, readStatus } from '../journal/reader.ts';
import { readSegmentInfo, sortNames } from '../journal/segment.ts';
import { cursorFile } from '../ship/ship-files-io.ts';
import { Counters } from '../stats.ts';
import { localTime } from './alert-line.ts';
import type { ExitStatus, Io } from './command.ts';
import { type ConfigOptions, loadConfig } from './load-config.ts';
import { escapeJson, escapeText, type Paint, painter, wantsColor } from './terminal.ts';

export interface StatusOptions extends ConfigOptions {
  json?: boolean;
}

/** As --json prints it. Times: ISO 8601. */
export interface JournalReport {
  directory: string;
  journal_id: string;
  segments: number;
  bytes: number;
  first_seq: number;
  durable_seq: number;
  /** Of durable_seq; "" where the commit mark does not tell. */
  link: string;
  first_time: string | null;
  last_time: string | null;
  /** Files whose header cannot be read, and copies of what was damaged earlier. */
  damaged_segments: string[];
  quarantined: number;
  outputs: OutputReport[];
}

export interface OutputReport {
  name: string;
  /** Everything up to it is delivered; null: nothing yet, or the cursor is lost. */
  seq: number | null;
  behind: number;
  /** Its cursor is of this journal: not so where the host was cloned, or the journal begun anew. */
  same_journal: boolean;
}

type Row = readonly [label: string, text: string];

/** out: 0. Throws FB_JOURNAL_ABSENT and what else reading throws. */
export async function status(options: StatusOptions, io: Io): Promise<ExitStatus> {
  const report = await reportOf(loadConfig(options));
  if (options.json === true) io.out(`${escapeJson(JSON.stringify(report))}\n`);
  else io.out(`${formatReport(report, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
  return 0;
}

async function reportOf(config: Config): Promise<JournalReport> {
  const directory = journalDirectory(config.state.directory);
  const source = { directory, counters: new Counters() };
  const { journalId, segments, bytes, firstSeq, durableSeq, link } = await readStatus(source);
  const [last] = await readLast(source, 1, () => true);
  return {
    directory,
    journal_id: journalId,
    segments,
    bytes,
    first_seq: firstSeq,
    durable_seq: durableSeq,
    link,
    first_time: timeOf(await firstOf(readJournal(source, { unknownKinds: true }))),
    last_time: timeOf(last),
    damaged_segments: await damagedSegments(directory),
    quarantined: namesIn(join(directory, 'quarantine')).length,
    outputs: await outputsOf(config, journalId, durableSeq),
  };
}

async function firstOf(records: AsyncIterable<JournalRecord>): Promise<JournalRecord | undefined> {
  for await (const record of records) return record;
  return undefined;
}

async function damagedSegments(directory: string): Promise<string[]> {
  const damaged: string[] = [];
  for (const segment of sortNames(namesIn(directory)).segments) {
    const info = await readSegmentInfo(nodeJournalIo, directory, segment).catch(() => undefined);
    if (info === undefined) damaged.push(segment.name);
  }
  return damaged;
}

/** Those of the configuration, and those that have left a cursor. */
async function outputsOf(config: Config, journalId: string, durableSeq: number): Promise<OutputReport[]> {
  const { directory } = config.ship;
  const kept = namesIn(dirname(cursorFile(directory, 'any')));
  const names = [...new Set([...config.outputs.map(({ name }) => name), ...kept])].sort();
  const outputs: OutputReport[] = [];
  for (const name of names) {
    const at = await readCursor(nodeJournalIo, cursorFile(directory, name)).catch(() => undefined);
    const same_journal = at === undefined || at.journalId === journalId;
    const seq = at?.seq ?? null;
    outputs.push({ name, seq, behind: Math.max(0, durableSeq - (same_journal ? (seq ?? 0) : 0)), same_journal });
  }
  return outputs;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function timeOf(record: JournalRecord | undefined): string | null {
  if (record === undefined) return null;
  const time = new Date(record.wallMs);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

/** in: the report; out: lines, escaped, without a line end after the last. */
export function formatReport(report: JournalReport, paint: Paint): string {
  const { damaged_segments: damaged, quarantined, first_seq, durable_seq, segments } = report;
  const records = durable_seq < first_seq ? 'none' : `${first_seq} to ${durable_seq}`;
  const files = `${formatSize(report.bytes)} in ${segments} ${segments === 1 ? 'file' : 'files'}`;
  const rows: Row[] = [
    ['journal', escapeText(report.directory)],
    ['id', report.journal_id],
    ['records', `${records}, ${files}`],
    ['times', report.first_time === null ? '' : `${local(report.first_time)} to ${local(report.last_time)}`],
    ['chain', report.link === '' ? '' : `${report.link}@${durable_seq}`],
    ['damage', damaged.length === 0 ? '' : paint('red', `header lost: ${escapeText(damaged.join(', '))}`)],
    ['quarantine', quarantined === 0 ? '' : `${quarantined} ${quarantined === 1 ? 'copy' : 'copies'} of damaged bytes`],
    ...report.outputs.map((output, i): Row => [i === 0 ? 'outputs' : '', outputText(output, paint)]),
  ];
  return rows
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `${paint('dim', label.padEnd(12))}${text}`)
    .join('\n');
}

function outputText({ name, seq, behind, same_journal }: OutputReport, paint: Paint): string {
  const which = escapeText(name);
  if (!same_journal)
    return `${which}: ${paint('yellow', 'its cursor is of another journal')}, ${behind} records to send`;
  const place = seq === null ? 'nothing delivered yet' : `delivered up to ${seq}`;
  return `${which}: ${place}, ${behind === 0 ? paint('green', 'all') : `${behind} records behind`}`;
}

function local(time: string | null): string {
  return time === null ? '?' : localTime(Date.parse(time));
}
