import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { registerRules } from '../../src/commands/rules.ts';
import { item, LIST, textOf } from '../detect/exceptions/lists.ts';
import { ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

const ENTRY = { name: 'rules', summary: 'rules', load: async () => registerRules };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
const QUERY = "'event.category:process and process.name:tool'";
const good = (over: Record<string, string> = {}) => ruleText({ query: QUERY, ...over });

async function run(args: string[], part: Parameters<typeof fakeIo>[0] = {}) {
  const io = fakeIo(part);
  const status = await runProgram(['rules', ...args], io, [ENTRY]);
  return { status, out: io.stdout(), err: io.stderr() };
}

async function runJson(...args: string[]) {
  const { status, out } = await run([...args, '--json']);
  return {
    status,
    objects: out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('check --json', () => {
  const KEYS = 'file rule_id name type language status code reason line column sensors fields'.split(' ');

  it('has one object for each rule, with the keys of the contract', async () => {
    put('a.toml', good());
    put('b.toml', good({ rule_id: '"b"', type: '"esql"', language: '"esql"' }));
    put('c.toml', '[rule\n');
    const { status, objects } = await runJson('check', folder);
    expect(status).toBe(1);
    expect(objects.map((object) => Object.keys(object))).toEqual([KEYS, KEYS, KEYS]);
    expect(objects).toMatchObject([
      {
        file: join(folder, 'a.toml'),
        rule_id: 'rule-1',
        type: 'new_terms',
        language: 'kuery',
        status: 'runs',
        code: null,
        sensors: ['exec', 'fork', 'exit', 'already_running', 'session', 'credentials', 'call', 'module'],
        fields: ['event.category', 'process.name', 'process.parent.executable'],
      },
      { rule_id: 'b', name: 'A name', language: 'esql', status: 'refused', code: 'FB_RULE_LANGUAGE' },
      { rule_id: null, status: 'refused', code: 'FB_RULE_TOML', line: 1, column: expect.any(Number) },
    ]);
  });

  it('says the place of a fault in a query as the file has it, without the drawing', async () => {
    put('a.toml', good({ query: "'''\nprocess.name:a and\nprocess.name:(b or\n'''" }));
    const { objects } = await runJson('check', folder);
    expect(objects[0]).toMatchObject({ code: 'FB_QUERY_SYNTAX', line: expect.any(Number), column: expect.any(Number) });
    const line = good({ query: "'''\nX" }).split('\n').indexOf('X') + 1;
    expect(objects[0]?.line).toBeGreaterThan(line);
    expect(objects[0]?.reason).not.toContain('\n');
  });

  it.each<[number, string]>([
    [0, good()],
    [1, good({ severity: '"?"' })],
  ])('ends with %d', async (status, text) => {
    put('a.toml', text);
    expect((await runJson('check', join(folder, 'a.toml'))).status).toBe(status);
  });

  it('ends with 2 for a path that cannot be read, and says so; the others are judged', async () => {
    put('a.toml', good());
    const { status, out, err } = await run(['check', '--json', join(folder, 'none'), folder]);
    const objects = out.trimEnd().split('\n');
    expect([status, ...objects.map((line) => JSON.parse(line).code)]).toEqual([2, 'FB_RULE_FILE', null]);
    const message = `${join(folder, 'none')}: no such file or directory`;
    expect(JSON.parse(err).error).toMatchObject({ code: 'FB_RULE_FILE', message });
  });

  it('ends with 2 for a list of exceptions that cannot be read; the rules are judged', async () => {
    put('a.toml', good());
    const { status, out, err } = await run(['check', '--json', folder, '--exceptions', join(folder, 'none')]);
    expect([status, JSON.parse(out).status, JSON.parse(err).error.code]).toEqual([2, 'runs', 'FB_EXCEPTION_FILE']);
  });

  it('ends with 1 for an exception item that is refused, as for a rule', async () => {
    put('a.toml', good());
    const broken = item([], { item_id: 'broken' });
    put('l.ndjson', textOf([LIST, broken]));
    const args = ['check', join(folder, 'a.toml'), '--exceptions', join(folder, 'l.ndjson')];
    const [plain, json] = [await run(args), await run([...args, '--json'])];
    expect([plain.status, json.status]).toEqual([1, 1]);
    expect(plain.out).toMatch(/1 exception item: 1 refused\n +\S+l\.ndjson:2 broken: FB_EXCEPTION_/);
    expect(JSON.parse(json.out).status).toBe('runs');
    const message = expect.stringContaining('l.ndjson:2 broken: ');
    expect(JSON.parse(json.err).error).toMatchObject({ code: expect.stringMatching(/^FB_EXCEPTION_/), message });
    put('l.ndjson', textOf([LIST]));
    expect((await run(args)).status).toBe(0);
  });

  it('reads standard input', async () => {
    const stdin = async function* () {
      yield Buffer.from(good());
    };
    const { status, out } = await run(['check', '--json', '-'], { stdin });
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ file: '-', status: 'runs' });
  });
});

describe('check for a person', () => {
  it('groups what was refused', async () => {
    put('a.toml', good());
    put('b.toml', good({ rule_id: '"b"', type: '"esql"', language: '"esql"' }));
    put('c.toml', good({ rule_id: '"c"', index: '["logs-auditd_manager.auditd-*"]' }));
    const { out, status } = await run(['check', folder]);
    expect(status).toBe(1);
    const figures = out
      .slice(out.indexOf('3 rules'))
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/));
    expect(figures).toEqual([
      ['3 rules: 1 run, 2 refused'],
      ['1', 'FB_RULE_LANGUAGE', 'esql 1'],
      ['1', 'FB_RULE_SENSOR', 'auditd 1'],
    ]);
  });

  it('escapes what a rule file could do to a terminal', async () => {
    put('a.toml', good({ name: '"a\\u001b]52;c;eA==\\u0007\\u202eb"' }));
    for (const args of [
      ['check', folder],
      ['list', '--rules', folder],
      ['show', 'rule-1', '--rules', folder],
    ]) {
      const { out } = await run(args);
      for (const char of '\u001b\u0007\u202e') expect(out).not.toContain(char);
      expect(out).toContain('52;c');
    }
  });

  it('says when there is nothing', async () => {
    expect(await run(['check', folder])).toMatchObject({ status: 1, out: 'no rules found\n' });
  });
});

