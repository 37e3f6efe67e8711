// What the process table holds of memory: this process with the stages of the agent, before and after 100,000 processes with
// eight arguments each. The kernel's side (16 MiB of ring) is not in it; `start` measures the whole agent.

import { FieldTable } from '../src/ecs/fields.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Decoder } from '../src/sensor/decode.ts';
import { Counters } from '../src/stats.ts';
import { FakeSurroundings, START } from '../test/enrich/fake-host.ts';
import { encodeBatch, type RecordInput } from '../test/sensor/encode.ts';

const PROCESSES = 100_000;
const BATCH = 100;

function started(pid: number): RecordInput[] {
  const task = { tgid: pid, startNs: BigInt(pid) * 1000n, ppid: 1, parentStartNs: 1n, pgid: pid, sid: pid };
  const args = [`/usr/bin/tool-${pid % 500}`, ...Array.from({ length: 7 }, (_, i) => `--argument-${i}=${pid}`)];
  return [
    { kind: 'fork', bootNs: task.startNs, task, creator: { tgid: 1, startNs: 1n } },
    { kind: 'exec', bootNs: task.startNs + 1n, task, executable: args[0]!, args, cwd: '/srv', cgroup: '/x.slice' },
  ];
}

const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);

export function benchResident(): void {
  const counters = new Counters();
  const agent = { version: '0' };
  const fields = new FieldTable();
  const enricher = new Enricher({ fields, surroundings: new FakeSurroundings(), start: START, counters, agent });
  const decoder = new Decoder(new Set());
  const before = process.memoryUsage.rss();
  for (let pid = 2; pid < PROCESSES + 2; pid += BATCH) {
    const batch = encodeBatch(Array.from({ length: BATCH }, (_, i) => started(pid + i)).flat());
    for (const record of decoder.decode(batch)) enricher.track(record);
  }
  const { count, bytes } = enricher.processes;
  const after = process.memoryUsage.rss();
  console.log(`process table with ${count} processes: accounted ${megabytes(bytes)} MB, bound 64 MB`);
  console.log(`  resident ${megabytes(before)} -> ${megabytes(after)} MB, ${megabytes(after - before)} MB more`);
}
