// What the stages count (stats.ts), as samples: each counter of stage-counters.ts is forebear_<name> here. In: the counters of a
// program as they stand; out: samples. Called by agent.ts, ship.ts and hub.ts beside it.

import type { Family, Page } from './prometheus.ts';
import { type Program, STAGE_COUNTERS, type StageCounter } from './stage-counters.ts';

const PREFIX = 'forebear_';
const IN_AGENT = ['agent', 'correlate', 'detect', 'enrich', 'journal'];

export interface CountedFamily extends Family {
  readonly programs: readonly Program[];
}

function familyOf(name: string, counter: string | StageCounter): CountedFamily {
  const { help, label, programs }: StageCounter = typeof counter === 'string' ? { help: counter } : counter;
  const stage = name.slice(0, name.indexOf('_'));
  const owner = IN_AGENT.includes(stage) ? 'agent' : (stage as Program);
  const labels = label === undefined ? ['program'] : ['program', label];
  return { name: PREFIX + name, type: 'counter', help, labels, programs: programs ?? [owner] };
}

/** By the counter's own name. */
export const COUNTER_FAMILIES: ReadonlyMap<string, CountedFamily> = new Map(
  Object.entries(STAGE_COUNTERS).map(([name, counter]) => [name, familyOf(name, counter)]),
);

export const UNKNOWN_COUNTERS: Family = {
  name: 'forebear_unknown_counters',
  type: 'gauge',
  help: 'Counters that are not shown, as this version does not know them.',
  labels: ['program'],
};

/** in: Counters.entries() or what a snapshot holds of them. Those without a label are there from the start, as 0. */
export function counterMetrics(page: Page, program: Program, counters: Iterable<readonly [string, number]>): void {
  for (const { programs, ...family } of COUNTER_FAMILIES.values()) {
    if (programs.includes(program) && family.labels?.length === 1) page.add(family, 0, { program });
  }
  let unknown = 0;
  for (const [key, value] of counters) {
    const { name, reason } = partsOf(key);
    const family = COUNTER_FAMILIES.get(name);
    if (family === undefined) unknown++;
    else page.add(family, value, { program, ...labelled(family, reason) });
  }
  page.add(UNKNOWN_COUNTERS, unknown, { program });
}

/** As Counters writes its keys. */
function partsOf(key: string): { name: string; reason?: string } {
  const [, name, reason] = /^([^{]*)\{reason="(.*)"\}$/s.exec(key) ?? [];
  return name === undefined || reason === undefined ? { name: key } : { name, reason };
}

function labelled({ labels }: Family, reason: string | undefined): Record<string, string> {
  const label = labels?.[1];
  return label === undefined || reason === undefined ? {} : { [label]: reason };
}
