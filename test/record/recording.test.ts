import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { encodeFrame, encodeHeader, type Frame, replayItems } from '../../src/record/recording.ts';
import { RecordingWriter } from '../../src/record/write-recording-io.ts';
import { perKind } from '../../src/sensor/sensor.ts';
import { encodeRecord } from '../sensor/encode.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-record-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = () => join(folder, `${count++}.rec`);

const FACTS = { bootId: 'b', hostname: 'höst', nested: { wallOffsetMs: 1.5 } };
const NOTHING = perKind(() => 0);
const FRAMES: Frame[] = [
  { kind: 'tasks', bytes: encodeRecord({ kind: 'task' }) },
  { kind: 'fact', fact: { pid: 1, exe: null } },
  { kind: 'ring', bytes: encodeRecord({ kind: 'exec', args: ['\udcff'] }) },
  { kind: 'loss', lost: { ...NOTHING, exec: 1, fork: 2, exit: 3 }, recursionMisses: 4 },
  { kind: 'ring', bytes: new Uint8Array(0) },
];

function written(frames: readonly Frame[] = FRAMES): string {
  const path = newPath();
  const writer = new RecordingWriter(path, FACTS);
  for (const frame of frames) writer.write(frame);
  writer.close();
  return path;
}

const plain = (frame: Frame) => ('bytes' in frame ? { ...frame, bytes: [...frame.bytes] } : frame);
const framesOf = (reader: RecordingReader) => [...reader.frames()].map(plain);

/** Where each frame ends, from the header on. */
function boundaries(frames: readonly Frame[]): number[] {
  const ends = [encodeHeader(1, FACTS).length];
  for (const frame of frames) ends.push(ends.at(-1)! + encodeFrame(frame).reduce((n, part) => n + part.length, 0));
  return ends;
}

it('gives back header and frames, as often as they are asked for', () => {
  const reader = new RecordingReader(written());
  expect(reader.header).toEqual({ formatVersion: 1, wireVersion: 1, facts: FACTS });
  expect(framesOf(reader)).toEqual(FRAMES.map(plain));
  expect(framesOf(reader)).toEqual(FRAMES.map(plain));
  expect([reader.tornBytes, reader.unknownFrames]).toEqual([0, 0]);
});

it('has the bytes that the format says', () => {
  const bytes = readFileSync(written([{ kind: 'ring', bytes: Uint8Array.of(0xaa) }]));
  const json = Buffer.from(JSON.stringify(FACTS));
  expect(bytes.subarray(0, 8).toString()).toBe('FBRECORD');
  expect([bytes.readUInt32LE(8), bytes.readUInt32LE(12), bytes.readUInt32LE(16)]).toEqual([1, 1, json.length]);
  expect(bytes.subarray(24, 24 + json.length)).toEqual(json);
  // crc32 (IEEE) of 01 00 00 00 01 00 00 00 aa, computed with Python's zlib
  expect(bytes.subarray(24 + json.length).toString('hex')).toBe('0100000001000000ab6311faaa');
});

it('is readable by its group only, and overwrites nothing', () => {
  const path = written();
  expect(statSync(path).mode & 0o037).toBe(0);
  expect(() => new RecordingWriter(path, {})).toThrow(expect.objectContaining({ code: 'FB_RECORD_WRITE' }));
});

it('cut at every byte: the whole frames before the cut come back, the rest is torn', () => {
  const path = written();
  const ends = boundaries(FRAMES);
  const size = statSync(path).size;
  expect(size).toBe(ends.at(-1));
  for (let cut = size - 1; cut >= ends[0]!; cut--) {
    truncateSync(path, cut);
    const reader = new RecordingReader(path);
    const whole = ends.filter((end) => end <= cut).length - 1;
    expect(framesOf(reader)).toEqual(FRAMES.slice(0, whole).map(plain));
    expect(reader.tornBytes).toBe(cut - ends[whole]!);
  }
});

