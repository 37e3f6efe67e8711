// The end of a file of NDJSON lines, as a crash can have left it -> what to mend, and which parcels are in it already. Pure;
// called by file-io.ts when it opens. Parcels go into the file in order: those that it has are the first of what is sent next.

import { createHash } from 'node:crypto';
import type { Parcel } from '../output.ts';

const NEWLINE = 0x0a;

/** How the end is mended: nothing to do, the newline is missing behind a whole line, or `cut` bytes of a torn line are there. */
export type Mend = { is: 'whole' } | { is: 'newline' } | { is: 'cut'; bytes: number };

/**
 * in: the file's last bytes, whether they are all it has; out: how to mend its end. undefined: there is no newline in them,
 * so this is none of our files.
 */
export function mendOf(tail: Buffer, isAll: boolean): Mend | undefined {
  if (tail.length === 0 || tail.at(-1) === NEWLINE) return { is: 'whole' };
  const start = tail.lastIndexOf(NEWLINE) + 1;
  if (start === 0 && !isAll) return undefined;
  const torn = tail.subarray(start);
  return idsOf(torn).object ? { is: 'newline' } : { is: 'cut', bytes: torn.length };
}

/** The parcels whose lines stand in the last bytes of files. A line that these bytes begin within is none. */
export class KnownLines {
  readonly #hashes = new Set<string>();
  readonly #uuids = new Set<string>();

  /** in: the last bytes of a file, whether they are all it has. */
  add(tail: Buffer, isAll: boolean): void {
    let start = isAll ? 0 : tail.indexOf(NEWLINE) + 1;
    for (let end = tail.indexOf(NEWLINE, start); end !== -1; end = tail.indexOf(NEWLINE, start)) {
      const line = tail.subarray(start, end);
      this.#hashes.add(hashOf(line));
      const { uuid } = idsOf(line);
      if (uuid !== undefined) this.#uuids.add(uuid);
      start = end + 1;
    }
  }

  /** Whether this very document is there, or an alert of that uuid: more amends may be folded into it by now. */
  find({ kind, id, document }: Parcel): 'document' | 'alert' | undefined {
    if (this.#hashes.has(hashOf(document))) return 'document';
    return kind === 'alert' && this.#uuids.has(id) ? 'alert' : undefined;
  }
}

function hashOf(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('base64');
}

function idsOf(line: Buffer): { object: boolean; uuid?: string } {
  try {
    const document = JSON.parse(line.toString('utf8')) as { kibana?: { alert?: { uuid?: unknown } } } | null;
    const uuid = document?.kibana?.alert?.uuid;
    return { object: typeof document === 'object' && document !== null, ...(typeof uuid === 'string' && { uuid }) };
  } catch {
    return { object: false };
  }
}
