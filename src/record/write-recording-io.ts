// Writes a recording (format: recording.ts) to a file, frame by frame as the run goes. Used by the agent's --record and by
// tests. Writes are synchronous: a recording is asked for by name, and what a crash leaves behind is what matters then.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ForebearError, reasonOf } from '../errors.ts';
import { WIRE_VERSION } from '../sensor/layout.ts';
import { encodeFrame, encodeHeader, type Frame, type RecordingHeader } from './recording.ts';

export class RecordingWriter {
  readonly #fd: number;
  #open = true;
  #failed = false;

  /**
   * @param path a file that does not exist yet; made with mode 0640
   * @param facts what a replay has to know of the host
   * Throws FB_RECORD_WRITE.
   */
  constructor(path: string, facts: RecordingHeader['facts']) {
    this.#fd = writing(() => openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o640));
    this.#write([encodeHeader(WIRE_VERSION, facts)]);
  }

  /** Throws FB_RECORD_WRITE, for instance on a full disk; the caller decides whether the run goes on unrecorded. */
  write(frame: Frame): void {
    this.#write(encodeFrame(frame));
  }

  /** Idempotent. */
  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  /** After a failure nothing more is written: the file may end within a frame, and what follows would be unreadable. */
  #write(parts: Uint8Array[]): void {
    if (this.#failed || !this.#open) throw new ForebearError('FB_RECORD_WRITE', 'the recording has ended');
    this.#failed = true;
    writing(() => {
      let rest = Buffer.concat(parts);
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest));
    });
    this.#failed = false;
  }
}

function writing<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ForebearError('FB_RECORD_WRITE', `the recording cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
