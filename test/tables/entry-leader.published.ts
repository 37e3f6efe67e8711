// The scenarios that Elastic's published entry leader is known by, re-encoded as steps of a fake host. They hold in both
// modes but where `lineage` says otherwise. Pid 1 is there from the start.

export type Step =
  | readonly ['fork', parent: number, pid: number]
  | readonly ['lostFork', parent: number, pid: number]
  | readonly ['setsid', pid: number]
  | readonly ['tty', pid: number, major: number, minor: number]
  | readonly ['exec', pid: number, executable: string]
  | readonly ['exit', pid: number]
  | readonly ['lostExit', pid: number]
  | readonly ['task', pid: number]
  | readonly ['kernelThread', pid: number]
  /** Another pid or mount namespace than the host's, or a cgroup. */
  | readonly ['isolate', pid: number, how: 'pid' | 'mnt' | 'cgroup']
  | readonly ['cgroup', pid: number, path: string]
  | readonly ['login', session: string, type: 'sshd' | 'console' | 'init']
  | readonly ['wait', seconds: number];

export interface Scenario {
  name: string;
  steps: readonly Step[];
  /** pid -> type@leader after its last record, or `none`. */
  expect: Readonly<Record<number, string>>;
  /** Where the lineage mode differs. */
  lineage?: Readonly<Record<number, string>>;
}

/** A session of its own, as a daemon or a login makes it: fork, setsid, terminal, exec. */
export function session(parent: number, pid: number, executable: string, tty?: readonly [number, number]): Step[] {
  const terminal: Step[] = tty === undefined ? [] : [['tty', pid, tty[0], tty[1]]];
  return [['fork', parent, pid], ['setsid', pid], ...terminal, ['exec', pid, executable]];
}

const PTS = [136, 0] as const;
const START: readonly Step[] = [['task', 1]];
const SSHD = [...START, ...session(1, 100, '/usr/sbin/sshd')];
const SHIM = '/usr/bin/containerd-shim-runc-v2';

