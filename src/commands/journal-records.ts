// Which records of the journal a command shows: shared by tail and show. Filters read the record's head and the
// envelope; the document of an alert is decoded only when it is printed.

import type { Alert } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import { attempt } from '../errors.ts';
import type { JournalRecord, ReadOptions } from '../journal/journal.ts';
import { RANK_OF } from '../proto/alert-codec.ts';
import type { Amend } from '../proto/record-codec.ts';
import { compileGlob } from '../query/glob.ts';

/** The facts of an alert that need no parsing of its document. */
export type Envelope = Pick<Alert, 'uuid' | 'rule_id' | 'ruleName' | 'severity'>;

/** The journal as commands see it; made by journal-view.ts, or by a test. */
export interface JournalView {
  /** In order of seq; damaged regions are said on stderr and stepped over. */
  records(options: ReadOptions): AsyncIterable<JournalRecord>;
  /** The newest that are accepted, in order of seq. */
  last(count: number, accept: (record: JournalRecord) => boolean): Promise<JournalRecord[]>;
  /** These three throw on bytes that are no alert. */
  envelope(payload: Uint8Array): Envelope;
  alert(payload: Uint8Array): Alert;
  /** What became known of an alert later; throws on bytes that are no amend record. */
  amend(payload: Uint8Array): Amend;
  /** The document as it is stored: JSON. */
  documentText(payload: Uint8Array): string;
}

export interface AlertFilter {
  /** A rule's id, or its name, * for any text. */
  rule?: string;
  /** The least severity. */
  severity?: Severity;
}

/** Kinds that a person is told of between the alerts. */
const NOTICES: ReadonlySet<string | undefined> = new Set(['gap', 'lifecycle', 'clock']);

export type Verdict = 'alert' | 'notice' | 'other' | 'undecodable';

/** in: the journal, a filter; out: what a record is to a command: an alert that the filter lets through, a notice ... */
export function judgeBy(view: JournalView, filter: AlertFilter): (record: JournalRecord) => Verdict {
  const accepts = ruleTest(filter);
  const least = filter.severity === undefined ? 0 : RANK_OF[filter.severity];
  return (record) => {
    if (record.kindName !== 'alert') return NOTICES.has(record.kindName) ? 'notice' : 'other';
    if (record.rank < least) return 'other';
    const envelope = attempt(() => view.envelope(record.payload));
    if (envelope === undefined) return 'undecodable';
    return accepts(envelope) ? 'alert' : 'other';
  };
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
  const wanted = reference.toLowerCase();
  const found = new Map<string, JournalRecord>();
  for await (const record of view.records({})) {
    if (record.kindName !== 'alert') continue;
    const uuid = attempt(() => view.envelope(record.payload))?.uuid;
    if (wanted !== '' && uuid?.startsWith(wanted) === true) found.set(uuid, record);
  }
  const exact = found.get(wanted);
  return exact === undefined ? [...found.values()] : [exact];
}

/** in: a rule's id, or its name with * for any text; out: whether an alert is of such a rule. */
export function ruleTest({ rule }: AlertFilter): (of: Pick<Envelope, 'rule_id' | 'ruleName'>) => boolean {
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
