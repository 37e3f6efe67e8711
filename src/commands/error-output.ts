// How an error ends a command (cli.md): with --json one line {"error":{...}}, else message and hint for a person.
// A stack is shown only for what is our own mistake. Called by program.ts and main.ts.

import { CommanderError } from 'commander';
import { ForebearError, plainReason, reasonOf } from '../errors.ts';
import { escapeJson, escapeLines } from './terminal.ts';
import { VERSION } from './version.ts';

/** in: whatever was thrown; out: what goes to stderr, with its line end. Never throws. */
export function formatError(thrown: unknown, json: boolean): string {
  const error = known(thrown);
  if (json) return `${escapeJson(JSON.stringify({ error: jsonOf(error ?? internal(thrown)) }))}\n`;
  return escapeLines(error === undefined ? unexpectedText(thrown) : textOf(error));
}

/** Errors that a person can do something about, as one class; undefined for our own mistakes. */
function known(thrown: unknown): ForebearError | undefined {
  if (thrown instanceof ForebearError) return thrown;
  if (thrown instanceof CommanderError) return usageError(thrown);
  return isSystemError(thrown) ? systemError(thrown) : undefined;
}

/** commander's "error: unknown option '--sevrity'\n(Did you mean --severity?)" -> message and hint. */
function usageError(error: CommanderError): ForebearError {
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n');
  const hint = /^\((.*)\)$/.exec(rest.join(' '))?.[1];
  return new ForebearError('FB_COMMAND_USAGE', first!, { hint: hint ?? 'forebear COMMAND --help shows the usage' });
}

const READERS = 'root may; installed, members of group forebear may read journal and status';

function systemError(thrown: SystemError): ForebearError {
  const about = thrown.path === undefined ? '' : `${thrown.path}: `;
  const hint = thrown.code === 'EACCES' ? { hint: READERS } : {};
  return new ForebearError(`FB_SYSTEM_${thrown.code}`, `${about}${plainReason(thrown)}`, { cause: thrown, ...hint });
}

type SystemError = Error & { code: string; path?: string };

/** An error of the operating system: it has an errno code and the call that failed. */
function isSystemError(thrown: unknown): thrown is SystemError {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown && /^E[A-Z0-9]+$/.test(String(thrown.code));
}

function internal(thrown: unknown): ForebearError {
  return new ForebearError('FB_INTERNAL', reasonOf(thrown), { hint: 'this is a fault of Forebear: please report it' });
}

function jsonOf({ code, message, hint, line, column }: ForebearError): Record<string, unknown> {
  return { code, message, hint, line, column };
}

function textOf(error: ForebearError): string {
  const [first, ...rest] = error.message.split('\n');
  const column = error.column === undefined ? '' : `, column ${error.column}`;
  const place = error.line === undefined ? '' : ` (line ${error.line}${column})`;
  const hint = error.hint === undefined ? [] : [error.hint];
  return `${[`forebear: ${first}${place}`, ...rest, ...hint].join('\n')}\n`;
}

function unexpectedText(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return `forebear ${VERSION}: unexpected error, a fault of Forebear; please report this:\n${stack}\n`;
}
