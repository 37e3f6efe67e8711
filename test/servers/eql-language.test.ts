// EQL against the queries, events and answers that PyPI's eql brings with it. That is the language's first dialect: `==` ignores case
// and takes wildcards, functions ignore case, null is neither; so its trees are written anew in Elasticsearch's before they are
// compiled here, and what the two are known to answer differently is named in DIFFERENCES.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'smol-toml';
import { expect, it } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { parseEql } from '../../src/query/eql-parse.ts';
import { printEql } from '../../src/query/eql-print.ts';
import type { EqlEventQuery, EqlExpression } from '../../src/query/eql-tree.ts';

const BUILT = resolve(import.meta.dirname, '../../build/servers/eql');
const TILDE = /^(between|endswith|indexof|startswith|stringcontains|match|wildcard)$/;

/** Of what query -> why Elasticsearch, and so this, answers otherwise. */
const DIFFERENCES: readonly (readonly [(known: Known) => boolean, string])[] = [
  [({ query, case_insensitive: any }) => any === true && /process_name [<>]/.test(query), 'order knows cases'],
  [
    ({ query, case_insensitive: any }) => any === true && /[!=]= original|original_file_name ==/.test(query),
    'fields are compared with case',
  ],
  [({ query }) => /not \(fake_field|fake_field !=/.test(query), '`not` is true where the field is missing'],
];

/** Sequences and joins (eql.test.ts has sequences), pipes and functions that Elasticsearch never took, elements of arrays. */
const UNLIKE =
  /^\s*(sequence|join)\b|\|\s*(?!head|tail)\w+\s|\b(descendant|child|event) of\b|\barray\w+\(|\[\d+\]|safe\(/;

interface Known {
  query: string;
  expected_event_ids?: number[];
  case_sensitive?: boolean;
  case_insensitive?: boolean;
}

function lacks(): string {
  if (!(process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('eql'))
    return 'asked for by npm run test:servers -- eql (or all)';
  const reason = `${BUILT}.unavailable`;
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  return existsSync(`${BUILT}/stamp`) ? '' : 'eql is not built: npm run test:servers -- eql';
}

/** Quotes and `=` of the old syntax -> tokens that Elasticsearch's has too. */
function tokens(query: string): string {
  return query.replace(
    /\?"([^"]*)"|\?'([^']*)'|"(?:\\.|[^"\\])*"|'((?:\\.|[^'\\])*)'|([^=!<>])=(?![=])/g,
    (all, ...found) => {
      const [raw1, raw2, single, before] = found as (string | undefined)[];
      if (raw1 !== undefined || raw2 !== undefined) return `"""${raw1 ?? raw2}"""`;
      if (single !== undefined) return `"${single.replace(/"/g, '\\"')}"`;
      return before === undefined ? all : `${before}==`;
    },
  );
}

/** What it means there, in Elasticsearch's words. */
function translated(node: EqlExpression, insensitive: boolean): EqlExpression {
  const inner = (part: EqlExpression) => translated(part, insensitive);
  switch (node.kind) {
    case 'compare': {
      const [left, right] = [inner(node.left), inner(node.right)];
      const text = [left, right].find((side) => side.kind === 'literal' && typeof side.value === 'string');
      if (text === undefined || !/^[=!]=$/.test(node.operator)) return { ...node, left, right };
      const like: EqlExpression = {
        kind: 'like',
        insensitive,
        value: text === left ? right : left,
        patterns: [text],
        at: 0,
      };
      return node.operator === '==' ? like : { kind: 'not', part: like, at: 0 };
    }
    case 'in':
      return { ...node, insensitive, value: inner(node.value), options: node.options.map(inner) };
    case 'call': {
      const name = node.name === 'matchlite' ? 'match' : node.name;
      return { ...node, name, insensitive: insensitive && TILDE.test(name), parts: node.parts.map(inner) };
    }
    case 'and':
    case 'or':
      return { ...node, parts: node.parts.map(inner) };
    case 'not':
    case 'negative':
      return { ...node, part: inner(node.part) };
    case 'arithmetic':
      return { ...node, left: inner(node.left), right: inner(node.right) };
    default:
      return node;
  }
}

function answer({ query, case_sensitive }: Known, events: readonly Record<string, unknown>[]): number[] {
  const tree = parseEql(tokens(query).trim());
  const { category, condition } = (tree as { query: EqlEventQuery }).query;
  const table = new FieldTable([{ long: 'serial_event_id opcode pid exit_code' }]);
  const slots = events.map((event) => flattenDocument(event, table).event.slots);
  const text = `${category ?? 'any'} where ${printEql(translated(condition, case_sensitive !== true))}`;
  const [probe] = compileEql(text, table, { categoryField: 'event_type', unknown: 'dynamic' }).probes;
  const found = events.filter((_, i) => probe!.matches(slots[i]!)).map(({ serial_event_id: id }) => id as number);
  return tree.pipes.reduce(
    (ids, { name, count }) => (name === 'head' ? ids.slice(0, count) : ids.slice(-count)),
    found,
  );
}

it('answers what eql answers', (ctx) => {
  const reason = lacks();
  if (reason !== '') ctx.skip(reason);
  const [etc] = globSync(`${BUILT}/lib/python3*/site-packages/eql/etc`) as [string];
  const events = JSON.parse(readFileSync(`${etc}/test_data.json`, 'utf8')) as Record<string, unknown>[];
  const { queries } = parse(readFileSync(`${etc}/test_queries.toml`, 'utf8')) as unknown as { queries: Known[] };
  const single = queries.filter(({ query }) => !UNLIKE.test(query));
  const known = single.filter((one) => DIFFERENCES.some(([differs]) => differs(one)));
  const wrong = single.flatMap((one) => {
    const found = answer(one, events);
    return JSON.stringify(found) === JSON.stringify(one.expected_event_ids) ? [] : [{ ...one, found }];
  });
  console.log(`${single.length} of ${queries.length} queries of eql compared, ${known.length} known to differ`);
  expect(wrong.map(({ query }) => query)).toEqual(known.map(({ query }) => query));
  expect(single.length).toBeGreaterThan(100);
});
