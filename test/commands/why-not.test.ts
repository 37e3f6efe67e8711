import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { fakeIo } from './fake-io.ts';

const TOP = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'forebear-why-not-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Doc = Record<string, unknown>;
const START = Date.UTC(2026, 10, 24, 9);
const exec = (second: number, name: string, more: Doc = {}): Doc => ({
  '@timestamp': new Date(START + second * 1000).toISOString(),
  event: { category: ['process'], type: ['start'], action: 'exec', id: `e${second}` },
  host: { os: { type: 'linux' } },
  user: { name: 'alice' },
  process: { name, executable: `/usr/bin/${name}`, args: [name], ...more },
});

let count = 0;
function fileOf(text: string, suffix: string): string {
  const file = join(folder, `${count++}${suffix}`);
  writeFileSync(file, text);
  return file;
}
const eventsFile = (documents: readonly Doc[]) =>
  fileOf(documents.map((one) => JSON.stringify(one)).join('\n'), '.ndjson');
const ruleFile = (more: string) =>
  fileOf(
    `[rule]\nrule_id = "r"\nname = "R"\ndescription = "d"\nseverity = "low"\nrisk_score = 1\nversion = 1\n${more}`,
    '.toml',
  );
const kql = (query: string, type = 'query', more = '') =>
  ruleFile(`type = "${type}"\nlanguage = "kuery"\nquery = '''${query}'''\n${more}`);
const eql = (query: string) => ruleFile(`type = "eql"\nlanguage = "eql"\nquery = '''${query}'''`);

const NEW_USER =
  '[rule.new_terms]\nfield = "new_terms_fields"\nvalue = ["user.name"]\n[[rule.new_terms.history_window_start]]\nfield = "history_window_start"\nvalue = "now-7d"';

async function run(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['why-not', ...args], io);
  return { status, out: io.stdout(), err: io.stderr() };
}
/** Without exceptions of the configuration. */
async function said(rule: string, event: string, ...more: string[]) {
  const { status, out, err } = await run(rule, event, '--json', ...(more.length > 0 ? more : ['--no-exceptions']));
  if (out === '') throw new Error(err);
  const { verdict, reasons, ...rest } = JSON.parse(out);
  return { status, verdict, codes: reasons.map(({ code }: { code: string }) => code), reasons, ...rest };
}
const roles = ({ queries }: { queries: { decided: { text: string; role: string }[] }[] }) =>
  queries.flatMap(({ decided }) => decided.map(({ text, role }) => `${role} ${text}`));

