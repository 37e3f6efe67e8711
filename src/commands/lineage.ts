// The ancestors of an alert's process, read from its document: forebear.lineage (oldest first, the process itself last)
// or, without it, process.parent and process. Used by the alert line and by `show`.

import { isObject, objectsAt, textAt, textsAt, valueAt } from './document.ts';

/** One process of the tree; text is as in the document, not escaped. */
export interface Ancestor {
  pid?: string | undefined;
  entityId?: string | undefined;
  name?: string | undefined;
  executable?: string | undefined;
  commandLine?: string | undefined;
  userId?: string | undefined;
  source?: string | undefined;
}

/** in: the alert's document; out: at least one element, the process itself last. Never throws. */
export function lineageOf(document: unknown): Ancestor[] {
  const entries = objectsAt(document, 'forebear.lineage').map((entry) => ancestorOf(entry, 'user_id'));
  if (entries.length > 0) return entries;
  const own = ancestorOf(valueAt(document, 'process'), 'user.id');
  const parent = valueAt(document, 'process.parent');
  return isObject(parent) ? [ancestorOf(parent, 'user.id'), own] : [own];
}

function ancestorOf(process: unknown, userPath: string): Ancestor {
  const args = textsAt(process, 'args');
  return {
    pid: textAt(process, 'pid'),
    entityId: textAt(process, 'entity_id'),
    name: textAt(process, 'name'),
    executable: textAt(process, 'executable'),
    commandLine: textAt(process, 'command_line') ?? (args.length > 0 ? args.join(' ') : undefined),
    userId: textAt(process, userPath),
    source: textAt(process, 'source'),
  };
}

const SYSTEM_FOLDERS = /^\/(usr\/)?(local\/)?(s?bin|lib\d*|libexec)\//;

/**
 * What a person knows the process by: its name; where its file lies outside the system's folders, the path, as it was
 * typed (`./payload`) when that is an end of it: argv[0] is the caller's to choose and is not believed otherwise.
 */
export function labelOf(process: Ancestor): string {
  const { name, executable } = process;
  if (executable === undefined || executable === '') return name ?? '?';
  if (SYSTEM_FOLDERS.test(executable)) return name ?? baseOf(executable);
  const typed = process.commandLine?.split(' ', 1)[0] ?? '';
  return namesFile(typed, executable) ? typed : executable;
}

/** The command line; when it begins with another name than the file's, the true one before it: `/tmp/evil (ls -l)`. */
export function runOf(process: Ancestor): string {
  const { commandLine, name, executable } = process;
  if (commandLine === undefined) return labelOf(process);
  const first = commandLine.split(' ', 1)[0]!.replace(/^-/, '');
  const honest = executable === undefined ? name === undefined || baseOf(first) === name : isHonest(first, executable);
  return honest ? commandLine : `${labelOf(process)} (${commandLine})`;
}

/** A program of the system may go by its bare name, or by another of the system's folders (/bin is /usr/bin). */
function isHonest(first: string, executable: string): boolean {
  if (namesFile(first, executable)) return true;
  const known = !first.includes('/') || SYSTEM_FOLDERS.test(first);
  return known && SYSTEM_FOLDERS.test(executable) && baseOf(first) === baseOf(executable);
}

/** The path itself, or typed from a folder on it: `./payload`, `bin/payload`. */
function namesFile(typed: string, executable: string): boolean {
  if (typed.startsWith('/')) return typed === executable;
  return typed.includes('/') && executable.endsWith(`/${typed.replace(/^(\.\.?\/)+/, '')}`);
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
