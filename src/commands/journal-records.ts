// Which records of the journal a command shows: shared by tail and show. Filters read the record's head and the
// envelope; the document of an alert is decoded only when it is printed.

import type { Alert } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import type { JournalRecord, ReadOptions } from '../journal/journal.ts';
import { compileGlob } from '../query/glob.ts';

/** The facts of an alert that need no parsing of its document. */
export type Envelope = Pick<Alert, 'uuid' | 'rule_id' | 'ruleName' | 'severity'>;

/** The journal as commands see it; made by journal-view.ts, or by a test. */
export interface JournalView {
  /** In order of seq; damaged regions are said on stderr and stepped over. */
  records(options: ReadOptions): AsyncIterable<JournalRecord>;
  /** These three throw on bytes that are no alert. */
  envelope(payload: Uint8Array): Envelope;
  alert(payload: Uint8Array): Alert;
  /** The document as it is stored: JSON. */
  documentText(payload: Uint8Array): string;
}

export interface AlertFilter {
  /** A rule's id, or its name, * for any text. */
  rule?: string;
  /** The least severity. */
  severity?: Severity;
}

export const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

/** Kinds that a person is told of between the alerts. */
const NOTICES = new Set(['gap', 'lifecycle', 'clock']);

/**
 * in: records, filter; out: the alerts that match, and the notices between them (all kinds else are left out).
 * An alert whose envelope cannot be decoded is given to onUndecodable and left out.
 */
export async function* select(
  view: JournalView,
  options: ReadOptions,
  filter: AlertFilter,
  onUndecodable: (record: JournalRecord) => void,
): AsyncGenerator<JournalRecord> {
  const accepts = predicate(filter);
  for await (const record of view.records(options)) {
    if (record.kindName !== 'alert') {
      if (NOTICES.has(record.kindName ?? '')) yield record;
    } else if (record.rank >= rankOf(filter.severity)) {
      const envelope = attempt(() => view.envelope(record.payload));
      if (envelope === undefined) onUndecodable(record);
      else if (accepts(envelope)) yield record;
    }
  }
}

/** The alerts of one reference, newest last: seq, uuid or beginning of a uuid. Equal uuids count once. */
export async function findAlerts(view: JournalView, reference: string): Promise<JournalRecord[]> {
  const seq = /^\d{1,15}$/.test(reference) ? Number(reference) : undefined;
  if (seq !== undefined && seq > 0) {
    for await (const record of view.records({ fromSeq: seq })) {
      if (record.seq === seq && record.kindName === 'alert') return [record];
      break;
    }
  }
  const found = new Map<string, JournalRecord>();
  for await (const record of view.records({})) {
    if (record.kindName !== 'alert') continue;
    const uuid = attempt(() => view.envelope(record.payload))?.uuid;
    if (uuid?.startsWith(reference.toLowerCase()) === true) found.set(uuid, record);
  }
  return [...found.values()];
}

/** The newest `count` alerts with the notices between and after them; without alerts the newest notices. */
export class Newest {
  readonly #count: number;
  readonly #kept: JournalRecord[] = [];
  #alerts = 0;

  constructor(count: number) {
    this.#count = count;
  }

  add(record: JournalRecord): void {
    this.#kept.push(record);
    if (isAlert(record)) this.#alerts++;
    while (this.#alerts > this.#count) this.#drop(0);
    while (this.#alerts === this.#count && this.#kept.length > 0 && !isAlert(this.#kept[0]!)) this.#drop(0);
    const notices = this.#kept.length - this.#alerts;
    if (notices > this.#count) this.#drop(this.#kept.findIndex((kept) => !isAlert(kept)));
  }

  records(): readonly JournalRecord[] {
    return this.#kept;
  }

  #drop(index: number): void {
    const [dropped] = this.#kept.splice(index, 1);
    if (dropped !== undefined && isAlert(dropped)) this.#alerts--;
  }
}

function isAlert(record: JournalRecord): boolean {
  return record.kindName === 'alert';
}

function rankOf(severity: Severity | undefined): number {
  return severity === undefined ? 0 : SEVERITIES.indexOf(severity);
}

function predicate({ rule }: AlertFilter): (envelope: Envelope) => boolean {
  if (rule === undefined) return () => true;
  const named = nameTest(rule);
  return (envelope) => envelope.rule_id === rule || named(envelope.ruleName);
}

/** `*` is any text; case does not matter. */
function nameTest(text: string): (name: string) => boolean {
  const segments = text.toLowerCase().split('*');
  if (segments.length === 1) return (name) => name.toLowerCase() === segments[0];
  const test = compileGlob(segments);
  return (name) => test(name.toLowerCase());
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
