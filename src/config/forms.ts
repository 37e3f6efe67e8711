// Forms of single values of the configuration that its other readers (readers.ts) do not have. Used by config.ts.

import { type Key, text } from './readers.ts';

export const VARIABLE: Key<string> = {
  fallback: '',
  expected: 'the name of an environment variable',
  read: (value) => (typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(value) ? value : undefined),
};

export const PATH_BEGIN = text('how an absolute path begins', /^\/[^\0]{0,59}$/);
export const FOLDER_NAME = text('a name of at most 15 bytes', /^[^/\0]{1,15}$/);

export const ITEM_ID: Key<string> = {
  fallback: '',
  expected: 'the item_id of an exception',
  read: (value) => (typeof value === 'string' && value !== '' && value.length <= 1024 ? value : undefined),
};
