// From the start of the agent to the line that says it is attached, what CPU that took (which other load does not change), and
// what it then holds of memory, idle. As on a host: with the state that the run before has left; the first, which finds none, is told alone.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuMs, pause, startAgent, statusMb } from './peers.ts';
import { median, spread } from './statistics.ts';

const ROUNDS = 11;

export async function benchStart(): Promise<void> {
  const times: number[] = [];
  const cpu: number[] = [];
  const resident: [number, number, number][] = [];
  const state = mkdtempSync(join(tmpdir(), 'fb-bench-state-'));
  for (let i = 0; i <= ROUNDS; i++) {
    const start = performance.now();
    const { child, stop } = await startAgent(['--state', state]);
    times.push(performance.now() - start);
    const pid = child.pid!;
    cpu.push(cpuMs(pid));
    await pause(1500);
    resident.push([statusMb(pid, 'VmRSS'), statusMb(pid, 'RssAnon'), statusMb(pid, 'RssFile')]);
    await stop();
  }
  rmSync(state, { recursive: true });
  const first = times.shift()!;
  for (const figures of [cpu, resident]) figures.shift();
  const mb = (i: 0 | 1 | 2) => median(resident.map((values) => values[i])).toFixed(0);
  console.log(`start, ${ROUNDS} rounds; median (quartiles)`);
  console.log(`  to attached             ${spread(times)} ms`);
  console.log(`  without state           ${first.toFixed(0)} ms`);
  console.log(`  its CPU until then      ${spread(cpu)} ms`);
  console.log(`  resident, idle          ${mb(0)} MB: ${mb(1)} its own, ${mb(2)} of files and the ring (16)`);
}
