// The agent's snapshot (agent-status.ts) as metrics: what the sensor saw and lost, rules and their cost, terms, journal, process
// table. In: the snapshot, or why there is none; out: samples. Without a fresh one only forebear_agent_up says so: figures of a
// dead agent would look like those of a quiet one. Pure; called by the page of ship.

import type { AgentStatus, RuleCostFigures } from '../agent-status.ts';
import type { AgentReading } from './agent-snapshot-io.ts';
import { programMetrics } from './program.ts';
import type { Family, Page } from './prometheus.ts';

const gauge = (name: string, help: string, ...labels: string[]): Family => {
  return { name: `forebear_${name}`, type: 'gauge', help, labels };
};
const counter = (name: string, help: string, ...labels: string[]): Family => {
  return { name: `forebear_${name}_total`, type: 'counter', help, labels };
};

export const AGENT_FAMILIES = {
  up: gauge(
    'agent_up',
    '1: the agent runs, its snapshot is fresh. 0: no other figure of the agent is here but the age of its snapshot.',
  ),
  age: gauge('agent_snapshot_age_seconds', 'Age of the snapshot that the metrics of the agent are from.'),
  reserved: counter('sensor_records_reserved', 'Records that the BPF programs wanted to write.', 'kind'),
  lost: counter('sensor_records_lost', 'Of those, records that found no room in the ring.', 'kind'),
  decoded: counter('sensor_records_decoded', 'Records that arrived.', 'kind'),
  ends: counter(
    'sensor_network_ends_filtered',
    'Ends of TCP connections that nobody was seen to make, and that no process brought about.',
  ),
  filtered: counter('sensor_files_filtered', 'Events of files that the kernel side left out, as files.paths has it.'),
  skipped: counter('sensor_programs_skipped', 'Times the kernel skipped a BPF program; each may be a lost record.'),
  undecodable: counter('sensor_records_undecodable', 'Records that could not be decoded.'),
  batches: counter('sensor_batches_delivered', 'Crossings from the reader into the event loop.'),
  bytes: counter('sensor_bytes_delivered', 'Bytes of records that crossed.'),
  queueFull: counter('sensor_queue_waits', 'Times the reader waited, as its queue into the event loop was full.'),
  ring: gauge('sensor_ring_bytes', 'Size of the ring between the kernel and the agent.'),
  programs: gauge('sensor_programs', 'BPF programs: attached, or failed.', 'state'),
  rules: gauge('rules', 'Rules: running, or refused.', 'state'),
  exceptions: gauge('exceptions', 'Exception items: applied, unbound, expired, disabled, refused.', 'state'),
  terms: gauge('terms_known', 'Terms in the history of new_terms rules.'),
  learning: gauge('rules_learning', 'new_terms rules that remember what is new without an alert.'),
  firstSeq: gauge('journal_first_seq', 'Oldest record that the journal has.'),
  durableSeq: gauge('journal_durable_seq', 'Newest record that is durable.'),
  segments: gauge('journal_segments', 'Files of the journal.'),
  journalBytes: gauge('journal_size_bytes', 'Size of the journal.'),
  processes: gauge('processes_known', 'Entries of the process table.'),
  tableBytes: gauge('process_table_bytes', 'Size of the process table.'),
  tableMax: gauge('process_table_limit_bytes', 'What the process table may have.'),
  blind: gauge('canary_blind', '1: the sensor does not show the canaries.'),
  canarySeen: gauge('canary_seen_timestamp_seconds', 'When the sensor showed the last canary, in seconds since 1970.'),
} as const satisfies Record<string, Family>;

const COST_LABELS = ['rule_id', 'name'];

/** Of the costliest rules, each; and of all rules together. */
export const COST_FAMILIES = {
  seconds: ['evaluation_seconds', 'Time, estimated from samples, that evaluating took, with what matches led to'],
  sketches: ['sketches_evaluated', 'Evaluations on sketches, which show of most events that nothing can match'],
  evaluations: ['evaluations', 'Evaluations on events'],
  matches: ['matches', 'Matches, before exceptions, new terms and limits'],
  alerts: ['alerts', 'Alerts made'],
} as const satisfies Record<keyof RuleCostFigures, readonly [string, string]>;

