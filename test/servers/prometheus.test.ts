// A real Prometheus scrapes a real agent, its shipper and its hub: every scrape succeeds, every series of the pages is there with
// its type, and what docs/metrics.md tells to watch evaluates and fires when it should.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { type AgentProcess, runForebear, startAgent, until, whyNoSensor } from '../kernel/agent-process.ts';
import { FAMILIES } from '../metrics/families.ts';
import { scrape } from '../metrics/scrape.ts';
import { freePort, makeCertificates, missing, Program, type Scratch, scratch } from '../ship/real/programs.ts';
import { Prometheus, type Series, watchedIn } from './prometheus.ts';

const TOP = resolve(import.meta.dirname, '../..');
const FOREBEAR = resolve(TOP, 'bin/forebear');
const WATCHED = watchedIn(readFileSync(resolve(TOP, 'docs/metrics.md'), 'utf8'));
const MARK = `forebear-scraped-${process.pid}`;
const RULE = 'Scraped "rule" \\';
const EXECS = 3;
const LIMIT = { timeout: 40_000, interval: 200 };
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('prometheus');
const lacks = asked
  ? (missing('prometheus', 'openssl') ?? whyNoSensor() ?? '')
  : 'asked for by npm run test:servers -- prometheus (or all)';

let files: Scratch;
let agent: AgentProcess;
let hostId: string;
let hubConfig: string;
const running: Program[] = [];
const pages = { ship: '', hub: '' };
let prometheus: Prometheus;

/** in: of a host; out: its token in a file. */
function enrolled(host: string): string {
  const { status, stdout, stderr } = runForebear(['hub', 'enrol', host, '--config', hubConfig]);
  if (status !== 0) throw new Error(stderr);
  return files.file('token', stdout);
}

async function startHub(): Promise<number> {
  const [port, metrics] = [await freePort(), await freePort()];
  makeCertificates(files.path);
  const listen = `[hub]\ndirectory = "hub"\nlisten = "127.0.0.1:${port}"\nmetrics_listen = "127.0.0.1:${metrics}"\n`;
  hubConfig = files.file('hub.toml', `${listen}[tls]\ncertificate_file = "server.crt"\nkey_file = "server.key"\n`);
  running.push(await Program.start(FOREBEAR, ['hub', 'serve', '--config', hubConfig], metrics));
  pages.hub = `127.0.0.1:${metrics}`;
  return port;
}

async function startShip(hubPort: number): Promise<void> {
  const metrics = await freePort();
  const central = `[outputs.central]\ntype = "hub"\nurl = "https://127.0.0.1:${hubPort}"\nca_file = "ca.crt"\n`;
  const keys = `token_file = "${enrolled(hostId)}"\nmax_backoff = "500ms"\n`;
  const out = '[outputs.out]\ntype = "file"\npath = "out.ndjson"\n';
  const config = files.file('ship.toml', `[ship]\nmetrics_listen = "127.0.0.1:${metrics}"\n${central}${keys}${out}`);
  running.push(await Program.start(FOREBEAR, ['ship', '--state', agent.state, '--config', config], metrics));
  pages.ship = `127.0.0.1:${metrics}`;
}

beforeAll(async () => {
  if (lacks !== '') return;
  files = scratch();
  const query = `'event.category:process and event.action:exec and process.args:${MARK}'`;
  const rule = files.file('rule.toml', ruleText({ ...QUERY_RULE, name: JSON.stringify(RULE), query }, ''));
  agent = await startAgent(['--rules', rule]);
  for (let i = 0; i < EXECS; i++) spawnSync('/bin/true', [MARK]);
  await until(
    () => agent.alerts().length === EXECS,
    () => `${EXECS} alerts in:\n${agent.output()}`,
  );
  hostId = (agent.alerts()[0] as { host: { id: string } }).host.id;
  await startShip(await startHub());
  prometheus = await Prometheus.start(files, Object.values(pages), WATCHED);
}, 120_000);
beforeEach((ctx) => {
  if (lacks !== '') ctx.skip(lacks);
});
afterAll(async () => {
  await prometheus?.stop();
  await Promise.all(running.map((program) => program.stop()));
  await agent?.stop();
  agent?.remove();
  files?.[Symbol.dispose]();
});

