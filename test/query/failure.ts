// The typed error that a call must throw.

import { ForebearError } from '../../src/errors.ts';

/** in: a call; out: its ForebearError; throws when it does not fail, or with anything else. */
export function failure(call: () => unknown): ForebearError {
  try {
    call();
  } catch (error) {
    if (error instanceof ForebearError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}
