import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { fakeIo } from './fake-io.ts';

const TOP = join(import.meta.dirname, '../..');
const top = mkdtempSync(join(tmpdir(), 'forebear-rules-test-'));
afterAll(() => rmSync(top, { recursive: true }));

type Doc = Record<string, unknown>;
const START = Date.UTC(2026, 10, 24, 9);
const exec = (second: number, name: string, test?: string): Doc => ({
  '@timestamp': new Date(START + second * 1000).toISOString(),
  event: { category: ['process'], type: ['start'], action: 'exec' },
  host: { os: { type: 'linux' } },
  user: { name: 'alice' },
  process: { name, args: [name] },
  ...(test && { forebear: { test } }),
});
const rule = (more: string) =>
  `[rule]\nrule_id = "r"\nname = "R"\ndescription = "d"\nseverity = "low"\nrisk_score = 1\nversion = 1\n${more}`;
const kql = (query: string, more = '') => rule(`type = "query"\nlanguage = "kuery"\nquery = '''${query}'''\n${more}`);
const eql = (query: string) => rule(`type = "eql"\nlanguage = "eql"\nquery = '''${query}'''`);
const SSH = kql('process.name:ssh');

let count = 0;
/** in: files and their content; lists are documents; out: a folder with them. */
function folderOf(files: Record<string, string | readonly Doc[]>): string {
  const folder = join(top, String(count++));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(
      path,
      typeof content === 'string' ? content : content.map((one) => `${JSON.stringify(one)}\n`).join(''),
    );
  }
  return folder;
}

async function run(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['rules', 'test', ...args], io);
  return { status, out: io.stdout(), err: io.stderr() };
}
async function result(files: Record<string, string | readonly Doc[]>, ...args: string[]) {
  const { status, out, err } = await run(folderOf(files), '--no-exceptions', '--json', ...args);
  if (out === '') throw new Error(err);
  return { exit: status, ...JSON.parse(out) };
}
const faultsOf = ({ faults }: { faults: { line?: number; expected: string; alerts: number }[] }) =>
  faults.map(({ line, expected, alerts }) => [line, expected, alerts]);

describe('events beside a rule', () => {
  it('pass where all do what they should', async () => {
    const files = {
      'a.toml': SSH,
      'a.ndjson': [exec(0, 'ssh'), exec(1, 'ls', 'silent')],
      'a.silent.ndjson': [exec(0, 'ls')],
    };
    expect(await result(files, '--no-baseline')).toMatchObject({
      ...{ exit: 0, status: 'ok', faults: [] },
      events: { expected: 1, fired: 1, silent: 2 },
    });
  });

  it.each<[string, Record<string, string | readonly Doc[]>, unknown[]]>([
    ['one that is silent', { 'a.ndjson': [exec(0, 'ssh'), exec(1, 'ls')] }, [[2, 'alert', 0]]],
    ['one that fires and must not', { 'a.ndjson': [exec(0, 'ssh'), exec(1, 'ssh', 'silent')] }, [[2, 'silent', 1]]],
    [
      'one of the silent file',
      { 'a.ndjson': [exec(0, 'ssh')], 'a.silent.ndjson': [exec(0, 'ls'), exec(1, 'ssh')] },
      [[2, 'silent', 1]],
    ],
    ['one that fires too early', { 'a.ndjson': [exec(0, 'ssh', 'part'), exec(1, 'ssh')] }, [[1, 'part', 1]]],
  ])('%s is a fault', async (_name, files, faults) => {
    const found = await result({ 'a.toml': SSH, ...files }, '--no-baseline');
    expect(found).toMatchObject({ exit: 1, status: 'failed' });
    expect(faultsOf(found)).toEqual(faults);
  });

  it('say why they were silent', async () => {
    const { out } = await run(
      folderOf({ 'a.toml': SSH, 'a.ndjson': [exec(0, 'ls')] }),
      '--no-baseline',
      '--no-exceptions',
    );
    expect(out).toMatch(/failed .*a\.toml {2}R {2}0 of 1 fire\n.*a\.ndjson:1: no alert\n {6}process\.name:ssh: .*"ls"/);
  });

  it('that expect what nothing can be are an error', async () => {
    const folder = folderOf({ 'a.toml': SSH, 'a.ndjson': [exec(0, 'ssh', 'sometimes')] });
    const { status, err } = await run(folder, '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_RULE_TEST_EXPECTATION']);
  });

  it('of rules of one export have the names of their ids', async () => {
    const exported = (rule_id: string, query: string) => ({
      ...{ rule_id, name: rule_id, description: 'd', type: 'query', language: 'kuery', query, severity: 'low' },
      ...{ risk_score: 1, version: 1, enabled: true, index: [], from: 'now-6m', interval: '5m' },
    });
    const folder = folderOf({
      'export.ndjson': [exported('one', 'process.name:ssh'), exported('two', 'process.name:ls')],
      'one.ndjson': [exec(0, 'ssh')],
      'two.ndjson': [exec(0, 'ssh')],
    });
    const { out } = await run(folder, '--no-baseline', '--no-exceptions', '--json');
    const found = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(found.map(({ rule_id, status }) => [rule_id, status])).toEqual([
      ['one', 'ok'],
      ['two', 'failed'],
    ]);
  });

  it('a rule without any fails, unless that is allowed; one that is refused fails', async () => {
    const untested = { 'a.toml': SSH };
    expect(await result(untested, '--no-baseline')).toMatchObject({ exit: 1, status: 'untested' });
    expect(await result(untested, '--no-baseline', '--allow-untested')).toMatchObject({ exit: 0, status: 'untested' });
    const onlySilent = { 'a.toml': SSH, 'a.silent.ndjson': [exec(0, 'ls')] };
    expect(await result(onlySilent, '--no-baseline')).toMatchObject({ exit: 1, status: 'untested' });
    const refused = { 'a.toml': SSH.replace('kuery', 'esql').replace('"query"', '"esql"') };
    expect(await result(refused, '--no-baseline', '--allow-untested')).toMatchObject({ exit: 1, status: 'refused' });
  });
});

