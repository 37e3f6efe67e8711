// The shipper's status (ship/ship-status.ts) as metrics: for each output where it stands, how far behind, what waits. In: the
// status that it writes each second; out: samples. Also of the hub's lanes, which pass on what arrives there. Pure.

import type { OutputStatus, ShipStatus } from '../ship/ship-status.ts';
import { programMetrics } from './program.ts';
import type { Family, Page } from './prometheus.ts';

const gauge = (name: string, help: string, ...labels: string[]): Family => {
  return { name: `forebear_${name}`, type: 'gauge', help, labels };
};
const ofOutput = (name: string, help: string, ...labels: string[]): Family =>
  gauge(`output_${name}`, help, 'output', 'type', ...labels);

export const SHIP_FAMILIES = {
  newest: gauge('ship_newest_seq', 'Newest record of the journal that the shipper reads.'),
  state: ofOutput(
    'state',
    '1 for the state that the output is in, 0 for the others. hold: somebody has to act.',
    'state',
  ),
  cursor: ofOutput('cursor_seq', 'Record up to which everything is settled.'),
  lagRecords: ofOutput('lag_records', 'Records behind the newest.'),
  lagSeconds: ofOutput('lag_seconds', 'Age of the oldest record that the output has not got; 0 when it has all.'),
  dead: ofOutput('dead_letters', 'Records that the endpoint will never take and that are kept.'),
  delivered: ofOutput('delivered_timestamp_seconds', 'When a record was last acknowledged, in seconds since 1970.'),
  attempt: ofOutput(
    'next_attempt_timestamp_seconds',
    'When it is tried again, in seconds since 1970; while the output waits.',
  ),
} as const satisfies Record<string, Family>;

const STATES: readonly OutputStatus['state'][] = ['idle', 'sending', 'retry', 'hold', 'stopped'];

export function shipMetrics(page: Page, status: ShipStatus): void {
  const { version, startedMs, process, counters } = status;
  programMetrics(page, 'ship', { version, startedMs, process, counters: Object.entries(counters) });
  outputMetrics(page, status);
}

export function outputMetrics(page: Page, { newest, outputs }: Pick<ShipStatus, 'newest' | 'outputs'>): void {
  page.add(SHIP_FAMILIES.newest, newest?.seq);
  for (const output of outputs) oneOutput(page, output);
}

function oneOutput(page: Page, output: OutputStatus): void {
  const of = SHIP_FAMILIES;
  const labels = { output: output.name, type: output.type };
  for (const state of STATES) page.add(of.state, output.state === state ? 1 : 0, { ...labels, state });
  page.add(of.cursor, output.cursorSeq, labels);
  page.add(of.lagRecords, output.lagRecords, labels);
  page.add(of.lagSeconds, output.lagSeconds, labels);
  page.add(of.dead, output.deadLetters, labels);
  page.add(of.delivered, seconds(output.lastDeliveredMs), labels);
  page.add(of.attempt, seconds(output.nextAttemptMs), labels);
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** Outputs that do not deliver, and why. A retry is what endpoints need now and then; a hold ends by somebody's hand. */
export function outputProblems({ outputs }: Pick<ShipStatus, 'outputs'>): string[] {
  return outputs.flatMap(({ name, state, lastAnswer }) =>
    state === 'hold' || state === 'stopped' ? [`output ${name}: ${state}: ${lastAnswer ?? 'no answer yet'}`] : [],
  );
}
