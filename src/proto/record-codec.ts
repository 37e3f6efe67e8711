// The journal's records that are no alerts <-> bytes (proto/forebear/journal/v1/records.proto). Written by the agent, read by
// tail, status and ship. From later versions: unknown fields are ignored, unknown events and kinds become 'unknown'.

import { forebear } from './generated/alert.js';
import {
  bigintFromHalves,
  bigintToHalves,
  boundElements,
  decodeDocument,
  decoding,
  fromHalves,
  type Halves,
  toHalves,
  wellFormed,
} from './wire.ts';

const wire = forebear.journal.v1;

export interface Lifecycle {
  event: 'start' | 'stop' | 'configuration' | 'unknown';
  version: string;
  detail: string;
  bootId: string;
  ruleSetHash: string;
  /** stop: all stages' counters since the start (Counters.entries()). */
  counters: readonly (readonly [string, number])[];
  /** start: the run before left no stop record. */
  afterUncleanStop: boolean;
  /** Names of settings, each with a hash of its value; absent in records of earlier versions. */
  settings?: readonly (readonly [string, string])[];
}

export interface GapRecord {
  kind:
    | 'lost_records'
    | 'refused_alerts'
    | 'damaged_records'
    | 'expired_records'
    | 'state_not_kept'
    | 'not_running'
    | 'capped_alerts'
    | 'evicted_processes'
    | 'blind'
    | 'unknown';
  detail: string;
  count: number;
  /** Milliseconds since 1970; absent when not known. */
  fromMs?: number;
  toMs?: number;
  /** Seqs of this journal that are concerned, both inclusive. */
  fromSeq?: number;
  toSeq?: number;
}

export interface ClockStep {
  /** Milliseconds since 1970: what the wall clock said, and what it should have said by the boot clock. */
  foundMs: number;
  expectedMs: number;
  bootNs: bigint;
}

/** Proof of life, and the chain's head on its way out of the host. */
export interface Heartbeat {
  /** Newest durable seq before this record. */
  seq: number;
  /** Its link, 64 hexadecimal digits; "" when not known. */
  link: string;
  version: string;
  bootId: string;
  bootNs: bigint;
  ruleSetHash: string;
  /** Those that have changed since the heartbeat before, as they are since the start. */
  counters: readonly (readonly [string, number])[];
}

/** What became known of an alert after it was journalled. */
export interface Amend {
  uuid: string;
  /** 1, 2, ... for one alert; with the uuid it is the id of the amendment. */
  number: number;
  /** ECS fields to merge into the alert's document, nested. */
  document: Readonly<Record<string, unknown>>;
}

/** Position + 1 is the number on the wire; append only. */
const EVENTS: readonly Lifecycle['event'][] = ['start', 'stop', 'configuration'];
const GAPS: readonly GapRecord['kind'][] = [
  'lost_records',
  'refused_alerts',
  'damaged_records',
  'expired_records',
  'state_not_kept',
  'not_running',
  'capped_alerts',
  'evicted_processes',
  'blind',
];

export function encodeLifecycle(record: Lifecycle): Uint8Array {
  const message = {
    event: EVENTS.indexOf(record.event) + 1,
    version: wellFormed(record.version),
    detail: wellFormed(record.detail),
    bootId: wellFormed(record.bootId),
    ruleSetHash: wellFormed(record.ruleSetHash),
    counters: encodeCounters(record.counters),
    afterUncleanStop: record.afterUncleanStop,
    settings: (record.settings ?? []).map(([name, hash]) => ({ name: wellFormed(name), hash })),
  };
  return wire.Lifecycle.encode(message).finish();
}

/** Throws FB_PROTO_MALFORMED. */
export function decodeLifecycle(bytes: Uint8Array): Lifecycle {
  const message = decoding('a lifecycle record', () => {
    boundElements(bytes);
    return wire.Lifecycle.decode(bytes);
  });
  const settings = message.settings.map(({ name, hash }) => [name ?? '', hash ?? ''] as const);
  return {
    event: EVENTS[message.event - 1] ?? 'unknown',
    version: message.version,
    detail: message.detail,
    bootId: message.bootId,
    ruleSetHash: message.ruleSetHash,
    counters: decodeCounters(message.counters),
    afterUncleanStop: message.afterUncleanStop,
    ...(settings.length > 0 && { settings }),
  };
}

