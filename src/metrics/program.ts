// What agent, shipper and hub tell alike: version, start, CPU, memory, delay of the event loop. In: the report of a process
// (process-watch.ts), the agent's out of its snapshot; out: samples with the label program. Called by agent.ts, ship.ts, hub.ts.

import type { ProcessReport } from '../agent-status.ts';
import { counterMetrics } from './counters.ts';
import type { Family, Page } from './prometheus.ts';
import type { Program } from './stage-counters.ts';

export interface ProgramFacts {
  version: string;
  /** Milliseconds since 1970. */
  startedMs: number;
  process?: ProcessReport | undefined;
  /** As Counters.entries() has them. */
  counters: Iterable<readonly [string, number]>;
}

const gauge = (name: string, help: string, labels: readonly string[] = []): Family => {
  return { name: `forebear_${name}`, type: 'gauge', help, labels: ['program', ...labels] };
};

export const PROGRAM_FAMILIES = {
  build: gauge('build_info', 'Always 1; the version is its label.', ['version']),
  start: gauge('start_time_seconds', 'When the program began, in seconds since 1970.'),
  cpu: {
    name: 'forebear_process_cpu_seconds_total',
    type: 'counter',
    help: 'Time on a CPU, user and system.',
    labels: ['program'],
  },
  resident: gauge('process_resident_memory_bytes', 'Memory that is resident.'),
  heap: gauge('process_heap_bytes', 'Heap of the JavaScript engine.'),
  heapUsed: gauge('process_heap_used_bytes', 'Of the heap, what is used.'),
  external: gauge('process_external_memory_bytes', 'Buffers and native objects beside the heap.'),
  delayP50: gauge('event_loop_delay_p50_seconds', 'How late the event loop was in half of the last second at least.'),
  delayP99: gauge('event_loop_delay_p99_seconds', 'How late it was in the worst hundredth of the last second.'),
  delayMax: gauge('event_loop_delay_max_seconds', 'The longest delay of the event loop within the last minute.'),
} as const satisfies Record<string, Family>;

export function programMetrics(page: Page, program: Program, facts: ProgramFacts): void {
  const { build, start } = PROGRAM_FAMILIES;
  page.add(build, 1, { program, version: facts.version });
  page.add(start, facts.startedMs / 1000, { program });
  if (facts.process !== undefined) processMetrics(page, program, facts.process);
  counterMetrics(page, program, facts.counters);
}

function processMetrics(page: Page, program: Program, report: ProcessReport): void {
  const { cpu, resident, heap, heapUsed, external, delayP50, delayP99, delayMax } = PROGRAM_FAMILIES;
  const { p50Ms, p99Ms, minuteMaxMs } = report.loopDelay;
  page.add(cpu, report.cpuSeconds, { program });
  page.add(resident, report.residentBytes, { program });
  page.add(heap, report.heapBytes, { program });
  page.add(heapUsed, report.heapUsedBytes, { program });
  page.add(external, report.externalBytes, { program });
  page.add(delayP50, p50Ms / 1000, { program });
  page.add(delayP99, p99Ms / 1000, { program });
  page.add(delayMax, minuteMaxMs / 1000, { program });
}
