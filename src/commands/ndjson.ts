// Bytes of a file or of standard input -> lines of NDJSON. LF or CRLF, a byte order mark at the beginning, no line end at
// the end; memory is bounded by the longest line. Called by commands that read documents.

import { Buffer, isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ForebearError } from '../errors.ts';
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

/** in: path or `-`; out: its lines, as many at a time as a read brought. */
export async function* readLines(file: string, io: Io): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter();
  const bytes: AsyncIterable<Uint8Array> =
    file === STDIN ? io.stdin() : createReadStream(file, { highWaterMark: 1 << 18 });
  for await (const chunk of bytes) yield splitter.push(chunk);
  yield splitter.end();
}
