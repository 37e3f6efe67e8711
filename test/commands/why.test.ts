import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownAlert } from '../../src/agent/own-alert.ts';
import { STOPPED_RULE } from '../../src/agent/protection-rules.ts';
import { suggest } from '../../src/commands/exceptions-suggest.ts';
import { runProgram } from '../../src/commands/program.ts';
import { Detector } from '../../src/detect/detector.ts';
import { findException } from '../../src/detect/exceptions/exception-set.ts';
import { activeItem } from '../../src/detect/exceptions/suggest-item.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { START as HOST } from '../enrich/fake-host.ts';
import { fakeIo } from './fake-io.ts';
import { FakeJournal } from './fake-journal.ts';
import { JournalFolder } from './journal-folder.ts';

// Alerts that rules made of events, in a journal; then `why`, and `exceptions suggest`, of them.

const TOP = join(import.meta.dirname, '../..');
const FIRST = join(TOP, 'rules/linux/persistence_systemd_service_started_by_unusual_parent');
const journal = new JournalFolder();
const rules = join(journal.folder, 'rules');
afterAll(() => journal.remove());

type Doc = Record<string, unknown>;
const rule = (name: string, more: string) => `[rule]
rule_id = "${name}"
name = "Rule ${name}"
description = "d"
severity = "low"
risk_score = 21
version = 3
${more}`;

const SEQUENCE = rule(
  'sequence',
  `type = "eql"
language = "eql"
query = '''
sequence by user.name with maxspan=1m
  [process where process.name == "curl"]
  [process where process.name == "sh" and not process.args == "-i"]
'''`,
);
const THRESHOLD = rule(
  'threshold',
  `type = "threshold"
language = "kuery"
query = "process.name:ssh"
[rule.threshold]
field = ["user.name"]
value = 2
[[rule.threshold.cardinality]]
field = "process.args"
value = 2`,
);

const START = Date.UTC(2026, 10, 24, 9);
const process = (second: number, name: string, args: string[], more: Doc = {}): Doc => ({
  '@timestamp': new Date(START + second * 1000).toISOString(),
  event: { category: ['process'], type: ['start'], action: 'exec', id: `event-${second}` },
  host: { os: { type: 'linux' }, name: 'h' },
  user: { name: 'alice' },
  process: { name, args, executable: `/usr/bin/${name}`, command_line: args.join(' '), ...more },
});

/** out: uuid of the alert. */
async function journalled(file: string, documents: readonly Doc[]): Promise<string> {
  const fields = new FieldTable();
  const loaded = await loadRules([file], { fields, languages: LANGUAGES });
  const detector = new Detector({ rules: loaded.rules, fields, counters: new Counters() });
  const alerts = documents.flatMap((document) => detector.evaluate(flattenDocument(document, fields).event));
  expect(alerts).toHaveLength(1);
  await journal.add('alert', encodeAlert(alerts[0]!));
  return alerts[0]!.uuid;
}

const run = async (...args: string[]) => {
  const io = fakeIo();
  const status = await runProgram([...args, '--state', journal.state], io);
  return { status, out: io.stdout(), err: io.stderr() };
};
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);

const uuids: Record<string, string> = {};
beforeAll(async () => {
  const { mkdirSync } = await import('node:fs');
  mkdirSync(rules);
  const files = { sequence: SEQUENCE, threshold: THRESHOLD };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(rules, `${name}.toml`), text);
  const [event] = readFileSync(`${FIRST}.ndjson`, 'utf8').split('\n');
  uuids.first = await journalled(`${FIRST}.toml`, [JSON.parse(event!) as Doc]);
  uuids.sequence = await journalled(join(rules, 'sequence.toml'), [
    process(0, 'curl', ['curl', 'x']),
    process(5, 'sh', ['sh', '-c', 'x']),
  ]);
  uuids.threshold = await journalled(join(rules, 'threshold.toml'), [
    process(0, 'ssh', ['ssh', 'a']),
    process(1, 'ssh', ['ssh', 'b']),
  ]);
});

