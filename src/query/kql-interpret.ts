// The reference: KQL trees evaluated slowly and plainly, straight from the tree for each event, sharing with the compiler
// only what reads a literal (numbers, dates, addresses, words). No plan, no closures, no sets, no globs. Called by the
// differential test; a leaf that the compiler refuses is simply false here.

import { EcsEvent, type Scalar, type SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable, FieldType } from '../ecs/fields.ts';
import { ipKey, ipRange } from '../ecs/ip.ts';
import { analyze, lower } from './analyze.ts';
import { parseDateMath } from './date-math.ts';
import { booleanOperand, doubleOperand, longOperand } from './kql-operands.ts';
import { hasWildcard, isNull, isStar, type KqlLiteral, type KqlNode, type RangeOperator, textOf } from './kql-tree.ts';
import { isBetweenStars } from './plain-like.ts';

type Slots = readonly SlotValue[];

/** in: tree, the table of the event, its slots, reference time in milliseconds; out: whether the event matches. */
export function interpretKql(tree: KqlNode, table: FieldTable, slots: Slots, nowMs: number): boolean {
  return new Interpreter(table, nowMs).matches(tree, slots, '');
}

class Interpreter {
  readonly #table: FieldTable;
  readonly #nowMs: number;

  constructor(table: FieldTable, nowMs: number) {
    this.#table = table;
    this.#nowMs = nowMs;
  }

  /** path: the nested field around, with its dot. */
  matches(node: KqlNode, slots: Slots, path: string): boolean {
    switch (node.kind) {
      case 'all':
        return true;
      case 'and':
        return node.parts.every((part) => this.matches(part, slots, path));
      case 'or':
        return node.parts.some((part) => this.matches(part, slots, path));
      case 'not':
        return !this.matches(node.part, slots, path);
      case 'nested': {
        const name = path + textOf(node.path);
        return subEvents(slots, this.#table.get(name)).some((sub) => this.matches(node.part, sub.slots, `${name}.`));
      }
      case 'range':
        return this.#values(node.field, slots, path).some(([field, value]) =>
          this.#inRange(field, value, node.operator, node.value),
        );
      case 'is':
        return this.#is(node.field, node.value, slots, path);
    }
  }

  #is(name: KqlLiteral | null, value: KqlLiteral, slots: Slots, path: string): boolean {
    if (name === null || (path === '' && isNull(name))) return path === '' && this.#freeText(value, slots);
    if (isStar(name) && isStar(value)) return true;
    const values = this.#values(name, slots, path, isStar(value));
    return values.some(([field, item]) => (isStar(value) ? counts(field, item) : this.#equals(field, item, value)));
  }

  #freeText(value: KqlLiteral, slots: Slots): boolean {
    const star: KqlLiteral = { segments: ['', ''], quoted: false, at: 0 };
    const parts = hasWildcard(value)
      ? textOf(value)
          .split(/[ \t\r\n\u3000]+/)
          .filter(Boolean)
      : undefined;
    if (parts?.includes('*')) return true;
    return this.#values(star, slots, '').some(([field, item]) => {
      if (field.name.includes('.') && this.#owner(field.name) !== '') return false;
      if (parts === undefined) return this.#equals(field, item, value);
      return cutParts(value).some((part) => this.#equals(field, item, part));
    });
  }

  /** Every value, with its field, that a name reaches; with `below`, those of an object's fields too. */
  #values(name: KqlLiteral, slots: Slots, path: string, below = false): [Field, Scalar][] {
    const [first, ...others] = name.segments as [string, ...string[]];
    const segments = [path + first, ...others];
    const under = below && !hasWildcard(name) ? `${segments[0]}.` : undefined;
    const reaches = (full: string) => isBetweenStars(segments, full) || (under !== undefined && full.startsWith(under));
    return this.#table
      .all()
      .filter((field) => field.type !== 'nested' && reaches(field.name))
      .flatMap((field) => {
        const owner = this.#owner(field.name);
        if (owner === path) return elements(slots[field.slot]).map((value): [Field, Scalar] => [field, value]);
        if (path !== '' || !hasWildcard(name)) return [];
        const subs = subEvents(slots, this.#table.get(owner.slice(0, -1)));
        return subs.flatMap((sub) => elements(sub.slots[field.slot]).map((value): [Field, Scalar] => [field, value]));
      });
  }

  /** The nested field nearest above a name, with its dot; '' when there is none. */
  #owner(name: string): string {
    const parts = name.split('.');
    for (let n = parts.length - 1; n > 0; n--) {
      const above = parts.slice(0, n).join('.');
      if (this.#table.get(above)?.type === 'nested') return `${above}.`;
    }
    return '';
  }

