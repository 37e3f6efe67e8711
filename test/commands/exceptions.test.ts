import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { entry, item, LIST, type Line, textOf } from '../detect/exceptions/lists.ts';
import { QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-exceptions-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function run(args: string[], part: Parameters<typeof fakeIo>[0] = {}) {
  const io = fakeIo(part);
  const status = await runProgram(args, io);
  return { status, out: io.stdout(), err: io.stderr() };
}

async function runJson(args: string[]) {
  const { status, out } = await run([...args, '--json']);
  const lines = out.split('\n').filter(Boolean);
  return { status, objects: lines.map((line) => JSON.parse(line) as Line) };
}

const byAnn = item([entry('match', 'user.name', 'ann')], { item_id: 'ann' });
const expired = item([entry('exists', 'user.name')], { item_id: 'old', expire_time: '2020-01-01T00:00:00Z' });
const broken = item([], { item_id: 'bad' });

describe('check', () => {
  it('has one object for each item, with every key', async () => {
    const file = put('l.ndjson', textOf([LIST, byAnn, expired, broken]));
    const { status, objects } = await runJson(['exceptions', 'check', file]);
    expect(status).toBe(1);
    const rest = { file, list_id: 'list-1', name: 'An item' };
    expect(objects).toEqual([
      { ...rest, line: 2, item_id: 'ann', status: 'applies', code: null, reason: null, expire_time: null },
      {
        ...rest,
        line: 3,
        item_id: 'old',
        status: 'expired',
        code: null,
        reason: 'since 2020-01-01T00:00:00.000Z',
        expire_time: '2020-01-01T00:00:00.000Z',
      },
      {
        ...rest,
        line: 4,
        item_id: 'bad',
        status: 'refused',
        code: 'FB_EXCEPTION_VALUE',
        reason: 'entries: expected one or more, found none',
        expire_time: null,
      },
    ]);
  });

  it.each([
    ['all apply', 0, [LIST, byAnn], '1 exception: 1 applies, 0 expired, 0 refused'],
    ['one is expired', 0, [LIST, byAnn, expired], '2 exceptions: 1 applies, 1 expired, 0 refused'],
    ['one is refused', 1, [LIST, byAnn, broken], '2 exceptions: 1 applies, 0 expired, 1 refused'],
    ['there is none', 1, [], 'no exceptions found'],
  ])('%s: %i', async (_name, expected, lines, figures) => {
    const { status, out } = await run(['exceptions', 'check', put('l.ndjson', textOf(lines))]);
    expect([status, out.trimEnd().split('\n').at(-1)]).toEqual([expected, figures]);
  });

  it('reads standard input, escapes names, and fails for a path that is not there', async () => {
    const text = textOf([LIST, { ...byAnn, name: 'a\u001b[31m\u202eb' }]);
    const piped = await run(['exceptions', 'check', '-'], {
      stdin: async function* () {
        yield Buffer.from(text);
      },
    });
    expect(piped.status).toBe(0);
    expect(['\u001b', '\u202e'].filter((char) => piped.out.includes(char))).toEqual([]);
    const none = await run(['exceptions', 'check', '--json', join(folder, 'none')]);
    expect(none.status).toBe(2);
    expect(JSON.parse(none.err).error.code).toBe('FB_EXCEPTION_FILE');
  });
});

describe('list', () => {
  const config = (disable: string) =>
    put('f.toml', `[exceptions]\npaths = ["l.ndjson"]\ndisable = ${disable}\n[rules]\npaths = []\n`);

  it('shows what is configured, and what is switched off', async () => {
    put('l.ndjson', textOf([LIST, byAnn, expired]));
    const { status, objects } = await runJson(['exceptions', 'list', '--config', config('["ann"]')]);
    expect(status).toBe(0);
    expect(objects.map(({ item_id, status: state }) => [item_id, state])).toEqual([
      ['ann', 'disabled'],
      ['old', 'expired'],
    ]);
  });

  it('refuses to switch off what is not there', async () => {
    put('l.ndjson', textOf([LIST, byAnn]));
    const { status, err } = await run(['exceptions', 'list', '--json', '--config', config('["anm"]')]);
    expect(status).toBe(2);
    expect(JSON.parse(err).error).toMatchObject({ code: 'FB_EXCEPTION_DISABLE', hint: 'did you mean ann?' });
  });
});

describe('with rules and documents', () => {
  const event = (user: string, pid: number) =>
    JSON.stringify({ event: { category: 'process' }, process: { name: 'tool', pid }, user: { name: user } });
  const documents = [event('ann', 1), event('bob', 2), event('ann', 3), '{"event":{"category":"file"}}'].join('\n');
  const bound = { ...LIST, tags: ['forebear:rule:rule-1'] };
  let args: string[];
  beforeEach(() => {
    const query = "'event.category:process and process.name:tool'";
    put('rule.toml', ruleText({ ...QUERY_RULE, query }, ''));
    put('l.ndjson', textOf([bound, byAnn, item([entry('match', 'user.name', 'eve')], { item_id: 'eve' }), broken]));
    put('e.ndjson', documents);
    args = ['--rules', join(folder, 'rule.toml')];
  });

  it('test says what each item would have hidden', async () => {
    const file = join(folder, 'l.ndjson');
    const { status, objects } = await runJson([
      'exceptions',
      'test',
      file,
      '--events',
      join(folder, 'e.ndjson'),
      ...args,
    ]);
    expect(status).toBe(0);
    expect(objects).toEqual([
      { item_id: 'ann', name: 'An item', matched: 3, hidden: 2 },
      { item_id: 'eve', name: 'An item', matched: 3, hidden: 0 },
    ]);
  });

  it.each([
    ['--exceptions', 1, true],
    ['--no-exceptions', 3, false],
  ])('replay with %s gives %i alerts', async (option, alerts, refused) => {
    const more = option === '--exceptions' ? [option, join(folder, 'l.ndjson')] : [option];
    const { status, out, err } = await run(['replay', join(folder, 'e.ndjson'), '--json', ...args, ...more]);
    expect([status, out.split('\n').filter(Boolean).length]).toEqual([0, alerts]);
    expect(err.includes('FB_EXCEPTION_VALUE')).toBe(refused);
  });

  it('rules check takes the lists that it is given', async () => {
    const lists = '[{ list_id = "list-1" }]';
    const file = put(
      'bound.toml',
      ruleText({ ...QUERY_RULE, query: "'process.name:tool'", exceptions_list: lists }, ''),
    );
    const without = await runJson(['rules', 'check', file]);
    expect([without.status, without.objects[0]?.code]).toEqual([1, 'FB_RULE_EXCEPTIONS']);
    const given = ['rules', 'check', file, '--exceptions', join(folder, 'l.ndjson')];
    put('l.ndjson', textOf([bound, byAnn]));
    expect((await runJson(given)).status).toBe(0);
    put('l.ndjson', textOf([bound, byAnn, broken]));
    expect((await runJson(given)).status).toBe(1);
  });
});
