// The metrics of a real agent and a real shipper, as Prometheus gets them: promtool finds nothing, and the figures are those of
// what happened.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { FAMILIES } from '../metrics/families.ts';
import { checkMetrics, whyNoPromtool } from '../metrics/promtool.ts';
import { figure, type Scrape, scrape } from '../metrics/scrape.ts';
import { type AgentProcess, parseLines, startAgent, until, whyNoSensor } from './agent-process.ts';

const FOREBEAR = resolve(import.meta.dirname, '../../bin/forebear');
const missing = whyNoSensor();
const MARK = `forebear-metered-${process.pid}`;
const RULE = { rule_id: 'metered', name: 'Metered "rule" \\' };
const EXECS = 3;

describe('the metrics of a real agent and its shipper', () => {
  let folder: string;
  let agent: AgentProcess;
  let shipper: ChildProcess;
  let printed = '';
  let address: string;

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'fb-metrics-'));
    const query = `'event.category:process and event.action:exec and process.args:${MARK}'`;
    const keys = { ...QUERY_RULE, rule_id: JSON.stringify(RULE.rule_id), name: JSON.stringify(RULE.name), query };
    writeFileSync(join(folder, 'metered.toml'), ruleText(keys, ''));
    agent = await startAgent(['--rules', join(folder, 'metered.toml')]);
    const output = `[outputs.out]\ntype = "file"\npath = "out.ndjson"\n`;
    writeFileSync(join(folder, 'ship.toml'), `[ship]\nmetrics_listen = "127.0.0.1:0"\n${output}`);
    const args = ['ship', '--state', agent.state, '--config', join(folder, 'ship.toml')];
    shipper = spawn(FOREBEAR, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    shipper.stderr!.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const found = () => /(http:[^\s"]+)\/metrics/.exec(printed);
    await until(
      () => found() !== null,
      () => `the address of the metrics in:\n${printed}`,
    );
    address = found()![1]!;
    for (let i = 0; i < EXECS; i++) spawnSync('/bin/true', [MARK]);
  });

  afterAll(async () => {
    await agent?.stop();
    agent?.remove();
    shipper?.kill('SIGKILL');
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const get = async (path: string) => {
    const response = await fetch(address + path);
    return { status: response.status, text: await response.text() };
  };

  /** The first page on which that is so. */
  async function pageWhere(holds: (page: Scrape) => boolean): Promise<{ text: string; page: Scrape }> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const { text } = await get('/metrics');
      const page = scrape(text);
      if (holds(page)) return { text, page };
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no such page: ${(await get('/metrics')).text}`);
  }

  const isShipped = (page: Scrape) =>
    figure(page, 'forebear_rule_alerts_total', RULE) === EXECS &&
    figure(page, 'forebear_output_lag_records') === 0 &&
    figure(page, 'forebear_output_cursor_seq') === figure(page, 'forebear_journal_durable_seq');

  it('are such that promtool finds nothing', async (context) => {
    const noPromtool = whyNoPromtool();
    if (noPromtool !== undefined) return context.skip(noPromtool);
    const { text } = await pageWhere(isShipped);
    expect(checkMetrics(text)).toEqual({ status: 0, said: '' });
  });

  it('are all documented, and counted as it happened', async () => {
    const { page } = await pageWhere(isShipped);
    const documented = new Set(FAMILIES.map(({ name }) => name));
    expect(page.samples.map(({ name }) => name).filter((name) => !documented.has(name))).toEqual([]);
    const at = (name: string, labels = {}) => figure(page, `forebear_${name}`, labels);
    expect(at('unknown_counters', { program: 'agent' })).toBe(0);
    expect(at('agent_up')).toBe(1);
    expect(at('rule_matches_total', RULE)).toBe(EXECS);
    expect(at('agent_alerts_journalled_total')).toBe(EXECS);
    expect(at('sensor_records_decoded_total', { kind: 'exec' })).toBeGreaterThanOrEqual(EXECS);
    expect(at('ship_records_delivered_total', { output: 'out' })).toBeGreaterThanOrEqual(EXECS);
    for (const program of ['agent', 'ship']) {
      expect(at('process_resident_memory_bytes', { program })).toBeGreaterThan(10_000_000);
      expect(at('process_cpu_seconds_total', { program })).toBeGreaterThan(0);
      expect(at('event_loop_delay_max_seconds', { program })).toBeGreaterThanOrEqual(0);
    }
    expect(await get('/healthz')).toEqual({ status: 200, text: '{"status":"ok","problems":[]}\n' });
  });

  it('tell what a rule costs as `rules cost` does', async () => {
    await pageWhere(isShipped);
    const { status, stdout } = agent.command('rules', 'cost', '--json');
    expect(status).toBe(0);
    expect(parseLines(stdout)).toMatchObject([{ ...RULE, matches: EXECS, alerts: EXECS }]);
  });

  // Last: they end both.
  it('say that the agent is stopped, and nothing else of it', async () => {
    await agent.stop();
    const { page } = await pageWhere((page) => figure(page, 'forebear_agent_up') === 0);
    expect(page.samples.filter(({ labels }) => labels.program === 'agent')).toEqual([]);
    const { status, text } = await get('/healthz');
    expect([status, JSON.parse(text)]).toEqual([503, { status: 'failing', problems: ['the agent has been stopped'] }]);
  });

  it('keep no shipper from ending', async () => {
    shipper.kill('SIGTERM');
    expect(await once(shipper, 'exit')).toEqual([0, null]);
    await expect(get('/metrics')).rejects.toThrow();
  });
});
