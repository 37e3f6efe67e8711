// The index over many rules against every rule on every event and against the reference interpreters: generated rules in both
// languages with all kinds of covers, generated events with arrays, gaps and other cases, in numbers that make the plans choose
// their covers anew. The index must have been used: few candidates, and each kind of term.

import { expect, test } from 'vitest';
import { type Candidate, probesOf, RuleIndex } from '../../src/detect/rule-index.ts';
import type { EcsEvent, SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { interpretEql } from '../../src/query/eql-interpret.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { interpretKql } from '../../src/query/kql-interpret.ts';
import type { KqlNode } from '../../src/query/kql-tree.ts';
import type { CompiledQuery } from '../../src/query/language.ts';
import { execEvent } from './events.ts';

/** Seeded: the same rules and events in every run (xorshift32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  of<T>(options: readonly T[]): T {
    return options[this.below(options.length)]!;
  }
}

const FIELDS = ['process.name', 'process.args', 'process.executable', 'process.command_line', 'process.parent.name'];
const STEMS = ['curl', 'Bash', 'systemctl', 'é-tool', 'tmp', 'nc', 'x', 'WGET', '[kworker]', 'a b'];
const ACTIONS = ['exec', 'fork', 'end'];

function word(random: Random, kinds: number): string {
  const stem = random.of(STEMS);
  const text = `${stem}-${random.below(kinds)}`;
  return random.below(4) === 0 ? text.toUpperCase() : text;
}

/** A pattern as both languages read it. */
function patternOf(random: Random): string {
  const some = word(random, 60);
  return random.of([`*${some}*`, `${some}*`, `*${some}`, `*${some.slice(1)}*/${random.below(9)}*`]);
}

interface Asked {
  readonly query: CompiledQuery;
  interpret(slots: readonly SlotValue[]): boolean;
}

function eqlPredicate(random: Random): string {
  const field = random.of(FIELDS);
  const texts = (of: () => string) => Array.from({ length: 1 + random.below(4) }, () => `"${of()}"`).join(', ');
  const list = () => texts(() => word(random, 60));
  return random.of([
    () => `${field} == "${word(random, 60)}"`,
    () => `${field} in (${list()})`,
    () => `${field} in~ (${list()})`,
    () => `${field} : (${texts(() => patternOf(random))})`,
    () => `${field} like (${texts(() => random.of([patternOf(random), word(random, 60)]))})`,
    () => `${field} like~ (${list()})`,
    () => `${field} regex~ ".*${random.of(['curl', 'tmp', 'wget'])}-[0-9]+.*"`,
    () => `startsWith~(${field}, "${word(random, 60)}")`,
    () => `process.args_count >= ${random.below(6)}`,
    () => `${field} ${random.of(['==', '!='])} null`,
  ])();
}

function kqlPredicate(random: Random): string {
  const field = random.of(FIELDS);
  const quoted = () => `"${word(random, 60)}"`;
  const unquoted = () => patternOf(random).replaceAll(' ', '');
  return random.of([
    () => `${field}:${quoted()}`,
    () => `${field}:(${quoted()} or ${quoted()} or ${unquoted()})`,
    () => `${field}:${unquoted()}`,
    () => `process.args_count >= ${random.below(6)}`,
    () => `${field}:*`,
  ])();
}

/** and, or, not over predicates: most need something, as rules do. */
function condition(random: Random, predicate: () => string, depth = 2): string {
  if (depth === 0) return predicate();
  const part = () => condition(random, predicate, depth - 1);
  return random.of([
    () => `(${part()} and ${part()})`,
    () => `(${part()} and not (${part()}))`,
    () => `(${part()} or ${part()})`,
    predicate,
  ])();
}

const NEEDED = ['process.name', 'process.parent.name'];

function eqlRule(random: Random, table: FieldTable): Asked {
  const needs = `${random.of(NEEDED)} ${random.of([':', '=='])} "${word(random, 60)}"`;
  const rest = condition(random, () => eqlPredicate(random));
  const text = `process where event.action == "${random.of(ACTIONS)}" and ${random.of([needs, eqlPredicate(random)])} and ${rest}`;
  const { probes, tree } = compileEql(text, table);
  if (tree.kind !== 'event') throw new Error('not a single event');
  return { query: probes[0]!, interpret: (slots) => interpretEql(tree.query, { table, slots, nowMs: 0 }) };
}

function kqlRule(random: Random, table: FieldTable): Asked {
  const needs = random.of([`${random.of(NEEDED)}:"${word(random, 60)}"`, kqlPredicate(random)]);
  const rest = condition(random, () => kqlPredicate(random));
  const query = compileKql(`event.action:${random.of(ACTIONS)} and ${needs} and ${rest}`, table);
  return { query, interpret: (slots) => interpretKql(query.tree as KqlNode, table, slots, 0) };
}

function eventOf(random: Random, table: FieldTable): EcsEvent {
  const values: Record<string, SlotValue> = { 'event.action': random.of(ACTIONS) };
  for (const field of FIELDS) {
    const text = () =>
      random.below(3) === 0 ? `/${word(random, 60)}/${random.below(9)} ${word(random, 9)}` : word(random, 60);
    const kind = random.below(6);
    if (kind === 0) continue;
    values[field] = kind === 1 ? Array.from({ length: random.below(4) }, text) : text();
  }
  if (random.below(4) > 0) values['process.args_count'] = random.below(8);
  return execEvent(table, values);
}

const RULES = 400;
const EVENTS = 900;

test.each([20261125, 7, 424242])('the index, every rule and the interpreters agree (seed %i)', (seed) => {
  const random = new Random(seed);
  const table = new FieldTable();
  const rules = Array.from({ length: RULES }, (_, i) => (i % 2 === 0 ? eqlRule : kqlRule)(random, table));
  const probes: readonly Candidate[] = probesOf(rules.map(({ query }) => query));
  const index = new RuleIndex(probes, table);
  const counts = { candidates: 0, matches: 0 };
  for (let i = 0; i < EVENTS; i++) {
    const event = eventOf(random, table);
    const candidates = index.candidates(event);
    const found = candidates.filter(({ query }) => query.matches(event.slots)).map(({ rule }) => rule);
    const wanted = rules.flatMap(({ query }, rule) => (query.matches(event.slots) ? [rule] : []));
    expect(found).toEqual(wanted);
    if (i % 9 === 0) {
      expect(wanted).toEqual(rules.flatMap(({ interpret }, rule) => (interpret(event.slots) ? [rule] : [])));
    }
    if (i < EVENTS / 2) continue;
    counts.candidates += candidates.length;
    counts.matches += found.length;
  }
  const each = counts.candidates / (EVENTS / 2);
  console.log(`index: ${each.toFixed(1)} of ${RULES} rules are candidates of an event, ${counts.matches} matches`);
  expect(each).toBeLessThan(RULES / 10);
  expect(counts.matches).toBeGreaterThan(50);
});

test('every kind of term is looked up', () => {
  const random = new Random(1);
  const table = new FieldTable();
  const kinds = new Set<string>();
  for (let i = 0; i < RULES; i++)
    for (const { how } of eqlRule(random, table).query.cover ?? []) kinds.add(how ?? 'equals');
  expect([...kinds].sort()).toEqual(['contains', 'equals', 'folded']);
});

test('the same events choose the same covers, whatever is prepared before', () => {
  const random = new Random(3);
  const table = new FieldTable();
  const probes = probesOf(Array.from({ length: 100 }, () => eqlRule(random, table).query));
  const events = Array.from({ length: 1500 }, () => eventOf(random, table));
  const candidatesOf = (index: RuleIndex) => events.map((event) => index.candidates(event).map(({ rule }) => rule));
  const [first, second] = [new RuleIndex(probes, table), new RuleIndex(probes, table)];
  first.prepare();
  second.prepare();
  expect(candidatesOf(first)).toEqual(candidatesOf(second));
});
