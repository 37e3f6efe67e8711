import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { termKey } from '../../src/detect/term-key.ts';
import { openTermStore } from '../../src/detect/term-store-io.ts';
import { sqliteLock } from '../../src/journal/lock-io.ts';
import { Counters } from '../../src/stats.ts';
import { fakeIo } from './fake-io.ts';

const T0 = Date.UTC(2020, 0, 1, 10);
const HOUR = 3_600_000;
const DECLARED = { rule_id: 'r', fields: ['process.name', 'user.name'], queryHash: 'q' };
const RULE = `[rule]
type = "new_terms"
language = "kuery"
rule_id = "r"
name = "A rule"
version = 1
severity = "low"
risk_score = 21
description = "d"
query = "process.name:*"
index = ["logs-endpoint.events.*"]
[rule.new_terms]
field = "new_terms_fields"
value = ["process.name", "user.name"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"
`;

let folder: string;
let state: string;
let rules: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-learn-'));
  state = mkdtempSync(join(folder, 'state-'));
  rules = put('rule.toml', RULE);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function run(args: string[], stdin = '') {
  const io = fakeIo({
    stdin: async function* () {
      yield Buffer.from(stdin);
    },
  });
  const [command, ...rest] = args;
  const from = command === 'export' ? [] : ['--rules', rules, '--no-exceptions'];
  const status = await runProgram(['learn', command!, ...rest, ...from, '--state', state], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const at = (wallMs: number, bootId = 'boot-1') => ({ bootId, bootNs: BigInt(wallMs) * 1_000_000n, wallMs });
const TUPLES = [
  ['a', 'root'],
  ['/\udcff', 'ann'],
  ['x'.repeat(500), 'ann'],
];

/** A history as an agent leaves it: a term an hour. */
function fill({ directory = state, learnMs = 0, rule = DECLARED, tuples = TUPLES, from = T0 } = {}): void {
  const store = openTermStore(directory, new Counters(), 100, 'journal');
  store.declare({ ...rule, learnMs }, at(from));
  tuples.forEach((values, i) => {
    store.see(rule.rule_id, termKey(values), at(from + i * HOUR));
  });
  store.release(rule.rule_id, [], 7);
  store.close();
}

describe('status', () => {
  it('without any history names the rules that are loaded', async () => {
    const { status, out } = await run(['status']);
    expect(status).toBe(1);
    expect(out).toBe('A rule\n  r  process.name + user.name\n  no history yet\n');
    expect(existsSync(join(state, 'terms.db'))).toBe(false);
  });

  it('has an object for each rule, with every key', async () => {
    fill({ learnMs: 24 * HOUR });
    fill({ rule: { rule_id: 'gone', fields: ['user.name'], queryHash: 'q' }, tuples: [['ann']] });
    const { status, out } = await run(['status', '--json']);
    expect(status).toBe(0);
    const rest = { history_since: '2020-01-01T10:00:00.000Z', changed: null };
    expect(lines(out)).toEqual([
      { rule_id: 'gone', name: null, fields: ['user.name'], terms: 1, learning: 'off', learning_until: null, ...rest },
      {
        rule_id: 'r',
        name: 'A rule',
        fields: ['process.name', 'user.name'],
        terms: 3,
        learning: 'ended',
        learning_until: '2020-01-02T10:00:00.000Z',
        ...rest,
      },
    ]);
  });

  it('says until when a rule learns, beside the agent', async () => {
    const store = openTermStore(state, new Counters());
    const begin = Date.now() - HOUR;
    store.declare({ ...DECLARED, learnMs: 24 * HOUR }, at(begin));
    store.flush();
    const { out } = await run(['status']);
    expect(out).toMatch(/^ {2}0 terms known, history since [\d-]+ [\d:]+, learning until [\d-]+ \d\d:\d\d$/m);
    const [report] = lines((await run(['status', '--json'])).out);
    expect(report).toMatchObject({ learning: 'learning', learning_until: new Date(begin + 24 * HOUR).toISOString() });
    store.close();
  });

  it('reads a history of before there was learning, and refuses a newer one', async () => {
    fill();
    const database = new DatabaseSync(join(state, 'terms.db'));
    database.exec('DROP TABLE learning');
    expect((await run(['status'])).out).toMatch(/not learning$/m);
    database.exec('PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
    const { status, err } = await run(['status', '--json']);
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_TERMS_NEWER']);
  });
});

describe('export', () => {
  it('has one line for each term', async () => {
    fill();
    const { status, out } = await run(['export']);
    expect(status).toBe(0);
    const rest = { rule_id: 'r', fields: ['process.name', 'user.name'], since: '2020-01-01T10:00:00.000Z' };
    expect(lines(out)).toEqual([
      { ...rest, values: ['a', 'root'], last_seen: '2020-01-01T10:00:00.000Z' },
      { ...rest, values: [{ base64: 'L/8=' }, 'ann'], last_seen: '2020-01-01T11:00:00.000Z' },
      { ...rest, sha256: expect.stringMatching(/^[\w-]{43}$/), last_seen: '2020-01-01T12:00:00.000Z' },
    ]);
  });

  it('writes a new file, and none that is there', async () => {
    fill();
    const file = join(folder, 'baseline.ndjson');
    expect(await run(['export', file])).toMatchObject({ status: 0, out: '', err: '3 terms exported\n' });
    expect(readFileSync(file, 'utf8')).toBe((await run(['export'])).out);
    expect(statSync(file).mode & 0o007).toBe(0);
    expect((await run(['export', file])).status).toBe(2);
    expect(lines(readFileSync(file, 'utf8'))).toHaveLength(3);
  });

  it('of one rule has that one alone; of nothing, nothing', async () => {
    fill();
    expect(lines((await run(['export', '--rule', 'r'])).out)).toHaveLength(3);
    expect(await run(['export', '--rule', 'other'])).toMatchObject({ status: 1, out: '' });
  });
});

describe('import', () => {
  const line = (over: object = {}) =>
    JSON.stringify({
      rule_id: 'r',
      fields: DECLARED.fields,
      values: ['b', 'root'],
      last_seen: '2020-01-05T00:00:00.000Z',
      ...over,
    });

  it('into an empty state gives what was exported, and a second time nothing more', async () => {
    fill();
    const { out: exported } = await run(['export']);
    state = join(folder, 'new', 'state');
    expect(await run(['import', '-'], exported)).toMatchObject({
      status: 0,
      out: '3 terms added, 0 seen later there, 0 known already\n',
    });
    expect((await run(['export'])).out).toBe(exported);
    expect((await run(['import', '-', '--json'], exported)).out).toBe(
      `${JSON.stringify({ added: 0, renewed: 0, known: 3, forgotten: 0, refused: 0, faulty_lines: 0, rules_not_loaded: 0 })}\n`,
    );
    expect((await run(['export'])).out).toBe(exported);
  });

  it('is known to the agent: no change is marked, and learning begins with its first event', async () => {
    await run(['import', '-'], line());
    const store = openTermStore(state, new Counters());
    const rule = { ...DECLARED, learnMs: HOUR };
    store.declare(rule, at(Date.now()));
    expect(store.history('r')?.changed).toBeUndefined();
    expect(store.history('r')?.start.wallMs).toBe(Date.UTC(2020, 0, 5));
    expect(store.learns('r', at(Date.now()))).toBe(true);
    expect(store.see('r', termKey(['b', 'root']), at(Date.now()))?.wallMs).toBe(Date.UTC(2020, 0, 5));
    store.close();
  });

  it('keeps the later sighting, the checkpoint and the end of learning', async () => {
    fill({ learnMs: HOUR });
    const text = [
      line({ values: ['a', 'root'] }),
      line({ values: ['a', 'root'], last_seen: '2020-01-03T00:00:00Z' }),
      line({ values: [{ base64: 'L/8=' }, 'ann'], last_seen: '2019-01-01T00:00:00Z' }),
      line(),
    ].join('\n');
    const before = (await run(['status', '--json'])).out;
    const { out } = await run(['import', '-', '--json'], text);
    expect(JSON.parse(out)).toMatchObject({ added: 1, renewed: 1, known: 1 });
    const seen = lines((await run(['export'])).out).map(({ last_seen }) => last_seen.slice(0, 13));
    expect(seen.sort()).toEqual(['2020-01-01T11', '2020-01-01T12', '2020-01-05T00', '2020-01-05T00']);
    const [after] = lines((await run(['status', '--json'])).out);
    expect(after).toEqual({ ...lines(before)[0], terms: 4, history_since: '2019-01-01T00:00:00.000Z' });
    const store = openTermStore(state, new Counters(), 100, 'journal');
    expect(store.checkpointSeq).toBe(7);
    store.close();
  });

  it('names lines that are none, and takes the others', async () => {
    const text = [
      '{',
      line(),
      line({ fields: ['user.name'], values: ['x'] }),
      line({ last_seen: '2999-01-01T00:00:00Z' }),
    ];
    const { status, err, out } = await run(['import', '-'], text.join('\n'));
    expect(status).toBe(1);
    expect(out).toBe('1 terms added, 0 seen later there, 0 known already, 3 faulty lines\n');
    expect(err.split('\n').map((entry) => entry.slice(0, 25))).toEqual([
      'standard input:1: not JSO',
      'standard input:3: rule r ',
      'standard input:4: last_se',
      '',
    ]);
  });

  it('ends with an error when no line is a term, and writes nothing then', async () => {
    const { status, err } = await run(['import', '-', '--json'], 'x\n');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_LEARN_INPUT']);
    expect((await run(['import', '-'], '')).status).toBe(1);
    expect(existsSync(join(state, 'terms.db'))).toBe(false);
  });

  it('refuses while an agent has the state', async () => {
    expect((await run(['import', '-'], line())).status).toBe(0);
    const before = readFileSync(join(state, 'terms.db'));
    const release = sqliteLock(join(state, 'journal', 'lock'))!;
    const { status, err } = await run(['import', '-', '--json'], line({ values: ['c', 'c'] }));
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_LEARN_AGENT_RUNS']);
    expect(readFileSync(join(state, 'terms.db')).equals(before)).toBe(true);
    release();
    expect((await run(['import', '-'], line({ values: ['c', 'c'] }))).status).toBe(0);
  });

  it('keeps to the bound: what was not seen for longest goes, of either history', async () => {
    const config = put('f.toml', '[detect]\nmax_terms_per_rule = 3\n');
    fill();
    const text = [line(), line({ values: ['old', 'x'], last_seen: '2001-01-01T00:00:00Z' })].join('\n');
    const { out } = await run(['import', '-', '--json', '--config', config], text);
    expect(JSON.parse(out)).toMatchObject({ added: 2, forgotten: 2 });
    expect(lines((await run(['export'])).out).map(({ values }) => values?.[0])).toEqual([
      { base64: 'L/8=' },
      undefined,
      'b',
    ]);
  });

  it('of other fields gives way only where the rule that runs has them', async () => {
    const other = { rule_id: 'gone', fields: ['user.id'], queryHash: 'q' };
    fill({ rule: other, tuples: [['1']] });
    fill({ rule: { ...DECLARED, fields: ['user.id'] }, tuples: [['1']] });
    const text = [line(), line({ rule_id: 'gone' })].join('\n');
    const { status, out, err } = await run(['import', '-', '--json'], text);
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ added: 1, refused: 1, rules_not_loaded: 1 });
    expect(err).toBe('1 terms of gone left out: its history here is of user.id\n');
    expect(lines((await run(['export'])).out).map(({ values }) => values)).toEqual([['1'], ['b', 'root']]);
  });

  it('takes terms of rules that are not loaded, and says so', async () => {
    expect((await run(['import', '-'], line({ rule_id: 'later' }))).out).toMatch(/, 1 rules that are not loaded\n$/);
  });
});
