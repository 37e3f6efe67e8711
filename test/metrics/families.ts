// Every family of metrics, by who serves it: what docs/metrics.md lists, and what pages are held against.

import { AGENT_PAGE } from '../../src/metrics/agent.ts';
import { COUNTER_FAMILIES, UNKNOWN_COUNTERS } from '../../src/metrics/counters.ts';
import { HUB_FAMILIES } from '../../src/metrics/hub.ts';
import { PROGRAM_FAMILIES } from '../../src/metrics/program.ts';
import type { Family } from '../../src/metrics/prometheus.ts';
import { SHIP_FAMILIES } from '../../src/metrics/ship.ts';

const counters = [...COUNTER_FAMILIES.values()].filter(({ programs }) => !programs.includes('replay'));

export const SECTIONS: readonly { title: string; families: readonly Family[] }[] = [
  { title: 'The agent', families: AGENT_PAGE },
  { title: 'Outputs, of `forebear ship` and of the hub', families: Object.values(SHIP_FAMILIES) },
  { title: 'The hub', families: Object.values(HUB_FAMILIES) },
  { title: 'Every program', families: [...Object.values(PROGRAM_FAMILIES), UNKNOWN_COUNTERS] },
  { title: 'What the stages count', families: counters },
];

export const FAMILIES: readonly Family[] = SECTIONS.flatMap(({ families }) => families);