const costFamilies = Object.entries(COST_FAMILIES).map(([figure, [name, help]]) => ({
  figure: figure as keyof RuleCostFigures,
  one: counter(`rule_${name}`, `${help}, of a rule; only of the costliest rules.`, ...COST_LABELS),
  all: counter(`rules_all_${name}`, `${help}, of all rules.`),
}));

/** Everything above, in the order of the page. */
export const AGENT_PAGE: readonly Family[] = [
  ...Object.values(AGENT_FAMILIES),
  ...costFamilies.flatMap(({ one, all }) => [one, all]),
];

const { up, age, ...OF } = AGENT_FAMILIES;

/** in: what was read, now (milliseconds since 1970). */
export function agentMetrics(page: Page, { status, problem }: AgentReading, nowMs: number): void {
  page.add(up, problem === undefined ? 1 : 0);
  if (status !== undefined) page.add(age, Math.max(0, nowMs - status.nowMs) / 1000);
  if (status === undefined || problem !== undefined) return;
  const { version, startedMs, process, counters } = status;
  programMetrics(page, 'agent', { version, startedMs, process, counters: Object.entries(counters) });
  sensorMetrics(page, status.sensor);
  ruleMetrics(page, status);
  keptMetrics(page, status);
}

function sensorMetrics(page: Page, { counters, programs, ringBytes }: AgentStatus['sensor']): void {
  for (const total of ['reserved', 'lost', 'decoded'] as const) {
    for (const [kind, count] of Object.entries(counters[total])) page.add(OF[total], count, { kind });
  }
  page.add(OF.filtered, counters.filtered?.file ?? 0);
  page.add(OF.ends, counters.filtered?.network ?? 0);
  page.add(OF.skipped, counters.recursionMisses);
  page.add(OF.undecodable, counters.undecodable);
  page.add(OF.batches, counters.batches);
  page.add(OF.bytes, counters.bytes);
  page.add(OF.queueFull, counters.queueFull);
  page.add(OF.ring, ringBytes);
  const attached = programs.filter((program) => program.attached).length;
  page.add(OF.programs, attached, { state: 'attached' });
  page.add(OF.programs, programs.length - attached, { state: 'failed' });
}

function ruleMetrics(page: Page, { rules, exceptions, terms, ruleCosts }: AgentStatus): void {
  page.add(OF.rules, rules.running, { state: 'running' });
  page.add(OF.rules, rules.refused.length, { state: 'refused' });
  const { applies, ...others } = exceptions ?? { applies: 0, unbound: 0, expired: 0, disabled: 0, refused: 0 };
  for (const [state, count] of Object.entries({ applied: applies, ...others }))
    page.add(OF.exceptions, count, { state });
  page.add(OF.terms, terms.known);
  page.add(OF.learning, terms.learning?.rules ?? 0);
  if (ruleCosts === undefined) return;
  for (const { figure, one, all } of costFamilies) {
    for (const { rule_id, name, ...cost } of ruleCosts.rules) page.add(one, cost[figure], { rule_id, name });
    page.add(all, ruleCosts.all[figure]);
  }
}

function keptMetrics(page: Page, { journal, processTable, canary }: AgentStatus): void {
  page.add(OF.firstSeq, journal.firstSeq);
  page.add(OF.durableSeq, journal.durableSeq);
  page.add(OF.segments, journal.segments);
  page.add(OF.journalBytes, journal.bytes);
  page.add(OF.processes, processTable.entries);
  page.add(OF.tableBytes, processTable.bytes);
  page.add(OF.tableMax, processTable.maxBytes);
  if (canary === undefined) return;
  page.add(OF.blind, canary.blindSinceMs === undefined ? 0 : 1);
  if (canary.seenMs !== undefined) page.add(OF.canarySeen, canary.seenMs / 1000);
}