const figures = async (expression: string) => (await prometheus.query(expression)).map(({ value }) => value);
const scrapes = () => figures('min(count_over_time(up[5m]))');

describe('a scraping Prometheus', () => {
  it('gets an answer each time, and drops nothing of it', async () => {
    await expect.poll(scrapes, LIMIT).toEqual([expect.toSatisfy((count: number) => count >= 6)]);
    expect(await figures('min_over_time(up[5m])')).toEqual([1, 1]);
    for (const { health, lastError } of await prometheus.targets())
      expect({ health, lastError }).toEqual({ health: 'up', lastError: '' });
    expect(prometheus.complaints()).toEqual([]);
    console.log(`prometheus: ${await scrapes()} scrapes of each, all answered`);
  });

  it.each(['ship', 'hub'] as const)('has every series of the page of %s, with its type', async (who) => {
    const { samples } = scrape(await (await fetch(`http://${pages[who]}/metrics`)).text());
    const absent = async () => {
      const there = new Set((await prometheus.query(`{job="forebear",instance="${pages[who]}"}`)).map(nameOf));
      return samples.map(({ name, labels }) => key(name, labels)).filter((series) => !there.has(series));
    };
    await expect.poll(absent, LIMIT).toEqual([]);
    const metadata = await prometheus.metadata();
    for (const name of new Set(samples.map(({ name }) => name))) {
      const { type, help } = FAMILIES.find((family) => family.name === name)!;
      expect({ name, of: metadata[name] }).toEqual({ name, of: [{ type, help, unit: '' }] });
    }
    console.log(`prometheus: ${samples.length} series of ${who}`);
  });

  it.each([
    ['forebear_agent_up', 1],
    ['forebear_agent_alerts_journalled_total', EXECS],
    [`forebear_rule_alerts_total{name=${JSON.stringify(RULE)}}`, EXECS],
    ['forebear_ship_records_delivered_total{output="out"} >= bool 3', 1],
    ['sum(forebear_output_state{state="hold"})', 0],
    ['forebear_hub_hosts{state="ok"}', 1],
    ['forebear_hub_records_stored_total >= bool 3', 1],
  ])('knows that %s is %d', async (expression, value) => {
    await expect.poll(() => figures(expression), LIMIT).toEqual([value]);
  });

  it('evaluates what the manual tells to watch, and nothing of it fires', async () => {
    expect(WATCHED.length).toBeGreaterThanOrEqual(9);
    const named = WATCHED.map((expression) => /forebear_\w+/.exec(expression)![0]);
    expect(named.filter((name) => !FAMILIES.some((family) => family.name === name))).toEqual([]);
    const judged = async () => (await prometheus.rules()).map(({ health }) => health);
    await expect.poll(judged, LIMIT).toEqual(WATCHED.map(() => 'ok'));
    const rules = await prometheus.rules();
    expect(rules.filter(({ lastError }) => lastError !== undefined)).toEqual([]);
    expect(rules.filter(({ state }) => state !== 'inactive').map(({ query }) => query)).toEqual([]);
  });

  // Last: it ends the agent, whose last words the hub does not take any more.
  it('fires when the agent is stopped and its host revoked', async () => {
    expect(runForebear(['hub', 'revoke', hostId, '--config', hubConfig])).toMatchObject({ status: 0 });
    expect((await agent.stop()).status).toBe(0);
    const firing = async () =>
      (await prometheus.rules()).filter(({ state }) => state === 'firing').map(({ query }) => query);
    const wanted = ['forebear_agent_up == 0', 'forebear_output_state{state="hold"} == 1'];
    await expect.poll(firing, LIMIT).toEqual(expect.arrayContaining(wanted));
    expect(await figures('min_over_time(up[5m])')).toEqual([1, 1]);
    expect(prometheus.complaints()).toEqual([]);
  });
});

function nameOf({ metric: { __name__, job, instance, ...labels } }: Series): string {
  return key(__name__!, labels);
}

function key(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name} ${JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}
