// The nested JSON view of a flat event: made when an alert is written or an event is printed, never on the event path.
// in: slots; out: a document of ECS keys. Bytes that are not UTF-8 (lone surrogates, src/text.ts) become U+FFFD, and the
// raw bytes stand as base64 in forebear.raw, so that nothing is lost.

import { encodeText } from '../text.ts';
import type { EcsEvent, Scalar, SlotValue } from './event.ts';
import type { Field, FieldTable } from './fields.ts';
import { MAX_DEPTH } from './flatten.ts';
import { isRawNumber } from './json.ts';

/** A raw value beside its readable one; `index` where the field has several values. */
interface RawText {
  field: string;
  index?: number;
  bytes: string;
}

type Node = Record<string, unknown>;

const RAW = 'forebear.raw';

/**
 * The event as a nested document, ready for JSON.stringify; the caller owns it.
 * An event that was read from a document gives a copy of that document, dotted keys nested. Longs beyond 2^53 keep all
 * their digits.
 */
export function toDocument(event: EcsEvent): Record<string, unknown> {
  if (event.source !== undefined) return copyObject(event.source, 0);
  const raw: RawText[] = [];
  const document = nest(event, raw);
  if (raw.length > 0) put(document, RAW, raw);
  return document;
}

/** What is nested deeper than flatten.ts reads is left out, as it is from the slots. */
function copyObject(object: Readonly<Node>, depth: number): Node {
  const copy: Node = {};
  for (const [name, value] of Object.entries(object)) put(copy, name, copyValue(value, depth + 1));
  return copy;
}

function copyValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return value;
  if (depth > MAX_DEPTH) return null;
  return Array.isArray(value) ? value.map((item) => copyValue(item, depth + 1)) : copyObject(value as Node, depth);
}

function nest(event: EcsEvent, raw: RawText[]): Node {
  const document: Node = {};
  for (const field of byName(event.table)) {
    const value = event.slots[field.slot];
    if (value !== undefined) put(document, field.name, shown(field, value, raw));
  }
  return document;
}

function shown(field: Field, value: SlotValue, raw: RawText[]): unknown {
  if (!Array.isArray(value)) return scalar(field, value as Scalar, raw);
  if (field.type === 'nested')
    return (value as readonly EcsEvent[]).map((element) => nestedElement(field, element, raw));
  return (value as readonly Scalar[]).map((item, index) => scalar(field, item, raw, index));
}

/** A sub-event names its fields in full (`a.b` below `a`): the object below `a` is the element. */
function nestedElement(field: Field, element: EcsEvent, raw: RawText[]): unknown {
  let node: unknown = nest(element, raw);
  for (const key of field.name.split('.')) {
    if (!isNode(node) || !Object.hasOwn(node, key)) return {};
    node = node[key];
  }
  return node;
}

function scalar(field: Field, value: Scalar, raw: RawText[], index?: number): unknown {
  if (typeof value === 'string') return readable(field, value, raw, index);
  if (typeof value === 'bigint') return exactNumber(value);
  if (typeof value === 'number' && field.type === 'date') return isoDate(value);
  return value;
}

function readable(field: Field, text: string, raw: RawText[], index: number | undefined): string {
  if (text.isWellFormed()) return text;
  const bytes = Buffer.from(encodeText(text)).toString('base64');
  raw.push(index === undefined ? { field: field.name, bytes } : { field: field.name, index, bytes });
  return text.toWellFormed();
}

/** ES2026, in the pinned runtime but not yet in TypeScript's library: a number with exactly these digits. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function exactNumber(value: bigint): unknown {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : rawJSON(String(value));
}

/** in: milliseconds since 1970, fraction dropped; out: ISO 8601 with three digits of milliseconds, UTC. */
function isoDate(ms: number): string | number {
  const date = new Date(Math.floor(ms));
  return Number.isNaN(date.getTime()) ? ms : date.toISOString();
}

/** Sets a dotted name as a path of objects; where a value stands in the way, the rest stays one dotted key. */
function put(root: Node, name: string, value: unknown): void {
  let node = root;
  let from = 0;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', from)) {
    const key = name.slice(from, dot);
    if (!Object.hasOwn(node, key)) define(node, key, {});
    const below = node[key];
    if (!isNode(below)) break;
    node = below;
    from = dot + 1;
  }
  const key = name.slice(from);
  const there = Object.hasOwn(node, key) ? node[key] : undefined;
  if (isNode(there) && isNode(value)) for (const [name, part] of Object.entries(value)) put(there, name, part);
  else define(node, key, value);
}

/** An own property whatever the name: `__proto__` from a hostile document is a key like any other. */
function define(node: Node, key: string, value: unknown): void {
  if (key !== '__proto__') node[key] = value;
  else Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const sorted = new WeakMap<FieldTable, readonly Field[]>();

/** The fields in the order of their names; made anew when rules have added some. */
function byName(table: FieldTable): readonly Field[] {
  const known = sorted.get(table);
  if (known !== undefined && known.length === table.size) return known;
  const fields = [...table.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  sorted.set(table, fields);
  return fields;
}