  #equals(field: Field, value: Scalar, literal: KqlLiteral): boolean {
    if (isNull(literal)) return field.type === 'date';
    if (!counts(field, value)) return false;
    const text = textOf(literal);
    const type = field.dynamic ? typeOfValue(value) : field.type;
    if (type === 'text') return textMatches(analyze(String(value)), literal);
    if (type === 'keyword' || type === 'wildcard') return isBetweenStars(literal.segments, String(value));
    if (hasWildcard(literal)) return false;
    if (type === 'boolean') return String(value) === text;
    if (type === 'ip') {
      const range = ipRange(text);
      const key = ipKey(String(value));
      return range !== undefined && key !== undefined && key >= range.low && key <= range.high;
    }
    if (type === 'date')
      return this.#inRange(field, value, '>=', literal) && this.#inRange(field, value, '<=', literal);
    if (type === 'long' && longOperand(text) === 'beyond') return false;
    return compareNumbers(type, value, text) === 0;
  }

  #inRange(field: Field, value: Scalar, operator: RangeOperator, literal: KqlLiteral): boolean {
    if (!counts(field, value)) return false;
    if (isNull(literal)) return true;
    const text = textOf(literal);
    const type = field.dynamic ? typeOfValue(value) : field.type;
    if (type === 'text') return analyze(String(value)).some((word) => holds(operator, compareBytes(word, text)));
    return holds(operator, this.#compare(type, value, operator, text));
  }

  /** Order of a value and a bound; NaN: they cannot be compared. */
  #compare(type: FieldType, value: Scalar, operator: RangeOperator, text: string): number {
    switch (type) {
      case 'keyword':
      case 'wildcard':
        return compareBytes(String(value), text);
      case 'boolean':
        return Number(value) - Number(booleanOperand(text) ?? Number.NaN);
      case 'ip':
        return compareBytes(ipKey(String(value)) ?? '', ipKey(text) ?? '');
      case 'date': {
        const date = parseDateMath(text);
        const bound = operator === '>' || operator === '<=' ? date?.last(this.#nowMs) : date?.first(this.#nowMs);
        return Math.floor(Number(value)) - (bound ?? Number.NaN);
      }
      default:
        return compareNumbers(type, value, text);
    }
  }
}

function counts(field: Field, value: Scalar): boolean {
  return field.type !== 'keyword' || typeof value !== 'string' || value.length <= 1024;
}

function typeOfValue(value: Scalar): FieldType {
  if (typeof value === 'string') return 'keyword';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'bigint' ? 'long' : 'double';
}

function compareNumbers(type: FieldType, value: Scalar, text: string): number {
  if (type === 'double') {
    const bound = doubleOperand(text) ?? Number.NaN;
    if (Object.is(value, -0) !== Object.is(bound, -0) && Number(value) === bound) return Object.is(value, -0) ? -1 : 1;
    return Number(value) === bound ? 0 : Number(value) - bound;
  }
  const operand = longOperand(text);
  if (operand === undefined || operand === 'beyond') return Number.NaN;
  const twice = 2n * BigInt(value) - (2n * operand.floor + (operand.whole ? 0n : 1n));
  return twice < 0n ? -1 : twice > 0n ? 1 : 0;
}

function textMatches(words: string[], literal: KqlLiteral): boolean {
  if (hasWildcard(literal)) {
    return cutParts(literal).some((part) => {
      if (isStar(part)) return true;
      if (!hasWildcard(part)) return analyze(textOf(part)).some((word) => words.includes(word));
      const segments = part.segments.map(lower);
      return words.some((word) => isBetweenStars(segments, word));
    });
  }
  const wanted = analyze(textOf(literal));
  if (!literal.quoted) return wanted.some((word) => words.includes(word));
  return wanted.length > 0 && `\0${words.join('\0')}\0`.includes(`\0${wanted.join('\0')}\0`);
}

/** A private use character stands for the star while the text is cut at its blanks. */
function cutParts(literal: KqlLiteral): KqlLiteral[] {
  const parts = literal.segments.join('\uf8ff').split(/[ \t\r\n\u3000]+/);
  return parts.filter((part) => part !== '').map((part) => ({ ...literal, segments: part.split('\uf8ff') }));
}

function holds(operator: RangeOperator, order: number): boolean {
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function elements(value: SlotValue): readonly Scalar[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]) as readonly Scalar[];
}

function subEvents(slots: Slots, field: Field | undefined): readonly EcsEvent[] {
  const value = field === undefined ? undefined : slots[field.slot];
  return Array.isArray(value) ? value.filter((element) => element instanceof EcsEvent) : [];
}