function encodeCounters(counters: Lifecycle['counters']) {
  return counters.map(([name, value]) => ({ name: wellFormed(name), value }));
}

function decodeCounters(counters: readonly forebear.journal.v1.Counter.$Properties[]): Lifecycle['counters'] {
  return counters.map(({ name, value }) => [name ?? '', value ?? 0] as const);
}

export function encodeGap(record: GapRecord): Uint8Array {
  const message = {
    kind: GAPS.indexOf(record.kind) + 1,
    detail: wellFormed(record.detail),
    count: record.count,
    fromMs: toHalves(record.fromMs ?? 0),
    toMs: toHalves(record.toMs ?? 0),
    fromSeq: toHalves(record.fromSeq ?? 0),
    toSeq: toHalves(record.toSeq ?? 0),
  };
  return wire.Gap.encode(message as unknown as forebear.journal.v1.Gap.$Properties).finish();
}

/** Throws FB_PROTO_MALFORMED. */
export function decodeGap(bytes: Uint8Array): GapRecord {
  const message = decoding('a gap record', () => wire.Gap.decode(bytes));
  const record: GapRecord = {
    kind: GAPS[message.kind - 1] ?? 'unknown',
    detail: message.detail,
    count: message.count,
  };
  for (const name of ['fromMs', 'toMs', 'fromSeq', 'toSeq'] as const) {
    const value = fromHalves(message[name] as number | Halves);
    if (value !== 0) record[name] = value;
  }
  return record;
}

export function encodeClock(record: ClockStep): Uint8Array {
  const message = {
    foundMs: toHalves(record.foundMs),
    expectedMs: toHalves(record.expectedMs),
    bootNs: bigintToHalves(record.bootNs),
  };
  return wire.Clock.encode(message as unknown as forebear.journal.v1.Clock.$Properties).finish();
}

/** Throws FB_PROTO_MALFORMED. */
export function decodeClock(bytes: Uint8Array): ClockStep {
  const message = decoding('a clock record', () => wire.Clock.decode(bytes));
  return {
    foundMs: fromHalves(message.foundMs as number | Halves),
    expectedMs: fromHalves(message.expectedMs as number | Halves),
    bootNs: bigintFromHalves(message.bootNs as number | Halves),
  };
}

export function encodeHeartbeat(record: Heartbeat): Uint8Array {
  const message = {
    seq: toHalves(record.seq),
    link: Buffer.from(record.link, 'hex'),
    version: wellFormed(record.version),
    bootId: wellFormed(record.bootId),
    bootNs: bigintToHalves(record.bootNs),
    ruleSetHash: wellFormed(record.ruleSetHash),
    counters: encodeCounters(record.counters),
  };
  return wire.Heartbeat.encode(message as unknown as forebear.journal.v1.Heartbeat.$Properties).finish();
}

/** Throws FB_PROTO_MALFORMED. */
export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  const message = decoding('a heartbeat record', () => {
    boundElements(bytes);
    return wire.Heartbeat.decode(bytes);
  });
  return {
    seq: fromHalves(message.seq as number | Halves),
    link: Buffer.from(message.link).toString('hex'),
    version: message.version,
    bootId: message.bootId,
    bootNs: bigintFromHalves(message.bootNs as number | Halves),
    ruleSetHash: message.ruleSetHash,
    counters: decodeCounters(message.counters),
  };
}

export function encodeAmend({ uuid, number, document }: Amend): Uint8Array {
  const message = { alertUuid: wellFormed(uuid), number, document: Buffer.from(JSON.stringify(document), 'utf8') };
  return wire.Amend.encode(message).finish();
}

/** Throws FB_PROTO_MALFORMED when the bytes are no such record, or its document no JSON object. */
export function decodeAmend(bytes: Uint8Array): Amend {
  const message = decoding('an amend record', () => wire.Amend.decode(bytes));
  const { alertUuid, number } = message;
  return { uuid: alertUuid, number, document: decodeDocument(message.document) };
}
