// The records that a guest's agent wrote down (--record) or that load_bpf saved, through the decoder that every run uses.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { replayItems } from '../../src/record/recording.ts';
import { type ReplayItem, ReplaySensor } from '../../src/sensor/replay-sensor.ts';
import { NAMES } from '../kernel/workload.ts';
import { Collector } from '../native/live-sensor.ts';

/** in: bytes of a file, and what reads it by its path, at once. */
export function asFile<T>(bytes: Uint8Array, read: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-guest-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, bytes);
    return read(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** in: a recording; out: what it delivers, losses included. */
export function collectRecording(bytes: Uint8Array): Promise<Collector> {
  return collect(asFile(bytes, (path) => [...replayItems(new RecordingReader(path).frames())]));
}

/** in: whole records back to back, as they came out of the ring. Undecodable ones throw. */
export function collectRing(bytes: Uint8Array): Promise<Collector> {
  return collect([{ kind: 'ring', bytes }]);
}

async function collect(items: readonly ReplayItem[]): Promise<Collector> {
  const seen = new Collector();
  const sensor = new ReplaySensor(items, { envNames: NAMES });
  await sensor.start(seen);
  await seen.until(() => seen.ended !== undefined);
  if (seen.ended !== 'ended') throw seen.ended;
  const { undecodable } = sensor.counters();
  if (undecodable > 0) throw new Error(`${undecodable} records cannot be decoded`);
  return seen;
}
