// `forebear hub alerts | hosts | enrol | revoke` over a database, and `hub serve` as a process.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { openToServe } from '../../src/hub/database-io.ts';
import { Ingest } from '../../src/hub/ingest-io.ts';
import { Counters } from '../../src/stats.ts';
import { type FakeIo, fakeIo } from '../commands/fake-io.ts';
import { journalOf, scratchDirectory, type TestJournal } from './fixture.ts';

const HOUR = 3_600_000;
let directory: ReturnType<typeof scratchDirectory>;
let config: string;

beforeEach(() => {
  directory = scratchDirectory();
  config = join(directory.path, 'hub.toml');
  writeFileSync(config, '[hub]\ndirectory = "hub"\n');
});
afterEach(() => directory[Symbol.dispose]());

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const io = fakeIo();
  const status = await runProgram(['hub', ...args, '--config', config], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

/** Puts them into the database as if they came now. */
function store(...journals: TestJournal[]): void {
  using database = openToServe(join(directory.path, 'hub'));
  const ingest = new Ingest(database.sql, new Counters());
  for (const journal of journals) ingest.store(journal.batch(), Date.now());
}

const json = (out: string) =>
  out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function fleet(): [TestJournal, TestJournal] {
  const [one, two] = [journalOf('h1'), journalOf('h2')];
  const at = (hours: number) => Date.now() - hours * HOUR;
  one.alert({ uuid: 'a', severity: 'low', ruleName: 'Systemd unit', eventWallMs: at(30), document: { n: 'a' } });
  two.alert({
    uuid: 'b',
    severity: 'high',
    ruleName: 'Cron job',
    eventWallMs: at(3),
    document: { n: 'b', process: { user: { name: 'eve' } } },
  });
  one.alert({ uuid: 'c', severity: 'high', ruleName: 'Systemd timer', eventWallMs: at(2), document: { n: 'c' } });
  one.amend('c', { process: { hash: { sha256: 'x' } } });
  two.alert({
    uuid: 'd',
    severity: 'critical',
    rule_id: 'r-d',
    ruleName: 'D',
    eventWallMs: at(1),
    document: { n: 'd' },
  });
  return [one, two];
}

describe('hub alerts', () => {
  it.each([
    ['all, oldest event first', [], ['a', 'b', 'c', 'd']],
    ['the last ones', ['-n', '2'], ['c', 'd']],
    ['none', ['-n', '0'], []],
    ['by severity', ['--severity', 'high'], ['b', 'c', 'd']],
    ['by host', ['--host', 'h2'], ['b', 'd']],
    ['by the name of a host', ['--host', 'name-of-h1'], ['a', 'c']],
    ['by the name of a rule', ['--rule', 'systemd*'], ['a', 'c']],
    ['by the id of a rule', ['--rule', 'r-d'], ['d']],
    ['by user', ['--user', 'eve'], ['b']],
    ['by the beginning of a uuid', ['--uuid', 'C'], ['c']],
    ['since', ['--since', '150m'], ['c', 'd']],
    ['all of it together', ['--since', '1d', '--severity', 'high', '--host', 'h1', '-n', '5'], ['c']],
    ['a host that is none', ['--host', "x' OR 1"], []],
  ])('%s', async (_what, args, expected) => {
    store(...fleet());
    const { status, out } = await run('alerts', '--json', ...args);
    expect(json(out).map(({ n }) => n)).toEqual(expected);
    expect(status).toBe(expected.length > 0 ? 0 : 1);
  });

  it('documents have what became known later', async () => {
    store(...fleet());
    const { out } = await run('alerts', '--json', '--rule', 'Systemd timer');
    expect(json(out)).toEqual([{ n: 'c', process: { hash: { sha256: 'x' } } }]);
  });

  it('lines name the host that sent it, whatever the alert says, and move no cursor', async () => {
    const journal = journalOf('h1');
    journal.alert({ hostName: 'liar', ruleName: 'evil \u001b]52;c;x\u0007 \u202e', eventWallMs: Date.now() });
    store(journal);
    const { out } = await run('alerts');
    expect(out).toContain('@name-of-h1');
    expect(out).not.toContain('liar');
    expect(out).not.toMatch(/\p{Cf}/u);
    expect(out).not.toContain('\u001b');
  });

  it('-f goes on with what arrives, each once, until it is stopped', async () => {
    const journal = journalOf('h1');
    journal.alert({ uuid: 'a', document: { n: 'a' } });
    store(journal);
    const io: FakeIo = fakeIo();
    const running = runProgram(['hub', 'alerts', '-f', '--json', '--config', config], io);
    await expect.poll(() => io.stdout()).toContain('"a"');
    journal.alert({ uuid: 'b', document: { n: 'b' } });
    store(journal);
    await expect.poll(() => io.stdout(), { timeout: 5000 }).toContain('"b"');
    io.stop();
    expect(await running).toBe(0);
    expect(json(io.stdout()).map(({ n }) => n)).toEqual(['a', 'b']);
  });

  it('one that cannot be decoded any more costs itself', async () => {
    store(...fleet());
    using database = openToServe(join(directory.path, 'hub'));
    database.sql.exec("UPDATE records SET payload = x'ff' WHERE row = (SELECT row FROM alerts WHERE uuid = 'b')");
    const { status, out, err } = await run('alerts', '--json');
    expect(status).toBe(0);
    expect(json(out).map(({ n }) => n)).toEqual(['a', 'c', 'd']);
    expect(err).toContain('alert b of h2 cannot be shown');
  });
});

describe('hub hosts', () => {
  it('ends with 1 when one is silent', async () => {
    const [one, two] = fleet();
    one.heartbeat(Date.now());
    two.heartbeat(Date.now());
    store(one, two);
    const heard = await run('hosts', '--json');
    expect(heard.status).toBe(0);
    expect(json(heard.out)).toMatchObject([
      { host: { id: 'h1', name: 'name-of-h1' }, agent: { version: '0.1.0' }, state: 'ok', alerts: 2, forks: [] },
      { host: { id: 'h2' }, state: 'ok', alerts: 2 },
    ]);
    using database = openToServe(join(directory.path, 'hub'));
    database.sql.exec(`UPDATE hosts SET beat_ms = beat_ms - ${HOUR} WHERE host_id = 'h2'`);
    const silent = await run('hosts');
    expect(silent.status).toBe(1);
    expect(silent.out).toMatch(/^ok {5} {2}name-of-h1 .*\nsilent since .* name-of-h2 /);
    expect((await run('revoke', 'h2')).status).toBe(0);
    expect((await run('hosts')).status).toBe(0);
  });

  it('ends with 1 when there is none, and with 2 when there is no hub', async () => {
    const absent = await run('hosts', '--json');
    expect(absent).toMatchObject({ status: 2, out: '' });
    expect(JSON.parse(absent.err)).toMatchObject({ error: { code: 'FB_HUB_ABSENT' } });
    store();
    expect((await run('hosts')).status).toBe(1);
  });
});

describe('hub enrol and revoke', () => {
  it('print the token alone, once', async () => {
    const host = '4c7d5f0e0f5b4d9c8e8f6a5b4c3d2e1f';
    const first = await run('enrol', host);
    expect(first).toMatchObject({ status: 0, err: '' });
    expect(first.out).toMatch(/^fbh_[A-Za-z0-9_-]{43}\n$/);
    const second = json((await run('enrol', host, '--json')).out)[0]!;
    expect(second).toMatchObject({ host_id: host, token: expect.stringMatching(/^fbh_/) });
    expect(second.token).not.toBe(first.out.trim());
    expect(json((await run('revoke', host, '--json')).out)).toEqual([{ host_id: host, tokens: 2 }]);
  });

  it.each([[''], ['a b'], ['../x'], ['x'.repeat(129)]])('refuse what is no host id: %j', async (host) => {
    expect((await run('enrol', host)).status).toBe(2);
  });

  it.each([['web-1'], ['4c7d5f0e-0f5b-4d9c-8e8f-6a5b4c3d2e1f'], ['4C7D5F0E0F5B4D9C8E8F6A5B4C3D2E1F']])(
    'warns that %s is no machine-id',
    async (host) => {
      const { status, err } = await run('enrol', host);
      expect([status, err]).toEqual([0, expect.stringMatching(new RegExp(`^forebear: ${host} is no machine-id`))]);
    },
  );

  it('revoke makes no hub where there is none', async () => {
    const { status, err } = await run('revoke', 'h1', '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_HUB_ABSENT']);
    expect(existsSync(join(directory.path, 'hub'))).toBe(false);
  });

  it('a host that nobody knows ends revoke with 1', async () => {
    store();
    expect((await run('revoke', 'nobody')).status).toBe(1);
  });
});

describe('hub serve', () => {
  it('says what keeps it from starting', async () => {
    writeFileSync(config, '[hub]\ndirectory = "hub"\n[tls]\ncertificate_file = "none.pem"\n');
    const { status, err } = await run('serve');
    expect({ status, named: err.includes('none.pem') }).toEqual({ status: 2, named: true });
    mkdirSync(join(directory.path, 'hub'), { recursive: true });
    using _other = openToServe(join(directory.path, 'hub'));
    expect((await run('serve')).err).toContain('another forebear hub serves');
  });
});

it.each([['serve'], ['alerts'], ['hosts'], ['enrol'], ['revoke']])(
  'hub %s --help has an example and the exit statuses',
  async (name) => {
    const { status, out } = await run(name, '--help');
    expect(status).toBe(0);
    expect(out).toContain('Exit status:');
    expect(out).toContain(`forebear hub ${name} `);
  },
);
