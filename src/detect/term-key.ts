// How a tuple of new_terms values is written as one string, the key of the term store, and back. Pure; used by the
// detector and new-terms.ts, and by the export and import of histories (term-lines.ts).

import { createHash } from 'node:crypto';

/** Keys longer than this are stored as their SHA-256: a command line can have 32 KiB. */
const MAX_TERM = 256;
const HASHED = 'sha256:';

/** A tuple as one string, equal for equal tuples only: each value with its length (UTF-16 units) before it. */
export function termKey(values: readonly string[]): string {
  const key = values.map((value) => `${value.length}:${value}`).join('');
  if (key.length <= MAX_TERM) return key;
  return hashKey(createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url'));
}

/** in: SHA-256 of a long key (UTF-16LE), base64url, as termHash gives it; out: the key. */
export function hashKey(hash: string): string {
  return `${HASHED}${hash}`;
}

/** The hash of a key that was too long to keep; undefined: its values are there. */
export function termHash(key: string): string | undefined {
  return key.startsWith(HASHED) ? key.slice(HASHED.length) : undefined;
}

/** The values of a key that is no hash; undefined: termKey did not make it. */
export function termValues(key: string): string[] | undefined {
  const values: string[] = [];
  for (let at = 0; at < key.length; ) {
    const colon = key.indexOf(':', at);
    const digits = key.slice(at, Math.max(colon, at));
    const end = colon + 1 + Number(digits);
    if (!/^\d{1,3}$/.test(digits) || end > key.length) return undefined;
    values.push(key.slice(colon + 1, end));
    at = end;
  }
  return values.length === 0 ? undefined : values;
}
