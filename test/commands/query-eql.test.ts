// `forebear query --language eql` as a whole: what joins find, order, options, pipes, output. The language itself is tested in
// test/query, joins on streams in test/correlate.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { registerQuery } from '../../src/commands/query.ts';
import { type JoinAnswer, MISSING, SAMPLES, SEQUENCES } from '../tables/eql-joins.ts';
import { fakeIo } from './fake-io.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-eql-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Json = Record<string, unknown>;

async function query(text: string, documents: readonly (Json | string)[], args: readonly string[] = ['--json']) {
  const lines = documents.map((document) => (typeof document === 'string' ? document : JSON.stringify(document)));
  const file = join(folder, 'events.ndjson');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return run([...args, text, file]);
}

async function run(args: readonly string[]) {
  const io = fakeIo();
  const entry = { name: 'query', summary: '', load: async () => registerQuery };
  const status = await runProgram(['query', '--language', 'eql', ...args], io, [entry]);
  return { status, out: io.stdout(), err: io.stderr() };
}

/** `A3:x` -> a document of its categories, its second, its keys. */
function documentOf(event: string): Json {
  const [, letters, second, k, o] = /^([A-Z]+)(\d+)(?::([\w,]*))?(?::([\w,]*))?$/.exec(event)!;
  const values = (text: string | undefined) => (text ? text.split(',') : undefined);
  return {
    '@timestamp': 1_700_000_000_000 + Number(second) * 1000,
    event: { category: [...letters!], id: `${letters}${second}` },
    k: values(k),
    o: values(o),
  };
}

const idsOf = (documents: readonly Json[]) => documents.map(({ event }) => (event as Json).id).join(' ');

describe.each([
  ['sequences', SEQUENCES],
  ['missing events', MISSING],
  ['samples', SAMPLES],
] as [string, JoinAnswer[]][])('%s', (_, answers) => {
  it.each(answers)('$why: $query over $events', async ({ query: short, events, found }) => {
    const text = short.replaceAll(/\[(\w)\]/g, '[$1 where true]');
    const { status, out, err } = await query(text, events.split(' ').map(documentOf));
    const results = out.split('\n').filter(Boolean);
    expect(results.map((line) => idsOf(JSON.parse(line))).join(' | ')).toBe(found);
    expect({ status, err }).toEqual({ status: found === '' ? 1 : 0, err: '' });
  });
});

const at = (time: unknown, name: string, more: Json = {}) => ({
  '@timestamp': time,
  event: { category: 'process', id: name },
  ...more,
});
const ANY_TWO = 'sequence [any where true] [any where true]';

describe('order', () => {
  it('is that of time to the nanosecond, whatever form it has', async () => {
    const events = [
      at('2026-01-01T00:00:00.000000002Z', 'c'),
      at('2026-01-01T01:00:00.000000001+01:00', 'b'),
      at(1767225600000, 'a'),
      at('1767225600000.5', 'e'),
      at(1767225600000.25, 'd'),
      at('2026-01-01', 'a2'),
    ];
    const { out } = await query('any where true', events);
    expect(
      out
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).event.id),
    ).toEqual(['a', 'a2', 'b', 'c', 'd', 'e']);
    const short = await query(`sequence with maxspan=1ms [any where event.id=="a"] [any where event.id=="b"]`, events);
    expect(short.status).toBe(0);
  });

  it('takes the tiebreaker next, numbers as numbers, and what has none last', async () => {
    const events = [at(1, 'd'), at(1, 'c', { n: 10 }), at(1, 'b', { n: 9 }), at(0, 'a', { n: 99 })];
    const { out } = await query('any where true', events, ['--json', '--tiebreaker-field', 'n']);
    expect(out.match(/"id":"\w"/g)!.join()).toBe('"id":"a","id":"b","id":"c","id":"d"');
    const big = [at(1, 'b', { n: '@2' }), at(1, 'a', { n: '@1' })].map((event) =>
      JSON.stringify(event).replace(/"@(\d)"/, '900719925474099$1'),
    );
    expect((await query(ANY_TWO, big, ['--json', '--tiebreaker-field', 'n'])).out).toBe(`[${big[1]},${big[0]}]\n`);
  });

  it('puts documents without a time last; no sequence has them, and that is said', async () => {
    const events = [{ event: { id: 'x' } }, at('nonsense', 'y'), at(1, 'a'), at(2, 'b')];
    expect(
      idsOf(
        (await query('any where true', events)).out
          .split('\n')
          .filter(Boolean)
          .map((l) => JSON.parse(l)),
      ),
    ).toBe('a b x y');
    const { out, err } = await query(ANY_TWO, events);
    expect(idsOf(JSON.parse(out))).toBe('a b');
    expect(err).toBe('documents without a time in @timestamp, which no sequence has: 2\n');
  });
});