describe('one event', () => {
  const events = eventsFile([exec(0, 'curl', { args: ['curl', '-o', '/tmp/x'] }), exec(1, 'ls')]);

  it.each<[string, string, string[]]>([
    ['another value', 'process.name:wget', ['value process.name:wget']],
    ['a missing field', 'process.name:curl and process.parent.name:bash', ['missing process.parent.name:bash']],
    ['an exclusion', 'process.name:curl and not process.args:/tmp/*', ['exclusion process.args:/tmp/*']],
    ['all of several', 'process.name:wget and process.args:y', ['value process.name:wget', 'value process.args:y']],
    ['each alternative', 'process.name:(wget or nc)', ['value process.name:wget', 'value process.name:nc']],
    [
      'not what holds beside it',
      'process.args:"-o" and process.name:(wget or curl) and user.name:bob',
      ['value user.name:bob'],
    ],
  ])('%s decides', async (_name, query, expected) => {
    const answer = await said(kql(query), `${events}:1`);
    expect(answer).toMatchObject({ status: 0, verdict: 'silent', event: { number: 1, id: 'e0' } });
    expect(new Set(answer.codes)).toEqual(new Set(['query']));
    expect(roles(answer)).toEqual(expected);
  });

  it('in EQL, by its id, the category and functions included', async () => {
    const rule = eql('file where process.name == "curl" and stringContains(process.executable, "sbin")');
    expect(roles(await said(rule, `${events}:e0`))).toEqual([
      'value event.category == "file"',
      'value stringContains(process.executable, "sbin")',
    ]);
  });

  it('ends with 1 where nothing stands against it', async () => {
    expect(await said(kql('process.name:curl'), `${events}:1`)).toMatchObject({
      status: 1,
      verdict: 'fires',
      reasons: [],
    });
  });

  it('is named by its line, whatever stands before it', async () => {
    const file = fileOf(`\n{"broken\n${JSON.stringify(exec(0, 'curl'))}\n`, '.ndjson');
    expect(await said(kql('process.name:ls'), `${file}:3`)).toMatchObject({
      event: { number: 3, id: 'e0' },
      events: 1,
    });
    const { out } = await run(kql('process.name:ls'), file, '--no-exceptions');
    expect(out).toContain(`\n${file}:3: `);
  });

  it('without a place: the one that came nearest', async () => {
    const answer = await said(kql('process.name:ls and process.args:"-l"'), events);
    expect(answer).toMatchObject({ verdict: 'silent', event: { number: 2 }, events: 2 });
  });

  it('is shown to a person with marks', async () => {
    const { out } = await run(kql('process.name:curl and not process.args:/tmp/*'), `${events}:1`, '--no-exceptions');
    expect(out).toMatch(/silent\n {2}process\.args:\/tmp\/\*: excluded by the rule, \["curl", "-o", "\/tmp\/x"\]\n/);
    expect(out).toMatch(/- not process\.args:\/tmp\/\* {2}\[.*\] {2}<-- decided/);
    expect(out).toMatch(/\+ process\.name:curl {2}"curl"\n/);
  });

  it.each([
    ['no such place', ':9', 'FB_COMMAND_NOT_FOUND'],
    ['no such rule', '', 'FB_COMMAND_NOT_FOUND'],
  ])('%s is an error', async (_name, place, code) => {
    const rule = place === '' ? 'nothing-like-it' : kql('process.name:curl');
    const { status, err } = await run(rule, `${events}${place}`, '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, code]);
  });

  it('says where there is no history to count', async () => {
    const rule = kql('process.name:curl', 'new_terms', NEW_USER);
    const { status, err } = await run(rule, `${events}:1`, '--history', '--state', folder, '--no-exceptions');
    expect([status, err]).toEqual([
      1,
      `forebear: there is no history of the rule in ${folder}: nothing counts as seen before\n`,
    ]);
  });

  it('a file without events is an error', async () => {
    const { status, err } = await run(kql('process.name:curl'), fileOf('', '.ndjson'), '--json');
    const { code, message } = JSON.parse(err).error;
    expect([status, code]).toEqual([2, 'FB_COMMAND_NOT_FOUND']);
    expect(message).toMatch(/ has no event to look at$/);
  });
});

describe('an event that the query matches', () => {
  it('is hidden by an exception', async () => {
    const list = fileOf(
      [
        {
          list_id: 'l',
          name: 'L',
          type: 'detection',
          tags: [],
          os_types: [],
          namespace_type: 'single',
          description: '',
        },
        {
          ...{ item_id: 'curl-is-fine', list_id: 'l', type: 'simple', name: 'I', description: '', comments: [] },
          ...{ os_types: [], namespace_type: 'single', tags: ['forebear:rule:r'] },
          entries: [{ field: 'process.name', operator: 'included', type: 'match', value: 'curl' }],
        },
      ]
        .map((line) => JSON.stringify(line))
        .join('\n'),
      '.ndjson',
    );
    const answer = await said(kql('process.name:curl'), `${eventsFile([exec(0, 'curl')])}:1`, '--exceptions', list);
    expect(answer).toMatchObject({ codes: ['exception'], exceptions: [{ item_id: 'curl-is-fine', hides: true }] });
  });

  it('brings a term that is known, and says since when', async () => {
    const rule = kql('process.name:curl', 'new_terms', NEW_USER);
    const events = eventsFile([
      exec(0, 'curl'),
      exec(60, 'curl'),
      exec(120, 'curl'),
      { ...exec(130, 'curl'), user: {} },
    ]);
    const known = await said(rule, `${events}:3`);
    expect(known.codes).toEqual(['term_known']);
    expect(known.new_terms).toEqual([
      {
        ...{ values: ['alice'], known: true },
        ...{ first_seen: '2026-11-24T09:00:00.000Z', last_seen: '2026-11-24T09:01:00.000Z' },
      },
    ]);
    expect((await said(rule, `${events}:4`)).codes).toEqual(['no_term']);
    expect(await said(rule, `${events}:1`)).toMatchObject({ status: 1, verdict: 'fires' });
  });

  it('brings a term that the agent of this host knows, where that is asked for', async () => {
    const rule = kql('process.name:curl', 'new_terms', NEW_USER);
    const state = join(folder, 'state');
    mkdirSync(state);
    const [at, since] = [START - 60_000, START - 120_000].map((ms) => new Date(ms).toISOString());
    const term = { rule_id: 'r', fields: ['user.name'], values: ['alice'], last_seen: at, since };
    const imported = fakeIo();
    const file = fileOf(`${JSON.stringify(term)}\n`, '.ndjson');
    expect(await runProgram(['learn', 'import', file, '--state', state, '--rules', rule], imported)).toBe(0);
    const event = `${eventsFile([exec(0, 'curl')])}:1`;
    expect((await said(rule, event, '--no-exceptions', '--state', state)).verdict).toBe('fires');
    const known = await said(rule, event, '--no-exceptions', '--state', state, '--history');
    expect(known).toMatchObject({ codes: ['term_known'], new_terms: [{ last_seen: at }] });
  });

  it('is one of too few, or too alike', async () => {
    const rule = kql(
      'process.name:ssh',
      'threshold',
      '[rule.threshold]\nfield = ["user.name"]\nvalue = 3\n[[rule.threshold.cardinality]]\nfield = "process.args"\nvalue = 2',
    );
    const events = eventsFile([0, 1, 2].map((second) => exec(second, 'ssh')));
    expect(await said(rule, `${events}:2`)).toMatchObject({
      codes: ['threshold', 'threshold'],
      threshold: { count: 2 },
    });
    const alike = await said(rule, `${events}:3`);
    expect(alike).toMatchObject({ codes: ['threshold'], threshold: { count: 3, cardinality: [{ value: 1 }] } });
    expect(alike.reasons[0].text).toBe('1 of 2 different values of process.args');
  });

  it('is counted in the alert that is open', async () => {
    const rule = kql(
      'process.name:curl',
      'query',
      '[rule.alert_suppression]\ngroup_by = ["user.name"]\nmissing_fields_strategy = "suppress"\n[rule.alert_suppression.duration]\nunit = "h"\nvalue = 1',
    );
    const events = eventsFile([exec(0, 'curl'), exec(1, 'curl')]);
    expect((await said(rule, `${events}:2`)).codes).toEqual(['suppressed']);
  });
});

describe('a sequence', () => {
  const rule = (more = '') =>
    eql(`sequence by user.name ${more}
    [process where process.name == "a"] [process where process.name == "b"] [process where process.name == "c"]`);
  const reach = async (query: string, documents: Doc[]) => {
    const answer = await said(query, eventsFile(documents));
    return { status: answer.status, codes: answer.codes, ...answer.stages };
  };
  const bob = { user: { name: 'bob' } };

  it.each<[string, string, Doc[], number, string]>([
    ['no event', '', [exec(0, 'a'), exec(1, 'b'), exec(2, 'x')], 2, 'no_event'],
    ['too late', 'with maxspan=5s', [exec(0, 'a'), exec(9, 'b'), exec(10, 'c')], 1, 'maxspan'],
    ['other keys', '', [exec(0, 'a'), { ...exec(1, 'b'), ...bob }, exec(2, 'c')], 1, 'keys'],
    ['the wrong order', '', [exec(0, 'b'), exec(1, 'a'), exec(2, 'c')], 1, 'order'],
    ['not even the first', '', [exec(0, 'b'), exec(1, 'c')], 0, 'no_event'],
  ])('whose stage was never reached: %s', async (_name, more, documents, reached, obstacle) => {
    expect(await reach(rule(more), documents)).toMatchObject({
      status: 0,
      codes: ['stage_never_reached'],
      reached,
      obstacle,
    });
  });

  it('that `until` ended, and one in which came what must not', async () => {
    const until = eql(
      'sequence [process where process.name == "a"] [process where process.name == "b"] until [process where process.name == "u"]',
    );
    expect(await reach(until, [exec(0, 'a'), exec(1, 'u'), exec(2, 'b')])).toMatchObject({
      obstacle: 'until',
      reached: 1,
    });
    const missing = eql(
      'sequence with maxspan=1m [process where process.name == "a"] ![process where process.name == "m"] [process where process.name == "b"]',
    );
    expect(await reach(missing, [exec(0, 'a'), exec(1, 'm'), exec(2, 'b')])).toMatchObject({
      obstacle: 'missing_event_came',
    });
  });

  it('that completes fires', async () => {
    const documents = [exec(0, 'a'), exec(1, 'b'), exec(2, 'c')];
    expect(await said(rule(), eventsFile(documents))).toMatchObject({ status: 1, verdict: 'fires', fired: 1 });
  });
});

it('a rule that this host refuses: why, and what it would say of the event all the same', async () => {
  const rule = kql('tls.client.server_name:evil and process.name:curl');
  const answer = await said(rule, `${eventsFile([exec(0, 'curl')])}:1`);
  expect(answer).toMatchObject({ status: 0, codes: ['refused', 'query'] });
  expect(answer.reasons[0].text).toMatch(/does not run on this host: FB_RULE_/);
  expect(roles(answer)).toEqual(['missing tls.client.server_name:evil']);
});

it('reads recordings, by the number of an event', async () => {
  const rule = join(TOP, 'rules/linux/persistence_systemd_service_started_by_unusual_parent.toml');
  const answer = await said(rule, `${join(TOP, 'rules/baseline/bed.fbrec')}:200`);
  expect(answer).toMatchObject({ status: 0, verdict: 'silent', event: { number: 200 } });
});
