// The hub's figures as metrics: hosts by state, its database, and where it passes on, the outputs. In: the figures as they stand at
// a scrape; out: samples. Pure; called by the page of the hub.

import type { ShipStatus } from '../ship/ship-status.ts';
import { type ProgramFacts, programMetrics } from './program.ts';
import type { Family, Page } from './prometheus.ts';
import { outputMetrics } from './ship.ts';

export interface HubFigures extends ProgramFacts {
  /** By state: each there is, those that no host is in as 0. */
  hosts: Readonly<Record<string, number>>;
  databaseBytes: number;
  /** Of bodies of requests that are being read. */
  waitingBytes: number;
  /** What is passed on; absent without outputs. */
  forwarding?: ShipStatus | undefined;
}

const gauge = (name: string, help: string, ...labels: string[]): Family => {
  return { name: `forebear_hub_${name}`, type: 'gauge', help, labels };
};

export const HUB_FAMILIES = {
  hosts: gauge('hosts', 'Hosts, by state: ok, silent, stopped, fork, revoked.', 'state'),
  database: gauge('database_bytes', 'Of the database, what is in use.'),
  waiting: gauge('waiting_bytes', 'Bodies of requests that are being read.'),
} as const satisfies Record<string, Family>;

export function hubMetrics(page: Page, figures: HubFigures): void {
  const { hosts, databaseBytes, waitingBytes, forwarding } = figures;
  programMetrics(page, 'hub', figures);
  for (const [state, count] of Object.entries(hosts)) page.add(HUB_FAMILIES.hosts, count, { state });
  page.add(HUB_FAMILIES.database, databaseBytes);
  page.add(HUB_FAMILIES.waiting, waitingBytes);
  if (forwarding !== undefined) outputMetrics(page, forwarding);
}
