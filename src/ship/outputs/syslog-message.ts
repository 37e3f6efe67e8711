// Parcels -> messages of RFC 5424. Pure; called by syslog-io.ts. MSG is the ECS document as JSON in ASCII (everything else as
// \uXXXX): so it needs no byte order mark, which RFC 5424 wants before UTF-8 and parsers of JSON stumble over. What exceeds
// the receiver's limit, which cuts without a word, becomes a document of its essentials, marked in forebear.cut.

import { escapeText } from '../../text.ts';
import type { Parcel } from '../output.ts';
import { type Document, textAt, valueAt } from './ecs-document.ts';

const FACILITIES = {
  ...{ kern: 0, user: 1, daemon: 3, auth: 4, syslog: 5, authpriv: 10, audit: 13 },
  ...{ local0: 16, local1: 17, local2: 18, local3: 19, local4: 20, local5: 21, local6: 22, local7: 23 },
} as const;
export type Facility = keyof typeof FACILITIES;

/** By rank: notice, warning, error, critical. */
const SEVERITIES = [5, 4, 3, 2] as const;
const RANKS = ['low', 'medium', 'high', 'critical'] as const;

/** 32473 is the enterprise number that RFC 5612 sets aside for documentation; this project has none of its own. */
const SD_ID = 'forebear@32473';

/** What a message that is too long keeps, the most important first. */
const ESSENTIALS = [
  ...['@timestamp', 'kibana.alert.uuid', 'kibana.alert.severity', 'kibana.alert.rule.rule_id', 'host.id'],
  ...['kibana.alert.rule.name', 'kibana.alert.reason', 'message', 'host.name', 'kibana.alert.risk_score', 'event.kind'],
  ...['event.action', 'event.category', 'process.pid', 'process.executable', 'user.id', 'user.name'],
  ...['process.entity_id', 'process.name', 'process.command_line', 'process.parent.executable', 'process.parent.pid'],
  ...['process.parent.command_line', 'process.working_directory', 'process.hash.sha256', 'forebear.gap.kind'],
  ...['forebear.gap.count', 'forebear.lifecycle.event', 'forebear.heartbeat.seq', 'forebear.amend.number'],
];
/** Of one text, in characters: the longest at which all of them fit. */
const LENGTHS = [4096, 1024, 256, 64] as const;
/** The least room that is left for the document. */
const LEAST_DOCUMENT = 120;

/** in: a parcel and its document, the receiver's limit in bytes (480 or more); out: one message of at most so many bytes. */
export function syslogMessage(parcel: Parcel, document: Document, facility: Facility, maxBytes: number): Buffer {
  const header = headerOf(parcel, document, facility);
  // Not made anew of the document: that could be nested deeper than JSON.stringify goes.
  const text = ascii(new TextDecoder().decode(parcel.document));
  if (header.length + text.length <= maxBytes) return Buffer.concat([header, Buffer.from(text, 'latin1')]);
  const kept = header.length + LEAST_DOCUMENT <= maxBytes ? header : leastHeader(parcel, document, facility);
  const essentials = asciiJson(shortened(document, parcel.document.length, maxBytes - kept.length));
  return Buffer.concat([kept, Buffer.from(essentials, 'latin1')]);
}

function headerOf(parcel: Parcel, document: Document, facility: Facility): Buffer {
  const params = [
    ['uuid', parcel.id],
    ['severity', RANKS[rankOf(parcel)]!],
    ['rule_id', textAt(document, 'kibana.alert.rule.rule_id')],
    ['rule', textAt(document, 'kibana.alert.rule.name')],
    ['seq', String(parcel.seq)],
  ] as const;
  return header(parcel, document, facility, hostName(textAt(document, 'host.name')), params);
}

function leastHeader(parcel: Parcel, document: Document, facility: Facility): Buffer {
  return header(parcel, document, facility, '-', [['uuid', parcel.id.slice(0, 64)]]);
}

type Params = readonly (readonly [name: string, value: string])[];

function header(parcel: Parcel, document: Document, facility: Facility, host: string, params: Params): Buffer {
  const priority = FACILITIES[facility] * 8 + SEVERITIES[rankOf(parcel)]!;
  const time = timeOf(document, parcel.wallMs);
  const data = params.filter(([, value]) => value !== '').map(([name, value]) => ` ${name}="${paramValue(value)}"`);
  return Buffer.from(`<${priority}>1 ${time} ${host} forebear - ${parcel.kind} [${SD_ID}${data.join('')}] `);
}

function rankOf({ rank }: Parcel): number {
  return Math.min(Math.max(rank, 0), 3);
}

/** The event's time, else that of the record, as RFC 5424 writes it: a year of four digits. */
function timeOf(document: Document, wallMs: number): string {
  const found = new Date(textAt(document, '@timestamp'));
  const iso = Number.isNaN(found.getTime()) ? '' : found.toISOString();
  return iso.length === 24 ? iso : new Date(wallMs).toISOString();
}

/** Printable ASCII without blanks, at most 255; "-" for none. */
function hostName(name: string): string {
  return name === '' ? '-' : name.replace(/[^\x21-\x7e]/g, '?').slice(0, 255);
}

/** in: any text; out: at most 200 characters before the escapes that RFC 5424 wants, controls made visible. */
function paramValue(text: string): string {
  return escapeText(text.slice(0, 200).toWellFormed()).replace(/["\\\]]/g, '\\$&');
}

/** in: JSON; out: the same in ASCII, in one line. Lone surrogates stay what they are; controls can only be between tokens. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) =>
    unit < ' ' ? ' ' : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function asciiJson(document: Document): string {
  return ascii(JSON.stringify(document));
}

/** in: a document, its size as it was, the room for another in bytes; out: one that fits, with the mark. */
function shortened(document: Document, originalBytes: number, room: number): Document {
  for (const length of LENGTHS) {
    const whole = withEssentials(document, originalBytes, length, Number.POSITIVE_INFINITY);
    if (asciiJson(whole).length <= room) return whole;
  }
  return withEssentials(document, originalBytes, LENGTHS.at(-1)!, room);
}

/** The essentials in order, those left out that would exceed the room. */
function withEssentials(document: Document, originalBytes: number, length: number, room: number): Document {
  const made: Record<string, unknown> = { forebear: { cut: { original_bytes: originalBytes } } };
  let size = asciiJson(made).length;
  for (const path of ESSENTIALS) {
    const value = essential(valueAt(document, path), length);
    if (value === undefined) continue;
    // As a member of its own; nested beside others it takes no more.
    const added = asciiJson(nested(path, value)).length;
    if (size + added > room) continue;
    size += added;
    put(made, path.split('.'), value);
  }
  return made;
}

/** Texts, numbers, and lists of few texts. */
function essential(value: unknown, length: number): unknown {
  if (typeof value === 'string')
    return value.length <= length ? value : `${value.slice(0, length - 3).toWellFormed()}...`;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value) && value.length <= 4 && value.every((each) => typeof each === 'string')) {
    return value.map((each: string) => each.slice(0, length).toWellFormed());
  }
  return undefined;
}

function nested(path: string, value: unknown): Document {
  const made: Record<string, unknown> = {};
  put(made, path.split('.'), value);
  return made;
}

function put(into: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    into[key] = value;
    return;
  }
  const table = (into[key] ?? {}) as Record<string, unknown>;
  into[key] = table;
  put(table, rest, value);
}
