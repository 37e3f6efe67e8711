// Forms of single values of the configuration that its other readers (readers.ts) do not have. Used by config.ts.

import type { Key } from './readers.ts';

export const VARIABLE: Key<string> = {
  fallback: '',
  expected: 'the name of an environment variable',
  read: (value) => (typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(value) ? value : undefined),
};

/** Compared as it stands: a relative one would fit nothing. */
export const ABSOLUTE = short('an absolute path', /^\/[^\0]+$/, 4096);
/** What the kernel side compares (native/wire.h): a longer one would be cut, and fit more than it says. */
export const PATH_BEGIN = short('the beginning of an absolute path, at most 60 bytes', /^\/[^\0]*$/, 60);
export const FOLDER_NAME = short('a name of at most 15 bytes', /^[^/\0]+$/, 15);

export const ITEM_ID: Key<string> = {
  fallback: '',
  expected: 'the item_id of an exception',
  read: (value) => (typeof value === 'string' && value !== '' && value.length <= 1024 ? value : undefined),
};

function short(expected: string, form: RegExp, maxBytes: number): Key<string> {
  const fits = (value: unknown) =>
    typeof value === 'string' && form.test(value) && Buffer.byteLength(value) <= maxBytes;
  return { fallback: '', expected, read: (value) => (fits(value) ? (value as string) : undefined) };
}
