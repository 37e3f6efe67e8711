// Errors of the journal: what the file system threw becomes one of ours, with what the user can do. Codes: FB_JOURNAL_*.

import { ForebearError, reasonOf } from '../errors.ts';
import { systemCode } from './journal-io.ts';

/** Whether the file system has no room (disk or quota), as opposed to a fault. */
export function isFull(thrown: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(thrown));
}

/** in: anything thrown, what was being done; out: itself when it is ours, else FB_JOURNAL_FULL, _ACCESS or _IO. */
export function journalError(thrown: unknown, doing: string): ForebearError {
  if (thrown instanceof ForebearError) return thrown;
  const message = `${doing}: ${reasonOf(thrown)}`;
  if (isFull(thrown)) {
    const hint = 'Free space, or lower the journal limits; alerts are refused and counted until then.';
    return new ForebearError('FB_JOURNAL_FULL', message, { hint, cause: thrown });
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(thrown))) {
    const hint = 'Check the owner and mode of the state directory, or name another with --state.';
    return new ForebearError('FB_JOURNAL_ACCESS', message, { hint, cause: thrown });
  }
  return new ForebearError('FB_JOURNAL_IO', message, { cause: thrown });
}