export const PUBLISHED: readonly Scenario[] = [
  {
    name: 'login on a console',
    steps: [...START, ...session(1, 100, '/bin/login', [4, 62])],
    expect: { 100: 'console@100' },
  },
  {
    name: 'login on a console, as its getty is started and execs it',
    steps: [
      ...START,
      ...session(1, 100, '/sbin/agetty', [4, 1]),
      ['exec', 100, '/bin/login'],
      ...session(100, 101, '/bin/bash', [4, 1]),
    ],
    expect: { 100: 'console@100', 101: 'console@100' },
  },
  {
    name: 'a serial terminal',
    steps: [...START, ...session(1, 100, '/sbin/agetty', [4, 64])],
    expect: { 100: 'terminal@100' },
  },
  {
    name: 'the last serial terminal',
    steps: [...START, ...session(1, 100, '/bin/sh', [4, 255])],
    expect: { 100: 'terminal@100' },
  },
  {
    name: 'another program on a console is a service',
    steps: [...START, ...session(1, 100, '/usr/bin/Xorg', [4, 7])],
    expect: { 100: 'init@100' },
  },
  { name: 'a service', steps: [...START, ...session(1, 100, '/usr/sbin/rsyslogd')], expect: { 100: 'init@100' } },
  {
    name: 'what a service starts',
    steps: [
      ...START,
      ...session(1, 100, '/usr/sbin/cron'),
      ['fork', 100, 101],
      ['exec', 101, '/bin/sh'],
      ...session(101, 102, '/usr/bin/job'),
    ],
    expect: { 101: 'init@100', 102: 'init@100' },
  },
  {
    name: 'a session of Systems Manager',
    steps: [
      ...START,
      ...session(1, 100, '/usr/bin/ssm-agent-worker'),
      ['fork', 100, 101],
      ['exec', 101, '/usr/bin/ssm-session-worker'],
      ...session(101, 102, '/bin/bash', PTS),
    ],
    expect: { 101: 'init@100', 102: 'ssm@102' },
  },
  {
    name: 'no terminal, no session of Systems Manager',
    steps: [...START, ...session(1, 100, '/usr/bin/ssm-session-worker'), ...session(100, 101, '/bin/bash')],
    expect: { 101: 'init@100' },
  },
  {
    name: 'ssh, the shell forked by the listener',
    steps: [...SSHD, ...session(100, 101, '/bin/bash', PTS)],
    expect: { 100: 'init@100', 101: 'sshd@101' },
  },
  {
    name: 'ssh, one sshd between',
    steps: [...SSHD, ...session(100, 101, '/usr/sbin/sshd'), ...session(101, 102, '/bin/bash', PTS)],
    expect: { 101: 'init@100', 102: 'sshd@102' },
  },
  {
    name: 'ssh, two sshd between',
    steps: [
      ...SSHD,
      ...session(100, 101, '/usr/sbin/sshd'),
      ['fork', 101, 102],
      ['exec', 102, '/usr/sbin/sshd'],
      ...session(102, 103, '/bin/bash', PTS),
    ],
    expect: { 101: 'init@100', 102: 'init@100', 103: 'sshd@103' },
  },
  {
    name: 'ssh host command: no terminal',
    steps: [...SSHD, ...session(100, 101, '/bin/bash')],
    expect: { 101: 'sshd@101' },
  },
  {
    name: 'programs of an ssh session, pipelines and job control',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, './payload'],
      ['fork', 102, 103],
      ['exec', 103, '/usr/bin/systemctl'],
    ],
    expect: { 102: 'sshd@101', 103: 'sshd@101' },
  },
  {
    name: 'sudo with a terminal of its own',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/sudo'],
      ['fork', 102, 103],
      ['setsid', 103],
      ['tty', 103, 136, 1],
      ['fork', 103, 104],
      ['exec', 104, '/usr/bin/systemctl'],
    ],
    expect: { 102: 'sshd@101', 103: 'sshd@101', 104: 'sshd@101' },
  },
  {
    name: 'su --pty, a session leader that execs the shell',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/su'],
      ...session(102, 103, '/bin/bash', [136, 1]),
    ],
    expect: { 103: 'sshd@101' },
  },
  {
    name: 'a container of containerd',
    steps: [
      ...START,
      ['fork', 1, 100],
      ['exec', 100, SHIM],
      ['fork', 100, 101],
      ['isolate', 101, 'mnt'],
      ['setsid', 101],
      ['exec', 101, '/bin/bash'],
    ],
    expect: { 101: 'container@101' },
  },
  {
    name: 'the pause of a pod',
    steps: [
      ...START,
      ...session(1, 100, SHIM),
      ['fork', 100, 101],
      ['isolate', 101, 'pid'],
      ['setsid', 101],
      ['exec', 101, '/pause'],
    ],
    expect: { 100: 'init@100', 101: 'container@101' },
  },
  {
    name: 'a container of runc, and what runs in it',
    steps: [
      ...START,
      ...session(1, 100, '/usr/bin/runc'),
      ['fork', 100, 101],
      ['isolate', 101, 'mnt'],
      ['setsid', 101],
      ['exec', 101, '/bin/bash'],
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/systemctl'],
    ],
    expect: { 101: 'container@101', 102: 'container@101' },
  },
  {
    name: 'shim and containerd are services',
    steps: [...START, ...session(1, 100, SHIM), ...session(1, 101, '/usr/bin/containerd')],
    expect: { 100: 'init@100', 101: 'init@101' },
  },
  {
    name: 'a session leader whose parent nobody saw',
    steps: [
      ['lostFork', 1, 90],
      ['lostFork', 90, 100],
      ['setsid', 100],
      ['exec', 100, '/bin/bash'],
      ['fork', 100, 101],
      ['exec', 101, '/bin/ls'],
    ],
    expect: { 100: 'unknown@100', 101: 'unknown@100' },
  },
  {
    name: 'only the session leader known',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['lostFork', 101, 102],
      ['lostFork', 102, 103],
      ['exec', 103, '/bin/ls'],
    ],
    expect: { 103: 'sshd@101' },
  },
  {
    name: 'neither leader nor known relatives',
    steps: [
      ['lostFork', 1, 100],
      ['exec', 100, '/bin/bash'],
    ],
    expect: { 100: 'none' },
  },
  {
    name: 'found at start-up, children before their parents',
    steps: [
      ['lostFork', 1, 100],
      ['setsid', 100],
      ['lostFork', 100, 50],
      ['setsid', 50],
      ['lostFork', 50, 40],
      ['task', 40],
      ['task', 50],
      ['task', 100],
      ['task', 1],
      ['fork', 40, 60],
      ['exec', 60, '/bin/ls'],
    ],
    expect: { 60: 'init@100' },
  },
  {
    name: 'kernel threads',
    steps: [
      ['task', 1],
      ['kernelThread', 2],
      ['kernelThread', 3],
      ['task', 2],
      ['task', 3],
    ],
    expect: { 1: 'none', 2: 'none', 3: 'none' },
  },
  {
    name: 'an exec in a session of its own replaces the leader',
    steps: [
      ...SSHD,
      ['fork', 100, 101],
      ['exec', 101, '/usr/sbin/sshd'],
      ['setsid', 101],
      ['tty', 101, 136, 0],
      ['exec', 101, '/bin/bash'],
    ],
    expect: { 101: 'sshd@101' },
  },
  {
    name: 'pids reused in the same session',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, '/bin/ls'],
      ['exit', 102],
      ['fork', 101, 102],
      ['exec', 102, '/bin/cat'],
    ],
    expect: { 102: 'sshd@101' },
  },
  {
    name: 'pids reused with other roles: what was the shell is a service now',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, '/bin/ls'],
      ['exit', 102],
      ['exit', 101],
      ...session(1, 101, '/usr/sbin/nginx'),
      ...session(101, 102, '/bin/bash', PTS),
    ],
    expect: { 101: 'init@101', 102: 'init@101' },
  },
  {
    name: 'the same, the exits lost',
    steps: [
      ...SSHD,
      ...session(100, 101, '/bin/bash', PTS),
      ['fork', 101, 102],
      ['exec', 102, '/bin/ls'],
      ['lostExit', 102],
      ['lostExit', 101],
      ...session(1, 102, '/usr/sbin/nginx'),
      ['fork', 102, 101],
      ['exec', 101, '/bin/sh'],
    ],
    expect: { 101: 'init@102', 102: 'init@102' },
  },
];
