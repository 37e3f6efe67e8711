// Runs native/test/workload.c under a live sensor. out: what it did by its own account, and what the sensor saw.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import { ENV_MAX } from '../../src/sensor/layout.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import type { SensorCounters } from '../../src/sensor/sensor.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';
import { type Expected, readGroundTruth } from './ground-truth.ts';

const BUILT = resolve(import.meta.dirname, '../../build/test');
const PROGRAMS = ['workload', 'leaf'];
/** What the workload itself is started with: its environment must not reach the cap. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LD_PRELOAD: '', UNNAMED: 'stays inside' };
/** Variables that may leave decode; those of the case "env". */
export const NAMES: ReadonlySet<string> = new Set(['LD_PRELOAD', 'EMPTY', 'LAST']);

export interface Run {
  truth: Expected[];
  seen: Collector;
  counters: SensorCounters;
  /** Forks on this host meanwhile, threads included, as the kernel counts them. */
  forks: number;
}

/** Why it cannot run here; undefined when it can. */
export async function whyNoWorkload(): Promise<string | undefined> {
  return (
    (await bpfMissing()) ??
    (existsSync(join(BUILT, 'workload')) ? undefined : 'build/test/workload is not built (scripts/build)')
  );
}

/**
 * Conservation is checked at the stop of every run.
 * in: the workload's words; blocking: nobody takes batches meanwhile; collect: gets the records.
 */
export async function runWorkload(
  words: readonly string[],
  options: Partial<EbpfSensorOptions> & { blocking?: boolean; collect?: Collector } = {},
): Promise<Run> {
  const { blocking, collect: seen = new Collector(), ...sensorOptions } = options;
  const folder = publicCopy();
  const sensor = newSensor({ ringBytes: 16 << 20, envNames: NAMES, ...sensorOptions });
  try {
    const file = join(folder, 'truth');
    const before = forksOfHost();
    await sensor.start(seen);
    const status = await run(join(folder, 'workload'), [file, ...words], blocking === true);
    await sensor.stop();
    const forks = forksOfHost() - before;
    expect(status).toBe(0);
    expect(seen.ended).toBeUndefined();
    expectConservation(sensor.counters());
    return { truth: readGroundTruth(file), seen, counters: sensor.counters(), forks };
  } finally {
    await sensor.stop();
    rmSync(folder, { recursive: true });
  }
}

/** The programs where other users may execute them, wherever this checkout lies. */
function publicCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-truth-'));
  chmodSync(folder, 0o755);
  for (const program of PROGRAMS) copyFileSync(join(BUILT, program), join(folder, program));
  return folder;
}

async function run(program: string, args: readonly string[], blocking: boolean): Promise<number | null> {
  const { TMPDIR } = process.env;
  const env = TMPDIR === undefined ? ENVIRONMENT : { ...ENVIRONMENT, TMPDIR };
  if (blocking) return spawnSync(program, args, { stdio: 'inherit', env }).status;
  const [status] = await once(spawn(program, args, { stdio: 'inherit', env }), 'exit');
  return status;
}

/** Of an environment what was asked for and not cut away. */
export function namedVariables(env: readonly string[]): string[] {
  const carried = env.map((entry) => `${entry}\0`).join('');
  const named = carried.slice(0, ENV_MAX).split('\0');
  return named.filter((entry) => entry.includes('=') && NAMES.has(entry.slice(0, entry.indexOf('='))));
}

/**
 * What records tell of the workload's processes: its pid alone would not do, as others have the same pids before and after.
 * in: records in the order of the ring; the workload's account.
 */
export function ofWorkload(records: readonly SensorRecord[], truth: readonly Expected[]): SensorRecord[] {
  const root = truth.find((line) => line.kind === 'fork')?.ppid;
  const family = new Set<string>();
  const key = (who: { tgid: number; startNs: bigint }) => `${who.tgid} ${who.startNs}`;
  return records.filter((record) => {
    const { task } = record;
    const born = record.kind === 'fork' && (task.tgid === root || family.has(key(record.creator)));
    if (born) family.add(key(task));
    return family.has(key(task));
  });
}

/** proc_stat(5), "processes". */
function forksOfHost(): number {
  return Number(/^processes (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
}
