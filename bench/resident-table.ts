// The child process of resident.ts: fills a process table by way of the decoder, and prints what that took.

import { FieldTable } from '../src/ecs/fields.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Decoder } from '../src/sensor/decode.ts';
import { Counters } from '../src/stats.ts';
import { FakeSurroundings, START } from '../test/enrich/fake-host.ts';
import { encodeBatch, type RecordInput } from '../test/sensor/encode.ts';

const PROCESSES = 100_000;
const BATCH = 100;
const PLACE = { cwd: '/srv', cgroup: '/x.slice' };

/** Children of pid 1: their rights are its own. */
function started(pid: number): RecordInput[] {
  const task = { tgid: pid, startNs: BigInt(pid) * 1000n, ppid: 1, parentStartNs: 1n, pgid: pid, sid: pid };
  const args = [`/usr/bin/tool-${pid % 500}`, ...Array.from({ length: 7 }, (_, i) => `--arg${i}=${pid}`)];
  return [
    { kind: 'fork', bootNs: task.startNs, task, creator: { tgid: 1, startNs: 1n } },
    { kind: 'exec', bootNs: task.startNs + 1n, task, executable: args[0]!, args, ...PLACE },
  ];
}

const init: RecordInput = {
  kind: 'exec',
  bootNs: 2n,
  task: { tgid: 1, startNs: 1n, ppid: 0, parentStartNs: 0n, pgid: 1, sid: 1 },
  executable: '/usr/lib/systemd/systemd',
  ...PLACE,
};

function residentMb(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage.rss() / 1024 / 1024;
}

const counters = new Counters();
const agent = { version: '0' };
const fields = new FieldTable();
const enricher = new Enricher({ fields, surroundings: new FakeSurroundings(), start: START, counters, agent });
const decoder = new Decoder(new Set());
for (const record of decoder.decode(encodeBatch([init]))) enricher.track(record);
const before = residentMb();
for (let pid = 2; pid < PROCESSES + 2; pid += BATCH) {
  const batch = encodeBatch(Array.from({ length: BATCH }, (_, i) => started(pid + i)).flat());
  for (const record of decoder.decode(batch)) enricher.track(record);
}
const after = residentMb();
const { count, bytes } = enricher.processes;
console.log(`process table, ${count} processes with eight arguments; MB`);
console.log(`  accounted               ${(bytes / 1024 / 1024).toFixed(0)} (bound 64)`);
console.log(`  resident                ${before.toFixed(0)} before, ${(after - before).toFixed(0)} more`);
