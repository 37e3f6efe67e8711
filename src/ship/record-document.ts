// ECS documents of the journal's records that are no alerts, so that whoever watches a fleet sees starts, stops, losses and signs of
// life beside the alerts. The counters of heartbeats and stops go under forebear.counters. Pure. Called by parcels.ts.

import { reasonOf } from '../errors.ts';
import type { JournalRecord, RecordKindName } from '../journal/journal.ts';
import { noticeText } from '../proto/notice-text.ts';
import { decodeClock, decodeGap, decodeHeartbeat, decodeLifecycle } from '../proto/record-codec.ts';

type Json = Record<string, unknown>;
type Known = JournalRecord & { kindName: RecordKindName };

const ECS_VERSION = '8.17.0';
/** ECS event.type of each kind; a gap is something to look at. */
const TYPES: Partial<Record<RecordKindName, string>> = { gap: 'error', lifecycle: 'change', clock: 'change' };

/** in: a record of any kind but alert, the document's id; out: its ECS document. Never throws. */
export function noticeDocument(record: Known, id: string): Json {
  const { kindName } = record;
  const message = kindName === 'amend' ? 'what became known of an alert later' : noticeText(record);
  return { ...commonFields(record, id, message), ...detailsOf(record) };
}

/** What is sent in place of a record whose payload cannot be read: nothing is skipped silently. */
export function undecodableDocument(record: Known, id: string, error: unknown): Json {
  const message = `record ${record.seq} of kind ${record.kindName} cannot be read: ${reasonOf(error)}`;
  const document = commonFields(record, id, message);
  return { ...document, event: { ...(document.event as Json), kind: 'pipeline_error' } };
}

function commonFields({ seq, journalId, hostId, kindName, wallMs }: Known, id: string, message: string): Json {
  return {
    '@timestamp': new Date(Math.min(wallMs, 8.64e15)).toISOString(),
    message,
    ecs: { version: ECS_VERSION },
    event: {
      id,
      kind: kindName === 'heartbeat' ? 'metric' : kindName === 'amend' ? 'enrichment' : 'event',
      type: [TYPES[kindName] ?? 'info'],
      category: ['host'],
      action: `forebear-${kindName}`,
      module: 'forebear',
      dataset: 'forebear.agent',
    },
    ...(hostId !== undefined && hostId !== '' && { host: { id: hostId } }),
    forebear: { journal: { id: journalId, seq } },
  };
}

function detailsOf(record: Known): Json {
  try {
    return fieldsOf(record);
  } catch {
    return {};
  }
}

function fieldsOf({ kindName, payload }: Known): Json {
  if (kindName === 'gap') {
    const { kind, detail, count, fromMs, toMs, fromSeq, toSeq } = decodeGap(payload);
    return flat('forebear.gap', {
      kind,
      detail,
      count,
      from: date(fromMs),
      to: date(toMs),
      from_seq: fromSeq,
      to_seq: toSeq,
    });
  }
  if (kindName === 'lifecycle') {
    const { event, version, detail, bootId, ruleSetHash, counters } = decodeLifecycle(payload);
    const known = { event, version, detail, boot_id: bootId, rule_set_hash: ruleSetHash };
    return { ...flat('forebear.lifecycle', known), ...countersOf(counters) };
  }
  if (kindName === 'clock') {
    const { foundMs, expectedMs } = decodeClock(payload);
    return flat('forebear.clock', { found: date(foundMs), expected: date(expectedMs), step_ms: foundMs - expectedMs });
  }
  if (kindName !== 'heartbeat') return {};
  const { seq, link, version, bootId, ruleSetHash, counters } = decodeHeartbeat(payload);
  return {
    ...flat('forebear.heartbeat', { seq, link, version, boot_id: bootId, rule_set_hash: ruleSetHash }),
    ...countersOf(counters),
  };
}

function flat(prefix: string, values: Json): Json {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given.map(([name, value]) => [`${prefix}.${name}`, value]));
}

/** One object, which templates map as flattened: names with labels make no fields of their own. */
function countersOf(counters: readonly (readonly [string, number])[]): Json {
  return counters.length === 0 ? {} : { 'forebear.counters': Object.fromEntries(counters) };
}

function date(ms: number | undefined): string | undefined {
  return ms === undefined || ms > 8.64e15 ? undefined : new Date(ms).toISOString();
}
