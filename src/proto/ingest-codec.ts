// Batches of journal records on their way to a hub, and its answers <-> bytes (proto/forebear/ingest/v1/ingest.proto). Encoded
// by ship's hub output and by the hub, each decoding what the other wrote: hostile until checked. What is decoded here has
// the right types and bounds; whether it is true is for the caller. test/hub/golden-bytes.test.ts pins the bytes.

import { ForebearError } from '../errors.ts';
import { forebear } from './generated/alert.js';
import { boundFields, decoding, fromHalves, type Halves, toHalves, wellFormed } from './wire.ts';

const wire = forebear.ingest.v1;

export const INGEST_PATH = '/v1/batches';
export const INGEST_TYPE = 'application/x-protobuf';
export const MOST_RECORDS = 10_000;
/** What a hub takes for the id of a host. */
export const HOST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** As journal/format.ts has it. */
const MOST_PAYLOAD = 2 ** 20;
/** What a Date can hold. */
const LATEST_MS = 8.64e15;
/** Numbers of fields (see the .proto). */
const RECORDS_FIELD = 6;
/** Seven are known; later versions may have more. */
const MOST_RECORD_FIELDS = 64;

export interface IngestRecord {
  /** From 1. */
  seq: number;
  /** As stored (journal.ts: RECORD_KINDS); the hub keeps kinds that it does not know. */
  kind: number;
  rank: number;
  wallMs: number;
  /** Absent: the sender does not know them. */
  flags?: number;
  payload: Uint8Array;
  /** 32 bytes; absent behind a hole. */
  link?: Uint8Array;
}

export interface IngestBatch {
  hostId: string;
  hostName: string;
  /** 32 hexadecimal digits. */
  journalId: string;
  records: readonly IngestRecord[];
  agentVersion: string;
}

/** Position is the number on the wire; append only. */
const RESULTS = [
  'unknown',
  'stored',
  'fork',
  'wrong_host',
  'malformed',
  'busy',
  'unknown_credential',
  'too_large',
] as const;
export type IngestResult = (typeof RESULTS)[number];

export interface IngestAnswer {
  result: IngestResult;
  /** 32 hexadecimal digits; "" where the answer is about none. */
  journalId: string;
  durableSeq: number;
  stored: number;
  forkSeq: number;
  detail: string;
  retryAfterMs: number;
}

export function encodeBatch(batch: IngestBatch): Uint8Array {
  const message = {
    hostId: wellFormed(batch.hostId),
    hostName: wellFormed(batch.hostName),
    journalId: Buffer.from(batch.journalId, 'hex'),
    firstSeq: toHalves(batch.records[0]?.seq ?? 0),
    lastSeq: toHalves(batch.records.at(-1)?.seq ?? 0),
    records: batch.records.map(({ seq, wallMs, ...record }) => ({
      ...record,
      seq: toHalves(seq),
      wallMs: toHalves(wallMs),
    })),
    agentVersion: wellFormed(batch.agentVersion),
  };
  return wire.Batch.encode(message as unknown as forebear.ingest.v1.Batch.$Properties).finish();
}

/** out: a batch within all bounds, its seqs rising. Throws FB_PROTO_MALFORMED. */
export function decodeBatch(bytes: Uint8Array): IngestBatch {
  return decoding('a batch', () => {
    boundRecords(bytes);
    const { hostId, hostName, journalId, firstSeq, lastSeq, records, agentVersion } = wire.Batch.decode(bytes);
    need(HOST_ID.test(hostId), 'host_id');
    need(hostName.length <= 255, 'host_name');
    need(journalId.length === 16, 'journal_id');
    need(agentVersion.length <= 128, 'agent_version');
    const batch = {
      hostId,
      hostName,
      journalId: Buffer.from(journalId).toString('hex'),
      records: records.map(decodeRecord),
      agentVersion,
    };
    need(whole(firstSeq) === (batch.records[0]?.seq ?? 0), 'first_seq');
    need(whole(lastSeq) === (batch.records.at(-1)?.seq ?? 0), 'last_seq');
    need(
      batch.records.every(({ seq }, i) => i === 0 || seq > batch.records[i - 1]!.seq),
      'order of seqs',
    );
    return batch;
  });
}

function decodeRecord(record: forebear.ingest.v1.Record.$Properties): IngestRecord {
  const kind = record.kind ?? 0;
  const rank = record.rank ?? 0;
  const { flags, payload, link } = record;
  const seq = whole(record.seq);
  const wallMs = whole(record.wallMs);
  const body = payload ?? new Uint8Array();
  need(seq >= 1, 'seq');
  need(kind >= 1 && kind < 0xff00, 'kind');
  need(rank <= 3, 'rank');
  need(wallMs <= LATEST_MS, 'wall_ms');
  need((flags ?? 0) <= 0xff, 'flags');
  need(body.length <= MOST_PAYLOAD, 'payload');
  need((link?.length ?? 0) === 0 || link!.length === 32, 'link');
  return {
    seq,
    kind,
    rank,
    wallMs,
    ...(typeof flags === 'number' && { flags }),
    payload: body,
    ...(link?.length === 32 && { link }),
  };
}

/** Before objects are made: 64 MiB could hold 30 million empty records, or as many fields of one. */
function boundRecords(bytes: Uint8Array): void {
  let records = 0;
  boundFields(bytes, MOST_RECORDS + 100, (number, value) => {
    if (number !== RECORDS_FIELD) return;
    need(++records <= MOST_RECORDS, `more than ${MOST_RECORDS} records`);
    boundFields(value, MOST_RECORD_FIELDS);
  });
}

export function encodeAnswer(answer: Partial<IngestAnswer> & Pick<IngestAnswer, 'result'>): Uint8Array {
  const message = {
    result: RESULTS.indexOf(answer.result),
    journalId: Buffer.from(answer.journalId ?? '', 'hex'),
    durableSeq: toHalves(answer.durableSeq ?? 0),
    stored: answer.stored ?? 0,
    forkSeq: toHalves(answer.forkSeq ?? 0),
    detail: wellFormed(answer.detail ?? ''),
    retryAfterMs: answer.retryAfterMs ?? 0,
  };
  return wire.Answer.encode(message as unknown as forebear.ingest.v1.Answer.$Properties).finish();
}

/** Results of later versions are 'unknown'. Throws FB_PROTO_MALFORMED. */
export function decodeAnswer(bytes: Uint8Array): IngestAnswer {
  return decoding('an answer of a hub', () => {
    const answer = wire.Answer.decode(bytes);
    need([0, 16].includes(answer.journalId.length), 'journal_id');
    return {
      result: RESULTS[answer.result] ?? 'unknown',
      journalId: Buffer.from(answer.journalId).toString('hex'),
      durableSeq: whole(answer.durableSeq),
      stored: answer.stored,
      forkSeq: whole(answer.forkSeq),
      detail: answer.detail,
      retryAfterMs: answer.retryAfterMs,
    };
  });
}

/** A decoded uint64; exact or refused. */
function whole(value: unknown): number {
  const number = fromHalves((value ?? 0) as number | Halves);
  need(number <= Number.MAX_SAFE_INTEGER, 'a number beyond 2^53');
  return number;
}

function need(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ForebearError('FB_PROTO_MALFORMED', what);
}
