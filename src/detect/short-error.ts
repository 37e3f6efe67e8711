// Errors quote what they are about, and a file may hold a text of 256 KiB, or ten thousand of them. In: an error; out: the same, its
// message short enough for a line of a log and a record of the journal. Called by the readers of rules and of exceptions.

import { ForebearError } from '../errors.ts';

const MOST = 4_000;

export function shortError(error: ForebearError): ForebearError {
  const { code, message, hint, line, column } = error;
  if (message.length <= MOST) return error;
  const details = {
    ...(hint !== undefined && { hint }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  };
  return new ForebearError(code, `${message.slice(0, MOST)} ... (${message.length - MOST} more characters)`, details);
}
