// A record of the journal that is no alert -> an ECS document, for `forebear journal export`: what it says in words and below
// forebear.KIND in figures. Pure. Times are ISO 8601.

import type { JournalRecord } from '../journal/journal.ts';
import { noticeText } from '../proto/notice-text.ts';
import {
  decodeAmend,
  decodeClock,
  decodeGap,
  decodeHeartbeat,
  decodeLifecycle,
  type GapRecord,
  type Heartbeat,
  type Lifecycle,
} from '../proto/record-codec.ts';

type Json = Record<string, unknown>;

const DATASET = 'forebear.agent';

/** Throws FB_PROTO_MALFORMED; undefined: of a kind that this version does not know, or an alert. */
export function recordDocument(record: JournalRecord): Json | undefined {
  const { kindName, seq, journalId, wallMs, payload } = record;
  const facts = factsOf(kindName, payload);
  if (facts === undefined) return undefined;
  return {
    '@timestamp': iso(wallMs),
    message: noticeText(record),
    event: {
      kind: 'event',
      category: ['host'],
      type: ['info'],
      module: 'forebear',
      dataset: DATASET,
      action: kindName,
    },
    forebear: { journal: { id: journalId, seq }, ...facts },
  };
}

function factsOf(kind: JournalRecord['kindName'], payload: Uint8Array): Json | undefined {
  switch (kind) {
    case 'gap':
      return { gap: gapFacts(decodeGap(payload)) };
    case 'lifecycle':
      return { lifecycle: lifecycleFacts(decodeLifecycle(payload)) };
    case 'heartbeat':
      return { heartbeat: heartbeatFacts(decodeHeartbeat(payload)) };
    case 'clock': {
      const { foundMs, expectedMs } = decodeClock(payload);
      return { clock: { found: iso(foundMs), expected: iso(expectedMs) } };
    }
    case 'amend':
      return { amend: decodeAmend(payload) };
    default:
      return undefined;
  }
}

function gapFacts({ kind, detail, count, fromMs, toMs, fromSeq, toSeq }: GapRecord): Json {
  const times = { ...(fromMs && { from: iso(fromMs) }), ...(toMs && { to: iso(toMs) }) };
  return { kind, detail, count, ...times, ...(fromSeq && { from_seq: fromSeq }), ...(toSeq && { to_seq: toSeq }) };
}

function lifecycleFacts({ event, version, detail, bootId, ruleSetHash, counters, ...rest }: Lifecycle): Json {
  return {
    event,
    version,
    detail,
    boot_id: bootId,
    rule_set_hash: ruleSetHash,
    after_unclean_stop: rest.afterUncleanStop,
    counters: Object.fromEntries(counters),
    settings: Object.fromEntries(rest.settings ?? []),
  };
}

function heartbeatFacts({ seq, link, version, bootId, ruleSetHash, counters }: Heartbeat): Json {
  return { seq, link, version, boot_id: bootId, rule_set_hash: ruleSetHash, counters: Object.fromEntries(counters) };
}

/** What no date can hold becomes 1970. */
function iso(ms: number): string {
  return new Date(Math.abs(ms) <= 8.64e15 ? ms : 0).toISOString();
}
