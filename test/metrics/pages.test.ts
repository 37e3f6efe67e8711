// The pages of the three programs, from figures that a test makes: each family is declared, no figure is lost, and promtool finds
// nothing, hostile names included.

import { describe, expect, it } from 'vitest';
import type { AgentStatus, ProcessReport } from '../../src/agent-status.ts';
import { agentMetrics } from '../../src/metrics/agent.ts';
import { hubMetrics } from '../../src/metrics/hub.ts';
import { Page } from '../../src/metrics/prometheus.ts';
import { outputProblems, shipMetrics } from '../../src/metrics/ship.ts';
import type { OutputStatus, ShipStatus } from '../../src/ship/ship-status.ts';
import { NOW, snapshot } from '../commands/sample-status.ts';
import { FAMILIES } from './families.ts';
import { checkMetrics, whyNoPromtool } from './promtool.ts';
import { figure, scrape } from './scrape.ts';

const HOSTILE = 'a "rule" \\ with\n# TYPE everything \u202e\udcff';
const PROCESS: ProcessReport = {
  cpuSeconds: 12.5,
  residentBytes: 4,
  heapBytes: 3,
  heapUsedBytes: 2,
  externalBytes: 1,
  loopDelay: { p50Ms: 1, p99Ms: 20, maxMs: 30, minuteMaxMs: 400 },
};
const COST = { sketches: 640, evaluations: 64, matches: 3, alerts: 2, seconds: 0.25 };

const AGENT: AgentStatus = snapshot({
  counters: { 'detect_events_excepted_total{reason="item-1"}': 4, agent_alerts_journalled_total: 2 },
  canary: { seenMs: NOW - 1000 },
  process: PROCESS,
  ruleCosts: {
    rules: [
      { rule_id: 'r1', name: HOSTILE, ...COST },
      { rule_id: 'r2', name: 'Other', ...COST, seconds: 0 },
    ],
    all: { rules: 7, ...COST },
  },
});

function outputOf(part: Partial<OutputStatus> = {}): OutputStatus {
  return {
    ...{
      name: 'central',
      type: 'elasticsearch',
      state: 'idle',
      sinceMs: NOW,
      cursorSeq: 41,
      delivered: 40,
      rejected: 1,
    },
    ...{ lagRecords: 9, lagSeconds: 2.5, deadLetters: 1, ...part },
  };
}

function shipOf(outputs: readonly OutputStatus[]): ShipStatus {
  const counters = { 'ship_records_delivered_total{reason="central"}': 40 };
  const facts = { schema: 1, version: '0.1.0', pid: 1, startedMs: NOW - 5000, nowMs: NOW };
  return { ...facts, newest: { seq: 50, wallMs: NOW }, outputs, counters, process: PROCESS };
}

const OUTPUTS = [
  outputOf({ lastDeliveredMs: NOW - 1500 }),
  outputOf({ name: 'next', type: 'hub', state: 'hold', lastAnswer: 'key revoked', nextAttemptMs: NOW + 60_000 }),
];

function agentPage(page = new Page()): Page {
  agentMetrics(page, { status: AGENT }, NOW);
  return page;
}

const PAGES: readonly [string, () => string][] = [
  [
    'agent and ship',
    () => {
      const page = agentPage();
      shipMetrics(page, shipOf(OUTPUTS));
      return page.text();
    },
  ],
  [
    'ship alone',
    () => {
      const page = new Page();
      agentMetrics(page, { problem: 'none' }, NOW);
      shipMetrics(page, shipOf([]));
      return page.text();
    },
  ],
  [
    'the hub',
    () => {
      const page = new Page();
      const counters: [string, number][] = [['hub_records_stored_total', 5]];
      const hosts = { ok: 2, silent: 1 };
      const facts = {
        version: '0.1.0',
        startedMs: NOW,
        process: PROCESS,
        counters,
        databaseBytes: 4096,
        waitingBytes: 0,
      };
      hubMetrics(page, { ...facts, hosts, forwarding: shipOf(OUTPUTS) });
      return page.text();
    },
  ],
];