describe('stateful rules, on the events’ own time', () => {
  it('a sequence, its parts, and one that comes too late', async () => {
    const text = eql(
      'sequence by user.name with maxspan=5s [process where process.name == "a"] [process where process.name == "b"]',
    );
    const files = (late: number) => ({ 'a.toml': text, 'a.ndjson': [exec(0, 'a', 'part'), exec(late, 'b')] });
    expect(await result(files(4), '--no-baseline')).toMatchObject({ status: 'ok', events: { expected: 1, fired: 1 } });
    expect(faultsOf(await result(files(6), '--no-baseline'))).toEqual([[2, 'alert', 0]]);
  });

  it('one that ends in what must not come: at the end of the file, or with a later line', async () => {
    const text = eql(
      'sequence with maxspan=5s [process where process.name == "a"] ![process where process.name == "b"]',
    );
    expect(await result({ 'a.toml': text, 'a.ndjson': [exec(0, 'a')] }, '--no-baseline')).toMatchObject({
      status: 'ok',
    });
    const later = { 'a.toml': text, 'a.ndjson': [exec(0, 'a'), exec(60, 'x', 'silent')] };
    expect(await result(later, '--no-baseline')).toMatchObject({ status: 'ok', events: { fired: 1, silent: 1 } });
    const came = { 'a.toml': text, 'a.ndjson': [exec(0, 'a'), exec(1, 'b', 'silent'), exec(60, 'x', 'silent')] };
    expect(faultsOf(await result(came, '--no-baseline'))).toEqual([[1, 'alert', 0]]);
  });

  it('a threshold', async () => {
    const text = SSH.replace('"query"', '"threshold"').concat('[rule.threshold]\nfield = ["user.name"]\nvalue = 3\n');
    const events = [exec(0, 'ssh', 'part'), exec(1, 'ssh', 'part'), exec(2, 'ssh')];
    expect(await result({ 'a.toml': text, 'a.ndjson': events }, '--no-baseline')).toMatchObject({ status: 'ok' });
  });
});

describe('the baseline', () => {
  const tested = { 'a.toml': SSH, 'a.ndjson': [exec(0, 'ssh')] };

  it('fails a rule that fires on it: of the folder, or of a file beside the rule', async () => {
    for (const name of ['baseline/day.ndjson', 'baseline.ndjson']) {
      const found = await result({ ...tested, [name]: [exec(0, 'ls'), exec(1, 'ssh')] });
      expect(found).toMatchObject({ exit: 1, status: 'failed', baseline: { alerts: 1 } });
      expect(found.baseline.files).toHaveLength(1);
    }
    expect(await result({ ...tested, 'baseline/day.ndjson': [exec(0, 'ls')] })).toMatchObject({
      exit: 0,
      status: 'ok',
    });
  });

  it('is Forebear’s own where there is none', async () => {
    const text = kql('process.name:dpkg and process.entry_leader.entry_meta.type:sshd');
    const found = await result({ 'a.toml': text });
    expect(found.baseline.files).toEqual([expect.stringMatching(/rules\/baseline\/bed\.fbrec$/)]);
    expect(found.baseline.alerts).toBeGreaterThan(10);
  });

  it('begins with an empty history of new terms, unless there is time to learn', async () => {
    const more =
      '[rule.new_terms]\nfield = "new_terms_fields"\nvalue = ["user.name"]\n[[rule.new_terms.history_window_start]]\nfield = "history_window_start"\nvalue = "now-7d"';
    const files = {
      'a.toml': SSH.replace('"query"', '"new_terms"') + more,
      'a.ndjson': [exec(0, 'ssh')],
      'baseline/day.ndjson': [exec(0, 'ssh'), exec(1, 'ssh')],
    };
    expect(await result(files)).toMatchObject({ exit: 1, baseline: { alerts: 1 } });
    expect(await result(files, '--learn', '1h')).toMatchObject({ exit: 0, baseline: { alerts: 0 } });
    expect((await run(folderOf(files), '--learn', 'long')).status).toBe(2);
  });
});

describe('the rules that are shipped', () => {
  it('all pass, with the exceptions that are', async () => {
    const { status, out } = await run(join(TOP, 'rules'), '--exceptions', join(TOP, 'rules/exceptions'));
    expect(out).toMatch(/\d+ pass, 0 fail; baseline: \d+ events of .*bed\.fbrec/);
    expect(status).toBe(0);
  });

  it('a rule of ours without events fails', async () => {
    const folder = folderOf({});
    mkdirSync(folder, { recursive: true });
    const name = 'persistence_systemd_service_started_by_unusual_parent.toml';
    copyFileSync(join(TOP, 'rules/linux', name), join(folder, name));
    expect(JSON.parse((await run(folder, '--json')).out)).toMatchObject({ status: 'untested' });
  });
});
