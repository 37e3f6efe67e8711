// What the agent costs a host that does nothing but exec: the time of the same loop of short programs alone, alone again (what
// the machine itself varies), with the agent, and with other tracers of execs. Interleaved rounds, each in another order.

import { runExecs } from './execs.ts';
import { cpuMs, findPeers, type Peer, pause, statusMb } from './peers.ts';
import { median, spread } from './statistics.ts';

const ROUNDS = 9;
const EXECS = 4000;
const BARE: Peer = {
  name: 'bare',
  start: () => Promise.resolve({ child: undefined as never, stop: () => Promise.resolve() }),
};
const AGAIN: Peer = { ...BARE, name: 'bare again' };

interface Sample {
  us: number;
  /** Of the watcher, per 1,000 execs. */
  cpuMs: number;
  residentMb: number;
}

async function measure(peer: Peer, workers: number): Promise<Sample> {
  const watcher = await peer.start();
  const pid = watcher.child?.pid;
  const before = pid === undefined ? 0 : cpuMs(pid);
  const us = await runExecs({ workers, number: EXECS / workers });
  if (pid !== undefined) await pause(300);
  const spent = pid === undefined ? 0 : cpuMs(pid) - before;
  const residentMb = pid === undefined ? 0 : statusMb(pid, 'VmRSS');
  await watcher.stop();
  return { us, cpuMs: (spent * 1000) / EXECS, residentMb };
}

async function rounds(all: readonly Peer[], workers: number): Promise<Map<Peer, Sample[]>> {
  const samples = new Map<Peer, Sample[]>(all.map((peer) => [peer, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const order = [...all.slice(round % all.length), ...all.slice(0, round % all.length)];
    for (const peer of order) samples.get(peer)!.push(await measure(peer, workers));
  }
  return samples;
}

/** Whether the middle halves of both lie apart. */
function distinguishable(of: readonly number[], noise: readonly number[]): boolean {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  const [a, b] = [sorted(of), sorted(noise)];
  return a[Math.floor(a.length / 4)]! > b[Math.ceil((b.length * 3) / 4) - 1]!;
}

function print(samples: Map<Peer, Sample[]>, workers: number): void {
  const bare = samples.get(BARE)!.map(({ us }) => us);
  const ratios = (peer: Peer) => samples.get(peer)!.map(({ us }, i) => us / bare[i]!);
  const noise = ratios(AGAIN);
  console.log(`exec loop, ${workers} at a time, ${EXECS} execs, ${ROUNDS} interleaved rounds; median (quartiles)`);
  console.log(`  ${'bare'.padEnd(16)} ${median(bare).toFixed(0)} us an exec`);
  for (const [peer, list] of samples) {
    if (peer === BARE) continue;
    const verdict = peer === AGAIN || distinguishable(ratios(peer), noise) ? '' : ' (not distinguishable from bare)';
    const cpu = peer === AGAIN ? '' : `, its CPU ${spread(list.map((s) => s.cpuMs))} ms per 1,000 execs`;
    console.log(`  ${peer.name.padEnd(16)} ${spread(ratios(peer))} of bare${verdict}${cpu}`);
  }
}

export async function benchLoop(): Promise<void> {
  const { peers, missing } = findPeers();
  for (const workers of [1, 2]) {
    const all = [BARE, AGAIN, ...peers];
    print(await rounds(all, workers), workers);
  }
  for (const reason of missing) console.log(`  skipped: ${reason}`);
}
