// The body of a request: read and inflated within bounds, so that neither a large one nor a gzip bomb costs more memory than
// is allowed, of one request and of all together. In: the stream; out: bytes, or a refusal. Called by endpoint.ts.

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Bytes that all requests together may hold. */
export class Budget {
  readonly most: number;
  #taken = 0;

  constructor(most: number) {
    this.most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  /** out: whether there was room. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.most) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }
}

export type Body =
  | { is: 'read'; bytes: Buffer; release(): void }
  /** broken: the client went away, or its gzip is none. */
  | { is: 'too_large' | 'busy' | 'broken'; reason: string };

export interface BodyLimits {
  /** Inflated. */
  maxBytes: number;
  budget: Budget;
}

/** in: what was announced and arrives; out: the whole body, counted in the budget until released. Never throws. */
export async function readBody(
  stream: AsyncIterable<Buffer>,
  encoding: 'identity' | 'gzip',
  { maxBytes, budget }: BodyLimits,
): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  const refuse = (is: 'too_large' | 'busy' | 'broken', reason: string): Body => {
    budget.give(size);
    return { is, reason };
  };
  try {
    for await (const chunk of encoding === 'gzip' ? inflated(stream) : stream) {
      if (size + chunk.length > maxBytes) return refuse('too_large', `a body has at most ${maxBytes} bytes`);
      if (!budget.take(chunk.length)) return refuse('busy', 'too many bodies at once');
      size += chunk.length;
      chunks.push(chunk);
    }
  } catch {
    return refuse('broken', encoding === 'gzip' ? 'no gzip, or cut' : 'cut');
  }
  return { is: 'read', bytes: Buffer.concat(chunks), release: () => budget.give(size) };
}

/** Inflates as it is read: what is refused is not inflated any further. */
async function* inflated(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const source = Readable.from(stream);
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}
