// From an exec to its alert in the journal, synced: execs of a file that a rule names, at 10 and 1,000 a second and at full
// rate. The agent runs in a process of its own (latency-agent.ts), as from src/agent.ts on; the times are the kernel's of
// the exec and the clock's when the journal has acknowledged, both CLOCK_BOOTTIME.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LEAF, runExecs } from './execs.ts';
import { pause } from './peers.ts';
import { quantile } from './statistics.ts';

/** What the rule names. */
export const NAMED = 'fb-bench-named';
const CASES = [
  { what: '10 a second', rate: 10, number: 100 },
  { what: '1,000 a second', rate: 1000, number: 5000 },
  { what: 'full rate', rate: 0, number: 10_000 },
];

export async function benchLatency(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fb-bench-'));
  const file = join(folder, NAMED);
  copyFileSync(LEAF, file);
  const agent = fork(join(import.meta.dirname, 'latency-agent.ts'), [join(folder, 'state')], {
    serialization: 'advanced',
  });
  try {
    await once(agent, 'message');
    console.log('exec to durable alert, one after the other; ms');
    for (const { what, rate, number } of CASES) {
      await runExecs({ workers: 1, number, rate, file });
      const times = await timesOf(agent, number);
      const [p50, p99] = [0.5, 0.99].map((q) => quantile(times, q).toFixed(2));
      console.log(`  ${what.padEnd(16)} p50 ${p50}, p99 ${p99} (${times.length} of ${number} alerts)`);
    }
  } finally {
    agent.disconnect();
    await once(agent, 'exit');
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of each alert since the last call; waits up to 10 s for the last. */
async function timesOf(agent: ReturnType<typeof fork>, number: number): Promise<number[]> {
  const times: number[] = [];
  for (let tries = 0; tries < 50 && times.length < number; tries++) {
    if (tries > 0) await pause(200);
    agent.send('times');
    const [more] = (await once(agent, 'message')) as [number[]];
    times.push(...more);
  }
  return times;
}
