// Writes a recording (format: recording.ts) to a file. Frame by frame as the run goes: the agent's --record and tests. Writes are
// synchronous: a recording is asked for by name, and what a crash leaves behind is what matters then. Packed: `forebear record`; a
// crash costs what was not flushed.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ForebearError, reasonOf } from '../errors.ts';
import { WIRE_VERSION } from '../sensor/layout.ts';
import { encodeFrame, encodeHeader, type Frame, packFrames, type RecordingHeader } from './recording.ts';

/** Of frames that are packed together: zstd gains nothing by more. */
const PACK_BYTES = 4 << 20;

export class RecordingWriter {
  readonly #fd: number;
  #open = true;
  #failed = false;
  /** In the file. */
  bytes = 0;
  /** Of frames that wait to be packed, and their size. */
  #waiting: Uint8Array[] | undefined;
  #waitingBytes = 0;

  /**
   * @param path a file that does not exist yet; made with mode 0640
   * @param facts what a replay has to know of the host
   * Throws FB_RECORD_WRITE.
   */
  constructor(path: string, facts: RecordingHeader['facts'], { packed = false } = {}) {
    this.#fd = writing(() => openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o640));
    if (packed) this.#waiting = [];
    this.#write([encodeHeader(WIRE_VERSION, facts, packed ? 2 : 1)]);
  }

  /** Throws FB_RECORD_WRITE, for instance on a full disk; the caller decides whether the run goes on unrecorded. */
  write(frame: Frame): void {
    this.#assertGoesOn();
    const [head, payload] = encodeFrame(frame);
    if (this.#waiting === undefined) {
      this.#write([head, payload]);
      return;
    }
    // The batch is the sensor's again after this call.
    this.#waiting.push(head, Uint8Array.from(payload));
    this.#waitingBytes += head.length + payload.length;
    if (this.#waitingBytes >= PACK_BYTES) this.flush();
  }

  /** Packs and writes what waits. Throws FB_RECORD_WRITE. */
  flush(): void {
    if (this.#waiting === undefined || this.#waitingBytes === 0) return;
    const frames = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#write(packFrames(frames));
  }

  /** Idempotent. Throws FB_RECORD_WRITE where something waited. */
  close(): void {
    if (!this.#open) return;
    try {
      if (!this.#failed) this.flush();
    } finally {
      this.#open = false;
      closeSync(this.#fd);
    }
  }

  /** After a failure nothing more is written: the file may end within a frame, and what follows would be unreadable. */
  #write(parts: Uint8Array[]): void {
    this.#assertGoesOn();
    this.#failed = true;
    writing(() => {
      let rest = Buffer.concat(parts);
      while (rest.length > 0) {
        const written = writeSync(this.#fd, rest);
        this.bytes += written;
        rest = rest.subarray(written);
      }
    });
    this.#failed = false;
  }

  #assertGoesOn(): void {
    if (this.#failed || !this.#open) throw new ForebearError('FB_RECORD_WRITE', 'the recording has ended');
  }
}

function writing<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ForebearError('FB_RECORD_WRITE', `the recording cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
