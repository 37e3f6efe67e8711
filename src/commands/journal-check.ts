// `forebear journal check`: all of the journal read, every fault named with its place. In: the state directory, heads of the
// chain that left the host; out: a block or one JSON object. Two looks: what only one finds is a writer at work, no fault.

import { tellsOf } from '../agent/damage-gap.ts';
import { journalDirectory } from '../config.ts';
import { type CheckedRecord, checkJournal, type JournalFault } from '../journal/check.ts';
import { type JournalDamage, RECORD_KINDS } from '../journal/journal.ts';
import { readStatus } from '../journal/reader.ts';
import { decodeAlert } from '../proto/alert-codec.ts';
import {
  decodeAmend,
  decodeClock,
  decodeGap,
  decodeHeartbeat,
  decodeLifecycle,
  type GapRecord,
} from '../proto/record-codec.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io } from './command.ts';
import { progressLine } from './journal-progress.ts';
import { type ConfigOptions, loadConfig } from './load-config.ts';
import { escapeJson, escapeText, type Paint, painter, wantsColor } from './terminal.ts';

export interface ChainHead {
  seq: number;
  /** 64 hexadecimal digits. */
  link: string;
}

export interface CheckCommandOptions extends ConfigOptions {
  expectLink?: readonly ChainHead[];
  json?: boolean;
}

/** unreadable: intact, but not what its kind says. */
export type FoundFault = (JournalFault | { what: 'unreadable'; segment: ''; seq: number; toSeq?: number }) & {
  /** The gap record that tells of it. */
  gapSeq?: number;
};

/** same; other: not the record that was; missing: gone from the end; expired: dropped; unknown: behind damage. */
export type HeadVerdict = 'same' | 'other' | 'missing' | 'expired' | 'unknown';

export interface Findings {
  segments: number;
  records: number;
  firstSeq: number;
  lastSeq: number;
  /** Of lastSeq; "" where it is not known. */
  link: string;
  /** Of kinds or forms of a later version. */
  unknown: number;
  faults: FoundFault[];
  heads: (ChainHead & { verdict: HeadVerdict })[];
}

/** Lines for a person; --json has all. */
const MOST_LINES = 100;

