// The body of a request: read and inflated within bounds, so that neither a large one nor a gzip bomb costs more memory than
// is allowed, of one request and of all together. In: the stream; out: bytes, or a refusal. Called by endpoint.ts.

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Inflated at once: fewer crossings from zlib. */
const CHUNK_BYTES = 65_536;
/** Of all, what one sender may hold without regard to others: some batches. */
const SMALL = 1 / 16;

/**
 * Bytes that all requests together may hold. Who holds much has only half of it: a sender of large bodies, however slow, leaves
 * room for the others.
 */
export class Budget {
  readonly most: number;
  readonly #forLarge: number;
  readonly #bySender = new Map<string, number>();
  #taken = 0;

  /** in: bytes in all, and those that one body may have. */
  constructor(most: number, oneBody: number) {
    this.most = most;
    this.#forLarge = Math.min(most, Math.max(most / 2, oneBody));
  }

  get taken(): number {
    return this.#taken;
  }

  /** out: whether there was room. */
  take(bytes: number, sender: string): boolean {
    const held = (this.#bySender.get(sender) ?? 0) + bytes;
    const room = held > this.most * SMALL ? this.#forLarge : this.most;
    if (this.#taken + bytes > room) return false;
    this.#taken += bytes;
    this.#bySender.set(sender, held);
    return true;
  }

  give(bytes: number, sender: string): void {
    this.#taken -= bytes;
    const held = (this.#bySender.get(sender) ?? 0) - bytes;
    if (held > 0) this.#bySender.set(sender, held);
    else this.#bySender.delete(sender);
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

/** in: what arrives, of whom; out: the whole body, counted in the budget until released. Never throws. */
export async function readBody(
  stream: AsyncIterable<Buffer>,
  encoding: 'identity' | 'gzip',
  { maxBytes, budget }: BodyLimits,
  sender: string,
): Promise<Body> {
  // What never fits is too large, not for later.
  const most = Math.min(maxBytes, budget.most);
  const chunks: Buffer[] = [];
  let size = 0;
  const refuse = (is: 'too_large' | 'busy' | 'broken', reason: string): Body => {
    budget.give(size, sender);
    return { is, reason };
  };
  try {
    for await (const chunk of encoding === 'gzip' ? inflated(stream) : stream) {
      if (size + chunk.length > most) return refuse('too_large', `a body has at most ${most} bytes`);
      if (!budget.take(chunk.length, sender)) return refuse('busy', 'too many bodies at once');
      size += chunk.length;
      chunks.push(chunk);
    }
  } catch {
    return refuse('broken', encoding === 'gzip' ? 'no gzip, or cut' : 'cut');
  }
  return { is: 'read', bytes: Buffer.concat(chunks), release: () => budget.give(size, sender) };
}

/** Inflates as it is read: what is refused is not inflated any further. */
async function* inflated(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const source = Readable.from(stream);
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}
