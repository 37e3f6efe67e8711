import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { encodeFrame, encodeHeader, type Frame, packFrames } from '../../src/record/recording.ts';
import { RecordingWriter } from '../../src/record/write-recording-io.ts';
import { perKind } from '../../src/sensor/sensor.ts';
import { encodeRecord } from '../sensor/encode.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-packed-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = () => join(folder, `${count++}.fbrec`);
const FRAMES: Frame[] = [
  { kind: 'fact', fact: { pid: 1 } },
  { kind: 'ring', bytes: encodeRecord({ kind: 'exec', args: ['a', 'b'] }) },
  { kind: 'loss', lost: perKind(() => 2), recursionMisses: 0 },
];
const plain = (frame: Frame) => ('bytes' in frame ? { ...frame, bytes: [...frame.bytes] } : frame);
const read = (path: string) => [...new RecordingReader(path).frames()].map(plain);

function written(flushAfter: readonly number[] = []): string {
  const path = newPath();
  const writer = new RecordingWriter(path, { host: 'h' }, { packed: true });
  FRAMES.forEach((frame, i) => {
    writer.write(frame);
    if (flushAfter.includes(i)) writer.flush();
  });
  writer.close();
  expect(writer.bytes).toBe(statSync(path).size);
  return path;
}

it('gives back what was written, in one block or in several, as format 2', () => {
  for (const path of [written(), written([0, 1]), written([0, 1, 2])]) {
    expect(new RecordingReader(path).header).toEqual({ formatVersion: 2, wireVersion: 1, facts: { host: 'h' } });
    expect(read(path)).toEqual(FRAMES.map(plain));
  }
});

it('takes a copy of a batch: the sensor uses its bytes again', () => {
  const path = newPath();
  const writer = new RecordingWriter(path, {}, { packed: true });
  const bytes = Buffer.from(encodeRecord({ kind: 'exec', args: ['a'] }));
  writer.write({ kind: 'ring', bytes });
  const before = [...bytes];
  bytes.fill(0);
  writer.close();
  expect(read(path)).toEqual([{ kind: 'ring', bytes: before }]);
});

it('takes nothing after close', () => {
  const writer = new RecordingWriter(newPath(), {}, { packed: true });
  writer.close();
  expect(() => writer.write(FRAMES[0]!)).toThrow(expect.objectContaining({ code: 'FB_RECORD_WRITE' }));
});

it('a block is written once there are 4 MiB of frames, without being asked', () => {
  const path = newPath();
  const writer = new RecordingWriter(path, {}, { packed: true });
  const empty = writer.bytes;
  const big: Frame = { kind: 'ring', bytes: new Uint8Array(1 << 20) };
  for (let i = 0; i < 3; i++) writer.write(big);
  expect(writer.bytes).toBe(empty);
  writer.write(big);
  expect(writer.bytes).toBeGreaterThan(empty);
  writer.close();
  expect(read(path)).toHaveLength(4);
});

it('cut within the last block: the blocks before it come back, the rest is torn', () => {
  const path = written([0, 1]);
  truncateSync(path, statSync(path).size - 1);
  const reader = new RecordingReader(path);
  expect([...reader.frames()].map(plain)).toEqual(FRAMES.slice(0, 2).map(plain));
  expect(reader.tornBytes).toBeGreaterThan(0);
});

describe('is damage:', () => {
  const frames = Buffer.concat(FRAMES.flatMap(encodeFrame));
  const good = packFrames(frames);
  const head = (payload: Uint8Array) => {
    const frame = encodeFrame({ kind: 'ring', bytes: payload });
    return frame;
  };
  const asPacked = (payload: Uint8Array): Buffer => {
    // The head of another kind of frame, told to be a packed one, its checksum made right.
    const [raw] = head(payload);
    const bytes = Buffer.from(raw);
    bytes[0] = 5;
    bytes.writeUInt32LE(crcOf(bytes.subarray(0, 8), payload), 8);
    return Buffer.concat([bytes, payload]);
  };
  it.each<[string, Uint8Array]>([
    ['a block that is no zstd', asPacked(Buffer.from('no zstd at all'))],
    ['a block that unpacks to more than any has', asPacked(zstdCompressSync(Buffer.alloc((64 << 20) + 1)))],
    ['a block that ends within a frame', asPacked(zstdCompressSync(frames.subarray(0, frames.length - 1)))],
    ['a block whose frames do not check', asPacked(zstdCompressSync(Buffer.concat([frames, Buffer.alloc(12, 1)])))],
  ])('%s', (_name, block) => {
    const path = newPath();
    writeFileSync(path, Buffer.concat([encodeHeader(1, {}, 2), block, ...good]));
    expect(() => read(path)).toThrow(expect.objectContaining({ code: 'FB_RECORD_DAMAGED' }));
  });
});

it('is much smaller than frames as they are', () => {
  const records = Array.from({ length: 200 }, (_, i) => encodeRecord({ kind: 'exec', args: ['make', `-j${i}`] }));
  const sizes = [true, false].map((packed) => {
    const path = newPath();
    const writer = new RecordingWriter(path, {}, { packed });
    for (const bytes of records) writer.write({ kind: 'ring', bytes });
    writer.close();
    return readFileSync(path).length;
  });
  expect(sizes[0]! * 5).toBeLessThan(sizes[1]!);
});

function crcOf(head: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(head));
}
