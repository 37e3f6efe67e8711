// Whether a fact of a recording has the form of surroundings.ts: a recording may be damaged, or come from anywhere. Pure; called by
// fact-json.ts.

import type { TaskState } from '../sensor/record.ts';
import { isHashAnswer } from './hash-answer.ts';
import { isEntryType } from './saved-leaders-check.ts';
import type { Fact, HostFacts, HostNamespaces, ProcessReading } from './surroundings.ts';
import { hasMembers, isId, isListOf, isOptional, isText, type Test, wrongMember } from './value-tests.ts';

type Members<T> = Readonly<Record<keyof T & string, Test>>;

const isNumber: Test = Number.isFinite;
const isBigint: Test = (value) => typeof value === 'bigint';
const isBoolean: Test = (value) => typeof value === 'boolean';
const isTexts: Test = (value) => isListOf(value, isText);
const isTextOrNot: Test = (value) => isOptional(value, isText);
const isNames: Test = (value) =>
  isListOf(value, (pair) => Array.isArray(pair) && pair.length === 2 && isId(pair[0]) && isText(pair[1]));

const TASK: Members<TaskState> = {
  tgid: isId,
  startNs: isBigint,
  ppid: isId,
  parentStartNs: isBigint,
  pgid: isId,
  groupLeaderStartNs: isBigint,
  sid: isId,
  sessionLeaderStartNs: isBigint,
  uid: isId,
  euid: isId,
  suid: isId,
  gid: isId,
  egid: isId,
  sgid: isId,
  capPermitted: isBigint,
  capEffective: isBigint,
  ttyMajor: isId,
  ttyMinor: isId,
  pidNs: isId,
  mntNs: isId,
  userNs: isId,
  netNs: isId,
  groupCount: isId,
  comm: isText,
  kernelThread: isBoolean,
};

const READING: Members<ProcessReading> = {
  task: hasMembers(TASK),
  executable: isTextOrNot,
  args: isTexts,
  argsCut: isBoolean,
  cwd: isTextOrNot,
  cgroup: isTextOrNot,
  groups: (value) => isListOf(value, isId),
};

const OS: Members<HostFacts['os']> = {
  family: isTextOrNot,
  full: isTextOrNot,
  kernel: isTextOrNot,
  name: isTextOrNot,
  platform: isTextOrNot,
  version: isTextOrNot,
};

const HOST: Members<HostFacts> = {
  id: isTextOrNot,
  name: isText,
  architecture: isTextOrNot,
  ip: isTexts,
  mac: isTexts,
  os: hasMembers(OS),
};

const NAMESPACES: Members<HostNamespaces> = { pid: isId, mnt: isId, user: isId, net: isId };

/** Of each kind; saved leaders and answers about hashes are looked at where they are used, and below. */
const MEMBERS: Record<Fact['kind'], Readonly<Record<string, Test>>> = {
  start: {
    bootId: isText,
    host: hasMembers(HOST),
    namespaces: hasMembers(NAMESPACES),
    wallOffsetMs: isNumber,
    users: isNames,
    groups: isNames,
  },
  names: { users: isNames, groups: isNames },
  name: { of: (value) => value === 'user' || value === 'group', id: isId, name: isText },
  wall_offset: { ms: isNumber },
  loss: { record: isText, count: isId },
  backfill: { max: isId },
  expire: { max: isId },
  process: { pid: isId, startNs: isBigint, reading: (value) => value === null || hasMembers(READING)(value) },
  alive: { pid: isId, startNs: isBigint, alive: isBoolean },
  login_session: { id: isText, type: (value) => value === null || isEntryType(value) },
  hash: { file: isText },
  hash_late: { file: isText },
  canary: {},
  selftest: { id: isText, directory: isText, fromNs: isBigint, untilNs: isBigint, uid: isId },
};

/** out: what is wrong with a fact, in words; undefined: nothing. */
export function faultOf(fact: { kind?: unknown; hashes?: unknown; reason?: unknown }): string | undefined {
  const kind = String(fact.kind);
  if (!Object.hasOwn(MEMBERS, kind)) return 'unknown kind';
  const wrong = wrongMember(fact, MEMBERS[kind as Fact['kind']]);
  if (wrong !== undefined) return `${kind}.${wrong} is not what it has to be`;
  return kind === 'hash' && !isHashAnswer(fact) ? 'hash has no answer' : undefined;
}
