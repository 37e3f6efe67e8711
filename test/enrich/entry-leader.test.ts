import { describe, expect, it } from 'vitest';
import {
  decideEntryLeader,
  type EntryLeaderMode,
  type LeaderSubject,
  type Relation,
} from '../../src/enrich/entry-leader.ts';
import { LINEAGE } from '../tables/entry-leader.lineage.ts';
import { PUBLISHED, type Step } from '../tables/entry-leader.published.ts';
import { FakeHost, HOST_NS, leaderText } from './fake-host.ts';

const CONTAINER = `/system.slice/docker-${'5a'.repeat(32)}.scope`;

function take(host: FakeHost, step: Step): void {
  if (step[0] === 'fork') host.fork(step[1], step[2]);
  else if (step[0] === 'lostFork') host.fork(step[1], step[2], { lost: true });
  else if (step[0] === 'setsid') host.setsid(step[1]);
  else if (step[0] === 'tty') host.change(step[1], { ttyMajor: step[2], ttyMinor: step[3] });
  else if (step[0] === 'exec') host.exec(step[1], step[2]);
  else if (step[0] === 'exit') host.exit(step[1]);
  else if (step[0] === 'lostExit') host.exit(step[1], 0, { lost: true });
  else if (step[0] === 'task') host.task(step[1]);
  else if (step[0] === 'kernelThread') addKernelThread(host, step[1]);
  else if (step[0] === 'isolate') isolate(host, step[1], step[2]);
  else if (step[0] === 'cgroup') host.change(step[1], { cgroup: step[2] });
  else if (step[0] === 'login') host.surroundings.logins.set(step[1], step[2]);
  else host.nowNs += BigInt(step[1]) * 1_000_000_000n;
}

function addKernelThread(host: FakeHost, pid: number): void {
  host.add(pid, { ppid: pid === 2 ? 0 : 2, sid: 0, pgid: 0, kernelThread: true }, '');
}

function isolate(host: FakeHost, pid: number, how: 'pid' | 'mnt' | 'cgroup'): void {
  if (how === 'pid') host.change(pid, { pidNs: HOST_NS.pid + 100 });
  else if (how === 'mnt') host.change(pid, { mntNs: HOST_NS.mnt + 100 });
  else host.change(pid, { cgroup: CONTAINER });
}

function leadersOf(steps: readonly Step[], mode: EntryLeaderMode, pids: readonly string[]): Record<string, string> {
  const host = new FakeHost({ entryLeader: mode });
  for (const step of steps) take(host, step);
  return Object.fromEntries(pids.map((pid) => [pid, leaderText(host.last.get(Number(pid)))]));
}

describe.each(['elastic', 'lineage'] as const)('published scenarios, mode %s', (mode) => {
  it.each(PUBLISHED)('$name', (scenario) => {
    const expected = mode === 'lineage' ? { ...scenario.expect, ...scenario.lineage } : scenario.expect;
    expect(leadersOf(scenario.steps, mode, Object.keys(expected))).toEqual(expected);
  });
});

describe('where the published order fails', () => {
  it.each(LINEAGE)('$name', (scenario) => {
    expect(leadersOf(scenario.steps, 'lineage', Object.keys(scenario.expect))).toEqual(scenario.expect);
  });

  it.each(LINEAGE.filter((scenario) => scenario.elastic !== undefined))('elastic as it stands: $name', (scenario) => {
    const expected = scenario.elastic!;
    expect(leadersOf(scenario.steps, 'elastic', Object.keys(expected))).toEqual(expected);
  });
});

describe('relatives, nearest first', () => {
  const subject: LeaderSubject = {
    pid: 100,
    ppid: 90,
    sid: 80,
    kernel: false,
    name: 'bash',
    ttyMajor: 0,
    ttyMinor: 0,
    parentName: undefined,
    creator: undefined,
    isolation: [],
    held: undefined,
    loginSession: () => undefined,
    hasLeader: () => false,
  };
  const cases: [EntryLeaderMode, Relation[], Relation | 'none'][] = [
    ['lineage', ['group', 'session', 'parent', 'creator'], 'creator'],
    ['lineage', ['group', 'session', 'parent'], 'parent'],
    ['lineage', ['group', 'session'], 'session'],
    ['lineage', ['group'], 'group'],
    ['lineage', [], 'none'],
    ['elastic', ['group', 'session', 'parent', 'creator'], 'parent'],
    ['elastic', ['group', 'session'], 'session'],
    ['elastic', ['group'], 'group'],
    ['elastic', [], 'none'],
  ];

  it.each(cases)('%s, known: %j, gives %s', (mode, known, leader) => {
    expect(decideEntryLeader({ ...subject, hasLeader: (of) => known.includes(of) }, mode)).toEqual({ leader });
  });
});
