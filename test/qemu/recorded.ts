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

/** in: a recording; out: what it delivers, losses included. Throws where a record cannot be decoded. */
export async function collectRecording(bytes: Uint8Array): Promise<Collector> {
  const { seen, undecodable } = await collect(
    asFile(bytes, (path) => [...replayItems(new RecordingReader(path).frames())]),
  );
  if (undecodable > 0) throw new Error(`${undecodable} records cannot be decoded`);
  return seen;
}

/** in: whole records back to back, as they came out of the ring. */
export function collectRing(bytes: Uint8Array): Promise<Decoded> {
  return collect([{ kind: 'ring', bytes }]);
}

export interface Decoded {
  seen: Collector;
  undecodable: number;
}

async function collect(items: readonly ReplayItem[]): Promise<Decoded> {
  const seen = new Collector();
  const sensor = new ReplaySensor(items, { envNames: NAMES });
  await sensor.start(seen);
  await seen.until(() => seen.ended !== undefined);
  if (seen.ended !== 'ended') throw seen.ended;
  return { seen, undecodable: sensor.counters().undecodable };
}
