// Reads a recording (format: recording.ts) from a file of any size, one frame in memory at a time. frames() can be run
// through several times: a replay collects the facts first, then takes the batches.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ForebearError, reasonOf } from '../errors.ts';
import {
  damaged,
  decodeFrame,
  decodeHeader,
  FRAME_HEAD_BYTES,
  type Frame,
  frameIsWhole,
  payloadLength,
  type RecordingHeader,
  unpackFrames,
} from './recording.ts';

export class RecordingReader {
  readonly header: RecordingHeader;
  /** Of the last run through frames(): bytes of a torn last frame, frames of unknown kind. */
  tornBytes = 0;
  unknownFrames = 0;
  readonly #path: string;
  readonly #framesAt: number;

  /** Throws FB_RECORD_READ, FB_RECORD_NOT_A_RECORDING, FB_RECORD_VERSION, FB_RECORD_DAMAGED. */
  constructor(path: string) {
    this.#path = path;
    const { header, end } = withFile(path, readHeader);
    this.header = header;
    this.#framesAt = end;
  }

  /** The frames in order. Throws FB_RECORD_READ, and FB_RECORD_DAMAGED where a frame other than the last does not check. */
  *frames(): Generator<Frame, void, undefined> {
    this.tornBytes = 0;
    this.unknownFrames = 0;
    const fd = opened(this.#path);
    try {
      const size = reading(() => fstatSync(fd).size);
      for (let at = this.#framesAt; ; ) {
        const next = readFrame(fd, at, size);
        this.tornBytes = next.tornBytes;
        if (next.frame === 'end') return;
        for (const frame of next.frame === undefined ? [undefined] : framesOf(next.frame)) {
          if (frame === undefined) this.unknownFrames++;
          else yield frame;
        }
        at = next.end;
      }
    } finally {
      closeSync(fd);
    }
  }
}

interface NextFrame {
  /** packed: whole frames back to back. */
  frame: Frame | { packed: Buffer } | undefined | 'end';
  end: number;
  tornBytes: number;
}

function readFrame(fd: number, at: number, size: number): NextFrame {
  const torn = { frame: 'end', end: at, tornBytes: size - at } as const;
  if (size - at < FRAME_HEAD_BYTES) return torn;
  const head = readAt(fd, at, FRAME_HEAD_BYTES);
  const length = payloadLength(head);
  const end = at + FRAME_HEAD_BYTES + length;
  if (end > size) return torn;
  const payload = readAt(fd, at + FRAME_HEAD_BYTES, length);
  if (!frameIsWhole(head, payload)) {
    if (end === size) return torn;
    throw damaged(`the frame at byte ${at}`);
  }
  const packed = unpackFrames(head, payload);
  return { frame: packed === undefined ? decodeFrame(head, payload) : { packed }, end, tornBytes: 0 };
}

/** undefined: of a kind that is not known. */
function* framesOf(frame: Frame | { packed: Buffer }): Generator<Frame | undefined> {
  if (!('packed' in frame)) {
    yield frame;
    return;
  }
  const { packed } = frame;
  for (let at = 0; at < packed.length; ) {
    const head = packed.subarray(at, at + FRAME_HEAD_BYTES);
    const end = head.length < FRAME_HEAD_BYTES ? Number.POSITIVE_INFINITY : at + FRAME_HEAD_BYTES + payloadLength(head);
    const payload = packed.subarray(at + FRAME_HEAD_BYTES, end);
    if (end > packed.length || !frameIsWhole(head, payload)) throw damaged('a frame in a packed one');
    yield decodeFrame(head, payload);
    at = end;
  }
}

function readHeader(fd: number): { header: RecordingHeader; end: number } {
  for (let bytes = readAt(fd, 0, 4096); ; ) {
    const result = decodeHeader(bytes);
    if (!('needed' in result)) return result;
    const more = readAt(fd, 0, result.needed);
    if (more.length < result.needed) throw damaged('it ends within its header');
    bytes = more;
  }
}

/** What the file has of `length` bytes at `at`; fewer only at its end. */
function readAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let got = 0;
  while (got < length) {
    const n = reading(() => readSync(fd, bytes, got, length - got, at + got));
    if (n === 0) break;
    got += n;
  }
  return bytes.subarray(0, got);
}

function withFile<T>(path: string, action: (fd: number) => T): T {
  const fd = opened(path);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number {
  return reading(() => openSync(path, 'r'));
}

function reading<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ForebearError('FB_RECORD_READ', `the recording cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
