// Parcels -> the bytes of an OTLP ExportLogsServiceRequest (proto/opentelemetry): one LogRecord each, under the resource that
// is its host; and the bytes of an answer -> what it says. Pure; called by otlp.ts. The ECS document becomes flat attributes
// (`process.pid`), as OpenTelemetry's semantic conventions have it; nothing of it is left out. No field of OTLP is a key for
// de-duplication: log.record.uid is what a reader can tell repetitions by.

import protobuf from 'protobufjs/minimal.js';
import { opentelemetry } from '../../proto/generated/otlp.js';
import { bigintToHalves, decoding, fromHalves, type Halves } from '../../proto/wire.ts';
import type { Parcel } from '../output.ts';
import { type Document, isTable, textAt } from './ecs-document.ts';

const wire = opentelemetry.proto.collector.logs.v1;
const { v1: logs } = opentelemetry.proto.logs;

/** By rank. The numbers are those of INFO, WARN, ERROR and FATAL. */
const SEVERITIES = [
  { number: 9, text: 'low' },
  { number: 13, text: 'medium' },
  { number: 17, text: 'high' },
  { number: 21, text: 'critical' },
] as const;

/** Documents are some five deep; what is deeper is dropped and counted in the record. */
const DEEPEST = 20;

export interface LogItem {
  readonly parcel: Parcel;
  readonly document: Document;
}

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: number;
  doubleValue?: number;
  arrayValue?: { values: AnyValue[] };
  kvlistValue?: { values: KeyValue[] };
}

interface KeyValue {
  key: string;
  value: AnyValue;
}

/**
 * in: items in order, the version of this program; out: the request's body. Order is kept within a host. Each record becomes bytes
 * before the next is looked at: as objects a batch takes twenty times its size.
 */
export function encodeLogs(items: Iterable<LogItem>, version: string): Uint8Array {
  const scope = encoded(logs.ScopeLogs, { scope: { name: 'forebear', version } });
  const hosts = new Map<string, { resource: Uint8Array; scoped: Uint8Array[] }>();
  for (const item of items) {
    const id = textAt(item.document, 'host.id');
    let host = hosts.get(id);
    if (host === undefined) {
      const resource = encoded(logs.ResourceLogs, { resource: { attributes: resourceOf(item.document, version) } });
      host = { resource, scoped: [scope] };
      hosts.set(id, host);
    }
    // Messages one behind the other are one with the fields of all (protobuf.dev, "Last One Wins").
    host.scoped.push(encoded(logs.ScopeLogs, { logRecords: [logRecord(item)] }));
  }
  const parts = [...hosts.values()].map(({ resource, scoped }) => field(1, [resource, field(2, scoped)]));
  return Buffer.concat(parts);
}

interface Encoder {
  encode(message: never): { finish(): Uint8Array };
}

function encoded(type: Encoder, message: object): Uint8Array {
  return type.encode(message as never).finish();
}

/** A field that is a message: its number with wire type 2, its length, its bytes. */
function field(number: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, { length }) => sum + length, 0);
  const head = protobuf.Writer.create()
    .uint32((number << 3) | 2)
    .uint32(length)
    .finish();
  return Buffer.concat([head, ...parts]);
}

/** What a success says beyond it: how many records were not taken, and why. Throws FB_PROTO_MALFORMED. */
export function decodeSuccess(body: Uint8Array): { rejected: number; message: string } {
  const response = decoding('an answer to logs', () => wire.ExportLogsServiceResponse.decode(body));
  const partial = response.partialSuccess;
  return {
    rejected: fromHalves((partial?.rejectedLogRecords ?? 0) as number | Halves),
    message: partial?.errorMessage ?? '',
  };
}

/** The message of a failure (google.rpc.Status). Throws FB_PROTO_MALFORMED. */
export function decodeFailure(body: Uint8Array): string {
  const { code, message } = decoding('a status', () => wire.Status.decode(body));
  return message === '' ? `code ${code}` : message;
}

function resourceOf(document: Document, version: string): KeyValue[] {
  const facts = {
    'service.name': 'forebear',
    'service.version': version,
    'host.id': textAt(document, 'host.id'),
    'host.name': textAt(document, 'host.name'),
  };
  return Object.entries(facts).flatMap(([key, value]) =>
    value === '' ? [] : [{ key, value: { stringValue: value } }],
  );
}

function logRecord({ parcel, document }: LogItem): object {
  const severity = SEVERITIES[Math.min(Math.max(parcel.rank, 0), 3)]!;
  const attributes: KeyValue[] = [{ key: 'log.record.uid', value: { stringValue: parcel.id } }];
  const dropped = flatten(document, '', attributes, 0);
  const body = textAt(document, 'kibana.alert.reason') || textAt(document, 'message');
  return {
    timeUnixNano: nanos(Date.parse(textAt(document, '@timestamp')), parcel.wallMs),
    observedTimeUnixNano: nanos(parcel.wallMs, 0),
    severityNumber: severity.number,
    severityText: severity.text,
    eventName: `forebear.${parcel.kind}`,
    ...(body !== '' && { body: { stringValue: body } }),
    attributes,
    droppedAttributesCount: dropped,
  };
}

/** Milliseconds since 1970 -> nanoseconds; what is no time, or before 1970, becomes the other one. */
function nanos(ms: number, otherwise: number): Halves {
  const time = Number.isFinite(ms) && ms >= 0 ? ms : otherwise;
  return bigintToHalves(BigInt(Math.trunc(time)) * 1_000_000n);
}

/** Members as dotted keys into `into`, without those that are null; out: how many were dropped. */
function flatten(table: Document, prefix: string, into: KeyValue[], depth: number): number {
  let dropped = 0;
  for (const [name, value] of Object.entries(table)) {
    if (value === null) continue;
    const key = `${prefix}${name.toWellFormed()}`;
    const found = isTable(value) ? undefined : anyValue(value, depth + 1);
    if (isTable(value) && depth < DEEPEST) dropped += flatten(value, `${key}.`, into, depth + 1);
    else if (found === undefined) dropped++;
    else into.push({ key, value: found });
  }
  return dropped;
}

/** undefined for what is too deep, as a whole. Objects within lists stay objects, null is an empty value. */
function anyValue(value: unknown, depth: number): AnyValue | undefined {
  if (typeof value === 'string') return { stringValue: value.toWellFormed() };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
  if (value === null) return {};
  if (depth > DEEPEST) return undefined;
  if (Array.isArray(value)) {
    const values = value.map((each) => anyValue(each, depth + 1));
    return hasAll(values) ? { arrayValue: { values } } : undefined;
  }
  const members = Object.entries(value as Document);
  const values = members.map(([, member]) => anyValue(member, depth + 1));
  if (!hasAll(values)) return undefined;
  return { kvlistValue: { values: members.map(([key], i) => ({ key: key.toWellFormed(), value: values[i]! })) } };
}

function hasAll(values: (AnyValue | undefined)[]): values is AnyValue[] {
  return !values.includes(undefined);
}