describe('why', () => {
  it('shows each predicate with the value that it saw, and what was new', async () => {
    const { status, out } = await run('why', uuids.first!, '--rules', `${FIRST}.toml`, '--no-exceptions');
    expect(status).toBe(0);
    expect(out).toContain('query: matches');
    expect(out).toMatch(/\+ process\.args:enable \(1 of 3 alternatives\) {2}\["systemctl", "enable"/);
    expect(out).toMatch(/not process\.parent\.executable:.* more alternatives/);
    expect(out).toContain('process.parent.executable: "/tmp/.cache/payload": never seen');
    expect(out).not.toContain('<-- decided');
  });

  it('gives as JSON what holds, the value that was new, and the items that do not hide it', async () => {
    const exceptions = join(TOP, 'rules/exceptions');
    const said = await json('why', uuids.first!, '--rules', `${FIRST}.toml`, '--exceptions', exceptions);
    expect(said.queries[0].matches).toBe(true);
    expect(said.queries[0].decided.every(({ role }: { role: string }) => role === 'holds')).toBe(true);
    expect(said.new_terms.values).toEqual(['/tmp/.cache/payload']);
    expect(said.exceptions).toHaveLength(12);
    expect(said.exceptions.some(({ hides }: { hides: boolean }) => hides)).toBe(false);
  });

  it('of a sequence: each stage with its own event', async () => {
    const said = await json('why', uuids.sequence!, '--rules', rules);
    const shown = said.queries.map(({ name, matches, event }: { name: string; matches: boolean; event: Doc }) => [
      name,
      matches,
      event.id,
    ]);
    expect(shown).toEqual([
      ['stage 1', true, 'event-0'],
      ['stage 2', true, 'event-5'],
    ]);
  });

  it('of a threshold: what was counted, and what was needed', async () => {
    const { out } = await run('why', uuids.threshold!, '--rules', rules);
    expect(out).toContain('+ 2 events since 2026-11-24T09:00:00.000Z (2 needed)');
    expect(out).toContain('+ 3 different values of process.args (2 needed)');
  });

  it('by the query of the alert, whatever became of the rule', async () => {
    const changed = join(journal.folder, 'changed.toml');
    writeFileSync(changed, SEQUENCE.replace('"curl"', '"wget"').replace('version = 3', 'version = 4'));
    const other = await json('why', uuids.sequence!, '--rules', changed);
    expect(other.queries.map(({ matches }: { matches: boolean }) => matches)).toEqual([true, true]);
    expect(other.notes).toEqual([expect.stringMatching(/another one now \(version 4, the alert is of 3\)/)]);
    const gone = await json('why', uuids.sequence!, '--rules', `${FIRST}.toml`);
    expect(gone.notes).toEqual([expect.stringMatching(/not loaded any more/)]);
    expect(gone.queries).toHaveLength(2);
  });

  it('ends with 1 where there is no such alert', async () => {
    expect(await run('why', 'ffff-none')).toMatchObject({ status: 1, out: '' });
  });
});

it.each([[['why']], [['exceptions', 'suggest']]])(
  '%j: an alert that is not there is an error in one line',
  async (command) => {
    const { status, out, err } = await run(...command, 'none-such', '--json');
    expect([status, out, JSON.parse(err).error.code]).toEqual([1, '', 'FB_COMMAND_NOT_FOUND']);
  },
);

describe('an alert of the agent about itself', () => {
  let uuid: string;
  beforeAll(async () => {
    const self = { version: '1', bootId: 'b', pid: 9, executable: '/usr/bin/node', uid: 0, detectedMs: () => 2 };
    const found = {
      rule: STOPPED_RULE,
      action: 'forebear_stopped',
      wallMs: 1,
      bootNs: 1n,
      reason: 'It is stopped.',
      section: {},
    };
    const alert = ownAlert({ fields: new FieldTable(), host: HOST.host, ...self }, found);
    await journal.add('alert', encodeAlert(alert));
    uuid = alert.uuid;
  });

  it('has a why', async () => {
    expect(await json('why', uuid)).toMatchObject({ rule_id: 'forebear-stopped', queries: [{ matches: true }] });
  });

  it('has no exception', async () => {
    const { status, err } = await run('exceptions', 'suggest', uuid, '--json');
    expect(status).toBe(2);
    expect(JSON.parse(err).error).toMatchObject({
      code: 'FB_COMMAND_NOT_FOUND',
      message: expect.stringContaining('itself'),
    });
  });
});

describe('exceptions suggest', () => {
  const fields = new FieldTable();
  const first = ['--rules', `${FIRST}.toml`, '--no-exceptions'];

  it('prints an item in Kibana’s form that hides the alert, and nothing broader', async () => {
    const { status, out, err } = await run('exceptions', 'suggest', uuids.first!, ...first);
    const [list, item] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(list).toMatchObject({ list_id: 'forebear-suggested', type: 'detection' });
    expect(item.entries.map(({ field }: { field: string }) => field)).toEqual([
      'process.executable',
      'process.command_line',
      'process.parent.executable',
      'process.parent.command_line',
      'user.name',
      'process.entry_leader.entry_meta.type',
    ]);
    expect(item.tags).toEqual(['forebear:rule:b605f262-f7dc-41b5-9ebc-06bafe7a83b6']);
    // The event of the alert is one of the rule's own tests.
    expect(status).toBe(1);
    expect(err).toMatch(/tests: 3 of 4 events .* IT HIDES 1/);
  });

  it('of text that is not UTF-8 suggests what fits the event, not what stands for its bytes', async () => {
    const file = join(rules, 'bytes.toml');
    writeFileSync(file, rule('bytes', 'type = "query"\nlanguage = "kuery"\nquery = "process.name:odd"'));
    const { event } = flattenDocument(process(0, 'odd', ['odd', 'a']), fields);
    delete event.source;
    event.set(fields.slot('process.args'), ['odd', 'a\udcff']);
    event.set(fields.slot('process.command_line'), 'odd a\udcff');
    const { rules: loaded } = await loadRules([file], { fields, languages: LANGUAGES });
    const [alert] = new Detector({ rules: loaded, fields, counters: new Counters() }).evaluate(event);
    await journal.add('alert', encodeAlert(alert!));
    const { items } = await json('exceptions', 'suggest', alert!.uuid, '--rules', rules);
    expect(items).toHaveLength(1);
    expect(findException([activeItem(items[0], event)], event)).toBeDefined();
    const { queries } = await json('why', alert!.uuid, '--rules', rules);
    expect(queries[0].matches).toBe(true);
  });

  it('says what it would have hidden of recorded events', async () => {
    const events = join(journal.folder, 'events.ndjson');
    const [event] = readFileSync(`${FIRST}.ndjson`, 'utf8').split('\n');
    const other = event!.replaceAll('net-sync.service', 'other.service');
    writeFileSync(events, `${event}\n${event}\n${other}\n`);
    const said = await json('exceptions', 'suggest', uuids.first!, ...first, '--events', events);
    expect(said.events).toMatchObject({ matching: 3, hidden: 2, alerts_hidden: 1 });
    expect(said.journal).toEqual({ alerts: 0, hidden: 0, undecodable: 0 });
  });

  it('counts alerts of the journal that cannot be read, and says so', async () => {
    const file = join(rules, 'counted.toml');
    writeFileSync(file, rule('counted', 'type = "query"\nlanguage = "kuery"\nquery = "process.name:counted"'));
    const { rules: loaded } = await loadRules([file], { fields, languages: LANGUAGES });
    const detector = new Detector({ rules: loaded, fields, counters: new Counters() });
    const [first, ...others] = ['a', 'a', 'b'].flatMap((arg, second) =>
      detector.evaluate(flattenDocument(process(second, 'counted', ['counted', arg]), fields).event),
    );
    const cut = encodeAlert({ ...first!, uuid: 'cut' });
    cut[cut.lastIndexOf('}'.charCodeAt(0))] = 0;
    const view = new FakeJournal().addAlert(first!).addAlert({ uuid: 'of-another-rule' });
    for (const payload of [...others.map(encodeAlert), cut, Uint8Array.of(0xff)]) view.add('alert', payload);
    const io = fakeIo();
    await suggest(view, first!.uuid, { rules: [file], exceptions: false }, io, START);
    expect(io.stderr()).toContain('journal: 1 of 2 other alerts of the rule would have been hidden; 2 alerts');
  });

  it('of a sequence an item for each event; of a threshold the values of the group', async () => {
    const sequence = await json('exceptions', 'suggest', uuids.sequence!, '--rules', rules);
    expect(sequence.items).toHaveLength(2);
    const threshold = await json('exceptions', 'suggest', uuids.threshold!, '--rules', rules);
    expect(threshold.items[0].entries).toEqual([
      { field: 'user.name', operator: 'included', type: 'match', value: 'alice' },
    ]);
  });

  it('writes with owner and expiry only, once, what the agent loads', async () => {
    const file = join(journal.folder, 'ours.ndjson');
    const write = ['--write', file];
    const missing = await run('exceptions', 'suggest', uuids.sequence!, '--rules', rules, ...write);
    expect(missing).toMatchObject({ status: 2, err: expect.stringMatching(/needs --owner and --expires/) });
    const owned = ['--owner', 'alice', '--expires', '2d', ...write];
    expect((await run('exceptions', 'suggest', uuids.sequence!, '--rules', rules, ...owned)).status).toBe(0);
    const text = readFileSync(file, 'utf8');
    await run('exceptions', 'suggest', uuids.sequence!, '--rules', rules, ...owned);
    expect(readFileSync(file, 'utf8')).toBe(text);
    const checked = fakeIo();
    expect(await runProgram(['exceptions', 'check', '--json', file], checked)).toBe(0);
    const items = checked
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(items.map(({ status }) => status)).toEqual(['applies', 'applies']);
    expect(text).toContain('"owner:alice"');
  });

  it.each([
    ['2020-01-01', /is in the past/],
    ['0s', /is in the past/],
    ['soon', /not a time: soon/],
    ['100000000d', /later than the year 9999/],
  ])('an expiry of %s is an error', async (expires, message) => {
    const how = ['--rules', rules, '--expires', expires, '--json'];
    const { status, err } = await run('exceptions', 'suggest', uuids.sequence!, ...how);
    expect(status).toBe(2);
    expect(JSON.parse(err).error).toMatchObject({
      code: 'FB_COMMAND_TIME',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/^a duration from now /),
    });
  });
});
