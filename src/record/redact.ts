// Takes arguments and environment variables out of what is recorded, before it is written: each byte of what is redacted becomes a
// star, so that records keep their layout. In: raw batches and process readings, what is to be redacted; out: the same, redacted.
// Pure; called by agent/record-run.ts. A batch that cannot be read is not written from there on: what is in it is not known.

import { Frame } from '../sensor/frame.ts';
import { FIELD, HEAD } from '../sensor/layout.ts';
import { decodeText, encodeText } from '../text.ts';
import type { Json } from './recording.ts';

export type TextTest = (text: string) => boolean;

export interface Redaction {
  /** Of an argument; `all` but the first, which is the program's name. */
  readonly args?: 'all' | TextTest;
  /** Of a variable's name. */
  readonly env?: 'all' | TextTest;
}

const STAR = 0x2a;
const EQUALS = 0x3d;
const DASH = 0x2d;

export class Redactor {
  /** Arguments and variables that were redacted, and bytes that were left out as they could not be read. */
  redacted = 0;
  unreadableBytes = 0;
  readonly #redaction: Redaction;
  readonly #frame = new Frame();

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  get active(): boolean {
    return this.#redaction.args !== undefined || this.#redaction.env !== undefined;
  }

  /** in: whole records back to back; out: a copy, redacted; the very batch when nothing is asked for. */
  batch(bytes: Uint8Array): Uint8Array {
    if (!this.active) return bytes;
    const copy = Buffer.from(bytes);
    const frame = this.#frame;
    frame.open(copy);
    let at = 0;
    while (at < copy.length) {
      const length = frame.recordLength(at);
      if (length === 0 || !frame.split(at + HEAD.size, at + length)) break;
      this.#texts(copy, FIELD.args, (texts) => this.#args(texts));
      this.#texts(copy, FIELD.env, (texts) => this.#env(texts));
      at += length;
    }
    this.unreadableBytes += copy.length - at;
    return copy.subarray(0, at);
  }

  /** in: a fact as it is recorded; out: a copy where it is the reading of a process, redacted. */
  fact(placed: Json): Json {
    if (!this.active || !isObject(placed) || !isObject(placed.fact) || placed.fact.kind !== 'process') return placed;
    const { reading } = placed.fact;
    if (!isObject(reading) || !Array.isArray(reading.args)) return placed;
    const texts = reading.args.map((text) => Buffer.from(encodeText(String(text))));
    this.#args(texts);
    const args = texts.map(decodeText);
    return { ...placed, fact: { ...placed.fact, reading: { ...reading, args } } };
  }

  /** The texts of a field as views of the batch. */
  #texts(bytes: Buffer, field: number, mask: (texts: Buffer[]) => void): void {
    const start = this.#frame.start(field);
    if (start < 0) return;
    const texts: Buffer[] = [];
    const end = start + this.#frame.length(field);
    for (let at = start; at < end; ) {
      const nul = bytes.indexOf(0, at);
      const to = nul < 0 || nul > end ? end : nul;
      texts.push(bytes.subarray(at, to));
      at = to + 1;
    }
    mask(texts);
  }

  /** All are looked at before the first is masked: what follows a name may be a name itself. */
  #args(texts: readonly Buffer[]): void {
    const { args } = this.#redaction;
    if (args === undefined) return;
    const secrets = new Set<Buffer>();
    for (const [i, text] of texts.entries()) {
      if (i === 0) continue;
      if (args === 'all') secrets.add(text);
      else if (args(text.toString('utf8'))) secrets.add(secretOf(text, texts[i + 1]));
    }
    for (const secret of secrets) this.#mask(secret);
  }

  /** The value; a variable without a name is one. */
  #env(texts: readonly Buffer[]): void {
    const { env } = this.#redaction;
    if (env === undefined) return;
    for (const text of texts) {
      const equals = text.indexOf(EQUALS);
      const name = text.subarray(0, Math.max(0, equals));
      if (equals < 0 || env === 'all' || env(name.toString('utf8'))) this.#mask(text.subarray(equals + 1));
    }
  }

  #mask(bytes: Buffer): void {
    if (bytes.length === 0) return;
    bytes.fill(STAR);
    this.redacted++;
  }
}

/** Of an argument that fits: `--name=value` loses its value, `--name value` the argument that follows, anything else all of it. */
function secretOf(text: Buffer, following: Buffer | undefined): Buffer {
  const equals = text.indexOf(EQUALS);
  if (equals > 0) return text.subarray(equals + 1);
  const isOption = text[0] === DASH && text.length > 1;
  return isOption && following !== undefined ? following : text;
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