describe('list and show', () => {
  it.each([['list'], ['show', 'x']])('%s ends with 2 for a path that cannot be read', async (...command) => {
    const { status, err } = await run([...command, '--json', '--rules', join(folder, 'none')]);
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_RULE_FILE']);
  });

  it('take a rule from standard input', async () => {
    const stdin = async function* () {
      yield Buffer.from(good());
    };
    const { status, out } = await run(['list', '--json', '--rules', '-'], { stdin });
    expect([status, JSON.parse(out).rule_id]).toEqual([0, 'rule-1']);
  });

  it("have Elastic's names in JSON, and every field", async () => {
    put('a.toml', good({ building_block_type: '"default"', rule_name_override: '"message"' }));
    const { objects } = await runJson('list', '--rules', folder);
    expect(objects[0]).toMatchObject({ building_block_type: 'default', rule_name_override: 'message' });
    expect(objects[0]?.fields).toContain('process.parent.executable');
    expect(Object.keys(objects[0]!).filter((key) => /[A-Z]/.test(key))).toEqual([]);
  });
});

it('lists what runs and counts what does not', async () => {
  put('a.toml', good());
  put('b.toml', good({ rule_id: '"b"', severity: '"high"', name: '"B"' }));
  put('c.toml', '=');
  const { out, status } = await run(['list', '--rules', folder]);
  expect(status).toBe(0);
  expect(out.split('\n').map((line) => line.split(/\s+/)[0])).toEqual(['high', 'low', '1', '']);
  expect((await runJson('list', '--rules', folder)).objects.map(({ rule_id }) => rule_id)).toEqual(['rule-1', 'b']);
});

describe('show', () => {
  const show = (id: string, ...more: string[]) => run(['show', id, ...more]);
  const FIRST = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';

  it('renders the first rule with its guide, steps in their places', async () => {
    const { status, out } = await show('b605');
    expect(status).toBe(0);
    for (const text of [
      FIRST,
      'T1543.002',
      'process.executable:/usr/bin/systemctl',
      'SELECT * FROM crontab',
      '474fd20e',
    ]) {
      expect(out).toContain(text);
    }
    expect(out).not.toContain('$osquery_');
  });

  it.each<[string, string[], NodeJS.ProcessEnv]>([
    ['the option', ['--lang', 'zh'], {}],
    ['the locale', [], { LANG: 'zh_CN.UTF-8' }],
  ])('takes the language from %s', async (_name, more, env) => {
    const { out } = await run(['show', FIRST, ...more], { env });
    expect(out).toMatch(/\p{sc=Han}{4}/u);
  });

  it('finds by name, says what is not there or not clear', async () => {
    put('a.toml', good({ rule_id: '"same-1"', name: '"One"' }));
    put('b.toml', good({ rule_id: '"same-2"', name: '"Two"' }));
    const rules = ['--rules', folder];
    expect((await show('two', ...rules)).status).toBe(0);
    expect((await show('none', ...rules)).status).toBe(1);
    const { status, err } = await show('none', '--json', ...rules);
    expect([status, JSON.parse(err).error.code]).toEqual([1, 'FB_COMMAND_NOT_FOUND']);
    expect(await show('same', ...rules)).toMatchObject({ status: 2, out: '', err: expect.stringContaining('same-2') });
    put('c.toml', good({ rule_id: '"other"', name: '"TWO"' }));
    expect(await show('two', ...rules)).toMatchObject({ status: 2, err: expect.stringContaining('other') });
  });
});

it('has help with an example for each subcommand', async () => {
  expect((await run(['--help'])).out).toContain('\n  forebear rules check');
  for (const name of ['check', 'list', 'show']) {
    const { status, out } = await run([name, '--help']);
    expect([status, out.includes(`forebear rules ${name}`)]).toEqual([0, true]);
  }
});
