// Bytes of a file or of standard input -> lines of NDJSON. LF or CRLF, a byte order mark at the beginning, no line end at
// the end; memory is bounded by the longest line. Called by commands that read documents.

import { Buffer, isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ForebearError, reasonOf } from '../errors.ts';
import { MAGIC } from '../record/recording.ts';
import type { Io } from './command.ts';

/** A line, or why it cannot be read. Blank lines are left out. */
export interface Line {
  /** 1-based. */
  readonly number: number;
  readonly text: string;
  readonly fault?: string;
}

/** Bytes; a longer line is a fault and not kept. */
export const MAX_LINE = 64 * 1024 * 1024;

export class LineSplitter {
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #number = 0;
  readonly #maxLine: number;

  constructor(maxLine = MAX_LINE) {
    this.#maxLine = maxLine;
  }

  /** in: the next bytes; out: the lines that end in them. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#finish(lines);
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return lines;
  }

  /** out: the line that no line end followed. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#restBytes > 0) this.#finish(lines);
    return lines;
  }

  #keep(bytes: Uint8Array): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes <= this.#maxLine) this.#rest.push(bytes);
    else this.#rest = [];
  }

  #finish(lines: Line[]): void {
    const number = ++this.#number;
    const bytes = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest);
    const tooLong = this.#restBytes > this.#maxLine;
    this.#rest = [];
    this.#restBytes = 0;
    if (tooLong) lines.push({ number, text: '', fault: `longer than ${this.#maxLine} bytes` });
    else if (!isUtf8(bytes)) lines.push({ number, text: '', fault: 'not UTF-8' });
    else {
      const text = textOf(bytes, number === 1);
      if (text.trim() !== '') lines.push({ number, text });
    }
  }
}

function textOf(bytes: Uint8Array, first: boolean): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const from = first && text.startsWith('\ufeff') ? 1 : 0;
  return text.slice(from, text.endsWith('\r') ? -1 : undefined);
}

const ZSTD_MAGIC = 0xfd2fb528;
/** With deflate, the one method there is. */
const GZIP_MAGIC = 0x1f8b08;

/** The path that stands for standard input. */
export const STDIN = '-';

/** Throws (ENOENT, EACCES, FB_COMMAND_INPUT) when one of the files cannot be read, before anything is. */
export async function checkReadable(files: readonly string[]): Promise<void> {
  for (const file of files) {
    if (file !== STDIN && (await stat(file)).isDirectory()) {
      throw new ForebearError('FB_COMMAND_INPUT', `${file} is a folder`, { hint: 'name the files in it' });
    }
  }
}

/** in: path or `-`; out: its lines, as many at a time as a read brought. Throws FB_COMMAND_INPUT. */
export async function* readLines(file: string, io: Io): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter();
  const bytes: AsyncIterable<Uint8Array> = file === STDIN ? io.stdin() : unpacked(file);
  let isFirst = true;
  for await (const chunk of bytes) {
    if (isFirst) assertNoRecording(file, chunk);
    isFirst = false;
    yield splitter.push(chunk);
  }
  yield splitter.end();
}

/** Recordings are read from files, as they are (recording-file.ts). */
function assertNoRecording(file: string, head: Uint8Array): void {
  if (!MAGIC.equals(head.subarray(0, MAGIC.length))) return;
  const what = file === STDIN ? 'standard input brings a recording' : `${file} is a recording that was compressed`;
  const hint = 'name a file with the recording as it was written';
  throw new ForebearError('FB_COMMAND_INPUT', `${what}: documents are read here`, { hint });
}

/** The bytes of a file; of one that zstd or gzip made, what was compressed. Throws FB_COMMAND_INPUT where that is damaged. */
async function* unpacked(file: string): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  const whole = async function* () {
    for (let next = first; next.done !== true; next = await chunks.next()) yield next.value;
  };
  const unpack = first.done === true ? undefined : decompressorOf(first.value);
  if (unpack === undefined) return yield* whole();
  try {
    // A fault of either is thrown where the other is read.
    pipeline(Readable.from(whole()), unpack, () => {});
    yield* unpack as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw new ForebearError('FB_COMMAND_INPUT', `${file} cannot be unpacked: ${reasonOf(cause)}`, { cause });
  } finally {
    stream.destroy();
  }
}

function decompressorOf(head: Buffer) {
  if (head.length >= 4 && head.readUInt32LE(0) === ZSTD_MAGIC) return createZstdDecompress();
  return head.length >= 3 && head.readUIntBE(0, 3) === GZIP_MAGIC ? createGunzip() : undefined;
}