describe('options', () => {
  it('other fields of time and category', async () => {
    const events = [
      { when: '2026-01-01T00:00:02Z', kind: 'net', id: 2 },
      { when: '2026-01-01T00:00:01Z', kind: 'proc', id: 1 },
    ];
    const args = ['--json', '--timestamp-field', 'when', '--event-category-field', 'kind'];
    const { out } = await query('sequence with maxspan=1s [proc where id == 1] [net where id == 2]', events, args);
    expect(out).toBe(`[${JSON.stringify(events[1])},${JSON.stringify(events[0])}]\n`);
    expect((await query('proc where when > "2026-01-01T00:00:01Z"', events, args)).status).toBe(1);
  });

  it.each([
    ['| head 2', 'a b'],
    ['| tail 2', 'c d'],
    ['| tail 3 | head 1', 'b'],
    ['| head 0', ''],
    ['| tail 99', 'a b c d'],
  ])('%s', async (pipe, found) => {
    const events = [at(4, 'd'), at(2, 'b'), at(3, 'c'), at(1, 'a')];
    const { out } = await query(`any where true ${pipe}`, events);
    expect(
      idsOf(
        out
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      ),
    ).toBe(found);
  });

  it('a pipe takes its part of many, and keeps no more than it needs', async () => {
    const events = Array.from({ length: 30_000 }, (_, i) => at(10_000 + ((i * 7919) % 30_000), ''));
    const { out, err } = await query('any where true | tail 2', events, []);
    expect(out).toBe('39998  process\n39999  process\n');
    expect(err).toBe('2 of 30000 documents matched\n');
  });
});

describe('output', () => {
  const events = [
    at(1, 'a', { user: { id: 'x' } }),
    at(2, 'b', { user: { id: 'x' } }),
    at(3, 'c', { user: { id: 'x' } }),
  ];

  it('--json: the very text that came in, a sequence as one array', async () => {
    const texts = events.map((event) => ` ${JSON.stringify(event)}  `.replace(/,/, ' , '));
    const { out, err } = await query('sequence by user.id [any where true] [any where true]', texts);
    expect(out).toBe(`[${texts[0]},${texts[1]}]\n[${texts[1]},${texts[2]}]\n`);
    expect(err).toBe('');
  });

  it('for a person: sequences apart by a blank line, and a count on stderr', async () => {
    const { out, err } = await query(ANY_TWO, events, []);
    expect({ out, err }).toEqual({
      out: '1  process\n2  process\n\n2  process\n3  process\n',
      err: '2 sequences in 3 documents\n',
    });
    expect((await query('sample by user.id [any where event.id == "c"] [any where true]', events, [])).err).toBe(
      '1 sample in 3 documents\n',
    );
  });

  it('1 where nothing is found, 2 with place where the query is wrong', async () => {
    expect(await query('process where false', events)).toEqual({ status: 1, out: '', err: '' });
    const { status, out, err } = await query('process where', events);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(JSON.parse(err).error).toMatchObject({ code: 'FB_QUERY_SYNTAX', line: 1 });
  });
});

it('says that a predicate did not look at all of a document', async () => {
  const values = Array.from({ length: 200 }, (_, i) => String(i));
  const found = await query('any where concat(a, b) == "x"', [
    { a: values, b: values },
    { a: 'x', b: '' },
  ]);
  expect([found.status, found.err]).toEqual([
    0,
    "predicates that did not look at all combinations of a document's values: 1\n",
  ]);
});

it('takes texts where ECS has objects: documents need not be ECS', async () => {
  const documents = [
    { '@timestamp': 1, event: 'login', user: 'ann', host: 'a' },
    { '@timestamp': 2, event: 'logout', user: 'ann', host: { name: 'a' } },
  ];
  const args = ['--json', '--event-category-field', 'event'];
  const events = '[login where host == "a"] [logout where host == null and host.name == "a"]';
  const { status, out, err } = await query(`sequence by user ${events}`, documents, args);
  expect({ status, err, found: out.trim() }).toEqual({ status: 0, err: '', found: JSON.stringify(documents) });
});

it('more in progress than memory has room for is an error, with what to do', async () => {
  const documents = Array.from({ length: 100_001 }, (_, i) => `{"@timestamp":${i * 10},"k":${i}}`);
  const { status, out, err } = await query('sequence by k [any where true] [any where k == -1]', documents);
  expect([status, out, JSON.parse(err).error]).toMatchObject([
    2,
    '',
    { code: 'FB_QUERY_MEMORY', hint: expect.stringContaining('maxspan') },
  ]);
  const bounded = await query('sequence by k with maxspan=1s [any where true] [any where k == -1]', documents);
  expect(bounded.status).toBe(1);
});
