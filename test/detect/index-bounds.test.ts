// What rules and events made to be dear cost at most: steps are counted, not time (`npm run bench -- worst` has the time).

import { describe, expect, it } from 'vitest';
import { evaluateQuery } from '../../src/detect/evaluate-query.ts';
import { probesOf, RuleIndex } from '../../src/detect/rule-index.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { MAX_SEARCHES } from '../../src/query/bounds.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { work } from '../../src/query/work.ts';
import { Counters } from '../../src/stats.ts';
import { DEAR_BYTES, dearEvents } from './dear-events.ts';
import { dearRules } from './dear-rules.ts';
import { execEvent } from './events.ts';

const fields = new FieldTable();
const rules = dearRules(fields);
const events = dearEvents(fields, rules);

function stepsOf(evaluate: () => void): number {
  const before = work.steps;
  evaluate();
  return work.steps - before;
}

describe.each(rules.map(({ name, compiled }) => ({ name, compiled })))('$name', ({ compiled }) => {
  it.each(events)('on %s: as many passes over the text as it has patterns, at most', (_what, event) => {
    expect(stepsOf(() => compiled.matches(event.slots))).toBeLessThanOrEqual(MAX_SEARCHES * DEAR_BYTES);
  });
});

it('three hundred patterns that are not there cost one pass over a text', () => {
  const { compiled } = rules.find(({ name }) => name === 'three hundred patterns, any case')!;
  const [, event] = events.find(([name]) => name === 'one character')!;
  expect(stepsOf(() => compiled.matches(event.slots))).toBeLessThanOrEqual(DEAR_BYTES + 300);
});

it('the index takes one pass over each field, whatever the number of rules', () => {
  const stepsWith = (count: number) => {
    const table = new FieldTable();
    const queries = Array.from({ length: count }, (_, i) => compileKql(`process.command_line:*tool-${i}x*`, table));
    const index = new RuleIndex(probesOf(queries), table);
    const event = execEvent(table, { 'process.command_line': 'tool-0x '.repeat(4096) });
    index.reach(event);
    return stepsOf(() => index.candidates(event));
  };
  expect(stepsWith(10)).toBe(stepsWith(2000));
});

describe('a query that would search texts too often is refused', () => {
  const many = (of: (i: number) => string, between: string) =>
    Array.from({ length: MAX_SEARCHES + 1 }, (_, i) => of(i)).join(between);
  const code = { code: 'FB_QUERY_TOO_LARGE', line: 1 };
  it('in KQL', () => {
    const compile = () => compileKql(`process.args:(${many((i) => `*a*b${i}*`, ' or ')})`, new FieldTable());
    expect(compile).toThrow(expect.objectContaining(code));
  });
  it('in EQL', () => {
    const compile = () => compileEql(`any where ${many((i) => `process.args : "*a${i}*"`, ' and ')}`, new FieldTable());
    expect(compile).toThrow(expect.objectContaining(code));
  });
  it('but not for texts that are equal, begin or end so', () => {
    const list = many((i) => `"value-${i}", "begin-${i}*", "*-${i}end"`, ', ');
    expect(() => compileEql(`any where process.args like (${list})`, new FieldTable())).not.toThrow();
  });
});

describe('combinations of values', () => {
  const run = (name: string, what: string) => {
    const counters = new Counters();
    const { compiled } = rules.find((rule) => rule.name === name)!;
    const [, event] = events.find(([kind]) => kind === what)! as [string, EcsEvent];
    evaluateQuery(compiled, event, counters);
    return counters.get('detect_evaluations_cut_total');
  };
  it('that are not all looked at are counted', () => {
    expect(run('each argument in a long text', '10000 arguments')).toBe(1);
  });
  it('are all looked at where there are few', () => {
    expect(run('each argument in a long text', 'one character')).toBe(0);
  });
});

it('a class that documents bring is made in steps: no event waits for all rules', () => {
  const table = new FieldTable();
  let given = 0;
  const queries = Array.from({ length: 500 }, (_, i) => {
    const query = compileKql(`event.action:exec and process.name:tool-${i}`, table);
    const counted = (fixed: Parameters<NonNullable<typeof query.given>>[0]) => {
      given++;
      return query.given?.(fixed);
    };
    return { ...query, given: counted };
  });
  const index = new RuleIndex(probesOf(queries), table);
  const most = Array.from({ length: 500 }, () => {
    const before = given;
    index.candidates(execEvent(table));
    return given - before;
  }).reduce((a, b) => Math.max(a, b));
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(8);
  expect(given).toBe(500);
});
