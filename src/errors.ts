// The one error class, and what to do with whatever was thrown. Codes are FB_<STAGE>_<WHAT>; tests and scripts check codes, never
// message text.

export interface ErrorDetails {
  /** What the user can do about it. */
  hint?: string;
  /** 1-based, where the error is about a text. */
  line?: number;
  column?: number;
  cause?: unknown;
}

export class ForebearError extends Error {
  readonly code: string;
  readonly hint?: string;
  readonly line?: number;
  readonly column?: number;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ForebearError';
    this.code = code;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.line !== undefined) this.line = details.line;
    if (details.column !== undefined) this.column = details.column;
  }
}

/**
 * The text of whatever was thrown, for a message.
 * in: anything; out: one line.
 */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return String(thrown);
}

/** The same in one line for whoever does not see the error itself: with its place and with what can be done. */
export function reasonAndHint(thrown: unknown): string {
  if (!(thrown instanceof ForebearError)) return reasonOf(thrown);
  const { message, line, hint } = thrown;
  const place = line === undefined ? '' : `, line ${line}`;
  return `${message}${place}${hint === undefined ? '' : ` (${hint})`}`;
}

/**
 * The same for a person, with an error of the operating system in its words alone: "ENOENT: no such file or directory,
 * open 'x'" -> "no such file or directory"; whoever reports it names the file.
 */
export function plainReason(thrown: unknown): string {
  const reason = reasonOf(thrown);
  return (thrown as { syscall?: unknown } | null)?.syscall === undefined
    ? reason
    : reason.replace(/^E[A-Z0-9]+: (.*?), \w+( '.*)?$/s, '$1');
}

/** Where it does not matter why it cannot be had. out: what it returns; undefined: it threw. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