it('a flipped byte in any frame but the last ends the reading with an error, in the last it is torn', () => {
  const path = written();
  const ends = boundaries(FRAMES);
  const bytes = readFileSync(path);
  FRAMES.forEach((_, i) => {
    const edited = Buffer.from(bytes);
    edited[ends[i + 1]! - 1]! ^= 1;
    writeFileSync(path, edited);
    const reader = new RecordingReader(path);
    if (i < FRAMES.length - 1) {
      expect(() => framesOf(reader)).toThrow(expect.objectContaining({ code: 'FB_RECORD_DAMAGED' }));
    } else {
      expect([framesOf(reader).length, reader.tornBytes]).toEqual([FRAMES.length - 1, 12]);
    }
  });
});

it('skips and counts frames of kinds that it does not know', () => {
  const path = written([]);
  const unknown = encodeFrame({ kind: 'fact', fact: 'x' });
  unknown[0][0] = 9;
  Buffer.from(unknown[0].buffer, unknown[0].byteOffset).writeUInt32LE(
    crc32(Buffer.concat([unknown[0].subarray(0, 8), unknown[1]])),
    8,
  );
  writeFileSync(path, Buffer.concat([readFileSync(path), ...unknown, ...encodeFrame(FRAMES[0]!)]));
  const reader = new RecordingReader(path);
  expect(framesOf(reader)).toEqual([plain(FRAMES[0]!)]);
  expect(reader.unknownFrames).toBe(1);
});

describe('refuses', () => {
  const header = Buffer.from(encodeHeader(1, FACTS));
  const newer = Buffer.from(header);
  newer.writeUInt32LE(3, 8);
  const flipped = Buffer.from(header);
  flipped[30]! ^= 1;
  const huge = Buffer.from(header);
  huge.writeUInt32LE(0xffff_ffff, 16);
  const cases: [string, Uint8Array, string][] = [
    ['another file', Buffer.from('#!/bin/sh\n'), 'FB_RECORD_NOT_A_RECORDING'],
    ['a newer format', newer, 'FB_RECORD_VERSION'],
    ['a damaged header', flipped, 'FB_RECORD_DAMAGED'],
    ['a header of 4 GiB', huge, 'FB_RECORD_DAMAGED'],
    ['a file that ends in its header', header.subarray(0, 40), 'FB_RECORD_DAMAGED'],
    ['an empty file', new Uint8Array(0), 'FB_RECORD_DAMAGED'],
  ];
  it.each(cases)('%s', (_name, bytes, code) => {
    const path = newPath();
    writeFileSync(path, bytes);
    expect(() => new RecordingReader(path)).toThrow(expect.objectContaining({ code }));
  });

  it('a missing file', () => {
    expect(() => new RecordingReader(newPath())).toThrow(expect.objectContaining({ code: 'FB_RECORD_READ' }));
  });

  it('a frame that claims more than any frame has', () => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(0xffff_ffff, 4);
    const path = newPath();
    writeFileSync(path, Buffer.concat([header, head]));
    expect(() => framesOf(new RecordingReader(path))).toThrow(expect.objectContaining({ code: 'FB_RECORD_DAMAGED' }));
  });
});

it('reads a loss report of which parts are missing or of the wrong type as zero', () => {
  const frame = encodeFrame({ kind: 'loss', lost: null, recursionMisses: 'x' } as unknown as Frame);
  const path = written([]);
  writeFileSync(path, Buffer.concat([readFileSync(path), ...frame]));
  expect(framesOf(new RecordingReader(path))).toEqual([{ kind: 'loss', lost: NOTHING, recursionMisses: 0 }]);
});

it('becomes items of a replay, facts handed out in their place', () => {
  const order: string[] = [];
  for (const item of replayItems(FRAMES, (fact) => void order.push(JSON.stringify(fact)))) order.push(item.kind);
  expect(order).toEqual(['tasks', '{"pid":1,"exe":null}', 'ring', 'loss', 'ring']);
});

it('writes nothing after close', () => {
  const writer = new RecordingWriter(newPath(), {});
  writer.close();
  writer.close();
  expect(() => writer.write(FRAMES[0]!)).toThrow(expect.objectContaining({ code: 'FB_RECORD_WRITE' }));
});
