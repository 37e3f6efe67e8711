// What tests of the live sensor share: whether BPF is there at all, a handler that collects, the conservation rule.

import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { ForebearError } from '../../src/errors.ts';
import { EbpfSensor, type EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import type { ExecRecord, SensorRecord } from '../../src/sensor/record.ts';
import { type LossReport, RECORD_KINDS, type SensorCounters, type SensorHandlers } from '../../src/sensor/sensor.ts';

export function newSensor(options: Partial<EbpfSensorOptions> = {}): EbpfSensor {
  return new EbpfSensor({ envNames: new Set(), ringBytes: 1 << 20, ...options });
}

/** Why live tests cannot run here, or undefined. Anything but a missing prerequisite is thrown: that is a failure. */
export async function bpfMissing(): Promise<string | undefined> {
  const sensor = newSensor();
  try {
    await sensor.start(new Collector());
    await sensor.stop();
    return undefined;
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    if (error.code === 'FB_SENSOR_NO_PERMISSION') return 'no BPF: CAP_BPF and CAP_PERFMON are needed';
    if (error.code === 'FB_SENSOR_NO_BTF') return 'no BPF: the kernel has no BTF';
    throw error;
  }
}

export class Collector implements SensorHandlers {
  readonly records: SensorRecord[] = [];
  readonly losses: LossReport[] = [];
  batches = 0;
  ended: Error | 'ended' | undefined;
  /** Called in onBatch. */
  react: () => void = () => {};
  #waiting: { met: () => boolean; resolve: () => void }[] = [];

  onBatch(records: readonly SensorRecord[]): void {
    this.batches++;
    this.records.push(...records);
    this.#wake();
    this.react();
  }

  onLost(totals: LossReport): void {
    this.losses.push(totals);
  }

  onEnd(error?: Error): void {
    this.ended = error ?? 'ended';
    this.#wake();
  }

  /** Exec records one of whose arguments begins with the marker. */
  execs(marker: string): ExecRecord[] {
    return this.records.filter(
      (record): record is ExecRecord => record.kind === 'exec' && record.args.some((arg) => arg.startsWith(marker)),
    );
  }

  /** Resolves once the condition holds; looked at after each batch and at the end. The test's timeout bounds it. */
  until(met: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (met()) resolve();
      else this.#waiting.push({ met, resolve });
    });
  }

  #wake(): void {
    const met = this.#waiting.filter((waiting) => waiting.met());
    this.#waiting = this.#waiting.filter((waiting) => !met.includes(waiting));
    for (const { resolve } of met) resolve();
  }
}

/** After stop: every record that the programs wanted to write was decoded or is counted as lost. */
export function expectConservation(counters: SensorCounters): void {
  expect(counters.undecodable).toBe(0);
  for (const kind of RECORD_KINDS) {
    expect({ kind, n: counters.decoded[kind] + counters.lost[kind] }).toEqual({ kind, n: counters.reserved[kind] });
  }
}

/** Reader threads of this process. */
export function readerThreads(): number {
  const names = readdirSync('/proc/self/task').map((tid) => {
    try {
      return readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim();
    } catch {
      return '';
    }
  });
  return names.filter((name) => name === 'forebear-reader').length;
}