/** out: 0 no faults, 1 faults. Throws FB_JOURNAL_ABSENT, _VERSION, _IO. */
export async function check(options: CheckCommandOptions, io: Io): Promise<ExitStatus> {
  const directory = journalDirectory(loadConfig(options).state.directory);
  const findings = await examine(directory, io, options.expectLink);
  const counting = findings.faults.filter(({ gapSeq }) => gapSeq === undefined).length;
  const strange = findings.heads.filter(({ verdict }) => verdict !== 'same').length;
  if (options.json === true) io.out(`${escapeJson(JSON.stringify(jsonOf(directory, findings)))}\n`);
  else io.out(`${formatFindings(directory, findings, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
  return counting + strange > 0 ? 1 : 0;
}

/** in: the journal's directory, who is told how far it is, heads to compare; out: what was found in two looks. Throws FB_JOURNAL_ABSENT. */
export async function examine(directory: string, io: Io, heads: readonly ChainHead[] = []): Promise<Findings> {
  await readStatus({ directory, counters: new Counters() });
  const first = await look(directory, io, heads);
  if (first.faults.length === 0) return first;
  const second = await look(directory, io, heads);
  const key = ({ what, segment, seq }: FoundFault) => `${what} ${segment} ${seq}`;
  const again = new Set(first.faults.map(key));
  return { ...second, faults: second.faults.filter((fault) => again.has(key(fault))) };
}

async function look(directory: string, io: Io, heads: readonly ChainHead[]): Promise<Findings> {
  const reading = new Reading(heads);
  const progress = progressLine(io, 'forebear: checking the journal');
  try {
    const { segments, records, faults } = await checkJournal(
      { directory, counters: new Counters() },
      { onRecord: (record) => reading.take(record), onProgress: progress.show, signal: io.signal },
    );
    return { segments, records, ...reading.findings(faults) };
  } finally {
    progress.end();
  }
}

/** What the records themselves say. Memory: heads that were asked for, and gap records of damage. */
class Reading {
  readonly #heads: readonly ChainHead[];
  readonly #links = new Map<number, string | undefined>();
  readonly #gaps: (GapRecord & { seq: number })[] = [];
  readonly #faults: FoundFault[] = [];
  #firstSeq = 0;
  #last: CheckedRecord | undefined;
  #unknown = 0;

  constructor(heads: readonly ChainHead[]) {
    this.#heads = heads;
  }

  take(record: CheckedRecord): void {
    const { seq, link } = record;
    this.#firstSeq ||= seq;
    this.#last = record;
    if (this.#heads.some((head) => head.seq === seq)) this.#links.set(seq, link?.toString('hex'));
    try {
      this.#read(record);
    } catch {
      this.#faults.push({ what: 'unreadable', segment: '', seq });
    }
  }

  #read({ seq, kind, payload }: CheckedRecord): void {
    const decode = DECODERS.get(kind);
    if (decode === undefined) this.#unknown++;
    else decode(payload);
    if (kind !== RECORD_KINDS.gap) return;
    const gap = decodeGap(payload);
    if (gap.kind === 'damaged_records') this.#gaps.push({ ...gap, seq });
  }

  findings(faults: readonly JournalFault[]): Omit<Findings, 'segments' | 'records'> {
    const link = this.#last?.link?.toString('hex') ?? '';
    return {
      firstSeq: this.#firstSeq,
      lastSeq: this.#last?.seq ?? 0,
      link,
      unknown: this.#unknown,
      faults: [...faults.map((fault) => this.#told(fault)), ...this.#faults],
      heads: this.#heads.map((head) => ({ ...head, verdict: this.#verdict(head) })),
    };
  }

  /** A changed chain is told of by nobody: whoever changes records can write gaps too. */
  #told(fault: JournalFault): FoundFault {
    const damage = damageOf(fault);
    const gap = damage && this.#gaps.find((each) => tellsOf(each, damage));
    return gap === undefined ? fault : { ...fault, gapSeq: gap.seq };
  }

  #verdict({ seq, link }: ChainHead): HeadVerdict {
    if (seq > (this.#last?.seq ?? 0)) return 'missing';
    if (seq < this.#firstSeq || !this.#links.has(seq)) return 'expired';
    const found = this.#links.get(seq);
    if (found === undefined) return 'unknown';
    return found === link ? 'same' : 'other';
  }
}

const DECODERS: ReadonlyMap<number, (payload: Uint8Array) => unknown> = new Map([
  [RECORD_KINDS.alert, decodeAlert],
  [RECORD_KINDS.amend, decodeAmend],
  [RECORD_KINDS.gap, decodeGap],
  [RECORD_KINDS.heartbeat, decodeHeartbeat],
  [RECORD_KINDS.lifecycle, decodeLifecycle],
  [RECORD_KINDS.clock, decodeClock],
] as [number, (payload: Uint8Array) => unknown][]);

/** A fault as damage of the journal; undefined: nothing is gone, it is another record than it was. */
export function damageOf(fault: FoundFault): JournalDamage | undefined {
  const { what, segment, seq, toSeq = seq } = fault;
  const seqs = { fromSeq: seq, toSeq };
  if (what === 'missing') return { segment: '', offset: 0, bytes: 0, ...seqs };
  if (what === 'header') return { segment, offset: 0, bytes: 0, ...seqs };
  return what === 'damaged' ? { segment, offset: fault.offset ?? 0, bytes: fault.bytes ?? 0, ...seqs } : undefined;
}

function jsonOf(directory: string, findings: Findings): object {
  const { segments, records, firstSeq, lastSeq, link, unknown, faults, heads } = findings;
  return {
    directory,
    segments,
    records,
    first_seq: firstSeq,
    last_seq: lastSeq,
    link,
    unknown_records: unknown,
    faults: faults.map(faultJson),
    expected: heads,
  };
}

/** As --json prints it. */
export function faultJson({ toSeq, gapSeq, ...fault }: FoundFault): object {
  return { ...fault, ...(toSeq !== undefined && { to_seq: toSeq }), ...(gapSeq !== undefined && { gap_seq: gapSeq }) };
}

const HEAD_TEXTS: Readonly<Record<HeadVerdict, string>> = {
  same: 'the same',
  other: 'NOT the record that it was: the journal was changed',
  missing: 'GONE: the journal ends before it',
  expired: 'cannot be compared: the record was dropped by retention, or is gone',
  unknown: 'cannot be compared: something before it in its file is damaged',
};

/** out: lines, escaped, without a line end after the last. */
export function formatFindings(directory: string, findings: Findings, paint: Paint): string {
  const { segments, records, firstSeq, lastSeq, link, unknown, faults, heads } = findings;
  const files = `${segments} ${segments === 1 ? 'file' : 'files'}`;
  const later = unknown === 0 ? '' : `, ${unknown} of kinds that this version does not know`;
  const bad = faults.filter(({ gapSeq }) => gapSeq === undefined).length;
  const known = faults.length - bad;
  const verdict = bad > 0 ? paint('red', `${bad} ${bad === 1 ? 'fault' : 'faults'}`) : soundText(heads, paint);
  return [
    `${paint('dim', 'journal   ')}${escapeText(directory)}`,
    `${paint('dim', 'records   ')}${records === 0 ? 'none' : `${records}, from ${firstSeq} to ${lastSeq}, in ${files}`}${later}`,
    ...(link === '' ? [] : [`${paint('dim', 'chain     ')}${link}@${lastSeq}`]),
    ...heads.map(
      ({ link: head, seq, verdict: is }) =>
        `${paint('dim', 'expected  ')}${head.slice(0, 16)}…@${seq}: ${paint(is === 'same' ? 'green' : 'red', HEAD_TEXTS[is])}`,
    ),
    ...faults.slice(0, MOST_LINES).map((fault) => faultLine(fault, paint)),
    ...(faults.length > MOST_LINES ? [`... and ${faults.length - MOST_LINES} more; --json names all`] : []),
    `${verdict}${known === 0 ? '' : `, ${known} that the journal tells of itself`}`,
  ].join('\n');
}

/** Without a fault of its own it may still be another journal than the one that was. */
function soundText(heads: Findings['heads'], paint: Paint): string {
  if (heads.every(({ verdict }) => verdict === 'same')) return paint('green', 'no faults');
  return paint('red', 'no faults in itself, but not what was expected');
}

function faultLine(fault: FoundFault, paint: Paint): string {
  const told = fault.gapSeq === undefined ? '' : ` (told of in record ${fault.gapSeq})`;
  const line = `${fault.what.padEnd(12)}${escapeText(faultText(fault))}${told}`;
  return paint(fault.gapSeq === undefined ? 'red' : 'dim', line);
}

/** in: a fault; out: where it lies and what it costs, not escaped. */
export function faultText(fault: FoundFault): string {
  const { segment, seq, toSeq } = fault;
  switch (fault.what) {
    case 'chain':
      return `record ${seq} in ${segment} is not the one that was written there`;
    case 'unreadable':
      return `record ${seq} is not what its kind says`;
    case 'header':
      return `the header of ${segment} is lost: ${goneText(seq, toSeq)}`;
    case 'missing':
      return `${goneText(seq, toSeq)}, before what ${segment} says`;
    default:
      return `${fault.bytes} bytes at ${fault.offset} of ${segment}: ${goneText(seq, toSeq)}`;
  }
}

function goneText(seq: number, toSeq = seq): string {
  if (toSeq < seq) return 'no record is gone';
  return seq === toSeq ? `record ${seq} is gone` : `records ${seq} to ${toSeq} are gone`;
}
