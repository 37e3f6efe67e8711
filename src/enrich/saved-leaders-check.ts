// Whether an item of saved leaders has the form of saved-leaders.ts: it comes from a file, or from a recording that
// somebody sent. Pure; called by leader-memory.ts for each item.

import type { EntryType } from './process-entry.ts';
import type { SavedCreator, SavedLeader, SavedMember } from './saved-leaders.ts';
import { isId, isListOf, isMatch, isOptional, isText } from './value-tests.ts';

const TYPES: Record<EntryType, true> = {
  init: true,
  sshd: true,
  ssm: true,
  container: true,
  terminal: true,
  console: true,
  unknown: true,
};

export function isEntryType(value: unknown): value is EntryType {
  return isText(value) && Object.hasOwn(TYPES, value);
}

export function isLeader(value: unknown): value is SavedLeader {
  if (typeof value !== 'object' || value === null) return false;
  const leader = value as Partial<Record<keyof SavedLeader, unknown>>;
  return (
    isIdentity(leader.pid, leader.start, leader.exec) &&
    isEntryType(leader.type) &&
    [leader.ppid, leader.pgid, leader.sid].every(isId) &&
    [leader.uids, leader.gids, leader.groups, leader.tty, leader.namespaces].every((list) => isListOf(list, isId)) &&
    isListOf(leader.capabilities, isMask) &&
    isOptional(leader.cgroup, isText) &&
    isOptional(leader.evidence, (list) => isListOf(list, isText)) &&
    isOptional(leader.creator, isCreator) &&
    isImage(leader.image)
  );
}

export function isMember(value: unknown): value is SavedMember {
  if (!Array.isArray(value)) return false;
  const [pid, start, leader, creator, exec, executable] = value as unknown[];
  return (
    isIdentity(pid, start, exec) &&
    (leader === null || isId(leader)) &&
    (creator === null || isCreator(creator)) &&
    (executable === null || isText(executable))
  );
}

function isCreator(value: unknown): value is SavedCreator {
  if (!Array.isArray(value)) return false;
  const [pid, start, exec, name, guessed = false] = value as unknown[];
  return isIdentity(pid, start, exec) && (name === null || isText(name)) && typeof guessed === 'boolean';
}

function isImage(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { executable, name, args, argc, argsCut, cwd } = value as Partial<Record<keyof SavedLeader['image'], unknown>>;
  return (
    [executable, name, cwd].every((text) => isOptional(text, isText)) &&
    isListOf(args, isText) &&
    Number.isSafeInteger(argc) &&
    typeof argsCut === 'boolean'
  );
}

/** Pid, nanoseconds in 64 bits, an exec as entity-id.ts writes it. */
function isIdentity(pid: unknown, start: unknown, exec: unknown): boolean {
  return isId(pid) && pid > 0 && isMatch(start, /^[0-9]{1,19}$/) && isMatch(exec, /^[0-9a-z]{1,13}$/);
}

function isMask(value: unknown): boolean {
  return isMatch(value, /^[0-9a-f]{1,16}$/);
}
