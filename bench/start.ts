// From the start of the agent to the line that says it is attached, what CPU that took (which other load does not change), and
// what it then holds of memory, idle.

import { cpuMs, pause, startAgent, statusMb } from './peers.ts';
import { median, spread } from './statistics.ts';

const ROUNDS = 11;

export async function benchStart(): Promise<void> {
  const times: number[] = [];
  const cpu: number[] = [];
  const resident: [number, number, number][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    const { child, stop } = await startAgent();
    times.push(performance.now() - start);
    const pid = child.pid!;
    cpu.push(cpuMs(pid));
    await pause(1500);
    resident.push([statusMb(pid, 'VmRSS'), statusMb(pid, 'RssAnon'), statusMb(pid, 'RssFile')]);
    await stop();
  }
  const mb = (i: 0 | 1 | 2) => median(resident.map((values) => values[i])).toFixed(0);
  console.log(`start, ${ROUNDS} rounds; median (quartiles)`);
  console.log(`  to attached             ${spread(times)} ms`);
  console.log(`  its CPU until then      ${spread(cpu)} ms`);
  console.log(`  resident, idle          ${mb(0)} MB: ${mb(1)} its own, ${mb(2)} of files and the ring (16)`);
}