describe.each(PAGES)('the page of %s', (_name, text) => {
  it('is one that promtool finds nothing in', (context) => {
    const missing = whyNoPromtool();
    if (missing !== undefined) return context.skip(missing);
    expect(checkMetrics(text())).toEqual({ status: 0, said: '' });
  });

  it('has only families that are documented, with the labels that are', () => {
    const { samples, types, helps } = scrape(text());
    expect(samples.length).toBeGreaterThan(10);
    for (const { name, labels } of samples) {
      const family = FAMILIES.find((each) => each.name === name);
      expect({ name, labels: Object.keys(labels) }).toEqual({ name, labels: family?.labels ?? [] });
      expect([types.get(name), helps.get(name)]).toEqual([family!.type, family!.help]);
    }
  });
});

it('all pages together have every family but counters that need a reason', () => {
  const there = new Set(PAGES.flatMap(([, text]) => scrape(text()).samples.map(({ name }) => name)));
  const absent = FAMILIES.filter(({ name, labels }) => !there.has(name) && (labels ?? []).length < 2);
  expect(absent.map(({ name }) => name)).toEqual([]);
});

it('families are named as Prometheus wants them', () => {
  expect(new Set(FAMILIES.map(({ name }) => name)).size).toBe(FAMILIES.length);
  for (const { name, type } of FAMILIES) {
    expect(name).toMatch(/^forebear(_[a-z0-9]+)+$/);
    expect(`${name} ${name.endsWith('_total')}`).toBe(`${name} ${type === 'counter'}`);
  }
});

describe('the figures', () => {
  const page = scrape(PAGES[0]![1]());
  it.each<[number, string, Record<string, string>?]>([
    [1, 'forebear_agent_up'],
    [0.5, 'forebear_agent_snapshot_age_seconds'],
    [3, 'forebear_sensor_records_lost_total', { kind: 'exec' }],
    [2000, 'forebear_sensor_records_decoded_total', { kind: 'fork' }],
    [1, 'forebear_sensor_programs', { state: 'failed' }],
    [1, 'forebear_rules', { state: 'refused' }],
    [12, 'forebear_terms_known'],
    [17, 'forebear_journal_durable_seq'],
    [40_960, 'forebear_journal_size_bytes'],
    [0, 'forebear_canary_blind'],
    [4, 'forebear_detect_events_excepted_total', { item_id: 'item-1' }],
    [2, 'forebear_agent_alerts_journalled_total'],
    [12.5, 'forebear_process_cpu_seconds_total', { program: 'agent' }],
    [0.02, 'forebear_event_loop_delay_p99_seconds', { program: 'agent' }],
    [0.4, 'forebear_event_loop_delay_max_seconds', { program: 'ship' }],
    [0.25, 'forebear_rule_evaluation_seconds_total', { rule_id: 'r1', name: HOSTILE.toWellFormed() }],
    [64, 'forebear_rule_evaluations_total', { rule_id: 'r2', name: 'Other' }],
    [640, 'forebear_rules_all_sketches_evaluated_total'],
    [50, 'forebear_ship_newest_seq'],
    [40, 'forebear_ship_records_delivered_total', { output: 'central', program: 'ship' }],
    [9, 'forebear_output_lag_records', { output: 'central', type: 'elasticsearch' }],
    [2.5, 'forebear_output_lag_seconds', { output: 'next' }],
    [1, 'forebear_output_state', { output: 'next', state: 'hold' }],
    [0, 'forebear_output_state', { output: 'next', state: 'idle' }],
    [NOW / 1000 - 1.5, 'forebear_output_delivered_timestamp_seconds'],
    [NOW / 1000 + 60, 'forebear_output_next_attempt_timestamp_seconds'],
  ])('%d is %s %j', (value, name, labels) => {
    expect(figure(page, name, labels)).toBe(value);
  });
});

it.each([
  ['none', undefined],
  ['one that is stale', AGENT],
])('of an agent without a fresh snapshot (%s) there is only that', (_name, status) => {
  const page = new Page();
  agentMetrics(page, { ...(status && { status }), problem: 'why' }, NOW);
  const names = scrape(page.text()).samples.map(({ name, value }) => `${name} ${value}`);
  expect(names.filter((name) => !name.startsWith('forebear_agent_snapshot_age'))).toEqual(['forebear_agent_up 0']);
});

it('an output that holds or is stopped is a problem, one that tries again is none', () => {
  const outputs = (['idle', 'sending', 'retry', 'hold', 'stopped'] as const).map((state) =>
    outputOf({ state, name: state }),
  );
  expect(outputProblems({ outputs })).toEqual([
    'output hold: hold: no answer yet',
    'output stopped: stopped: no answer yet',
  ]);
});
