// Where the published implementations miss a person's session, or are silenced by a file name, and the lineage mode must not.
// Each scenario is a miss or a false alarm of the first rule otherwise. `elastic` is what the published order gives.

import { type Scenario, type Step, session } from './entry-leader.published.ts';

export interface LineageScenario extends Scenario {
  elastic?: Readonly<Record<number, string>>;
}

const PTS = [136, 0] as const;
const START: readonly Step[] = [['task', 1]];
const SSHD = [...START, ...session(1, 100, '/usr/sbin/sshd')];
const SESSION = '/usr/lib/openssh/sshd-session';
const AUTH = '/usr/lib/openssh/sshd-auth';
/** The login shell is 101. */
const SHELL = [...SSHD, ...session(100, 101, '/bin/bash', PTS)];

function terminal(major: number, minor: number): Step[] {
  return [
    ...START,
    ...session(1, 100, '/sbin/agetty', [major, minor]),
    ['exec', 100, '/bin/login'],
    ...session(100, 101, '/bin/bash', [major, minor]),
  ];
}

export const LINEAGE: readonly LineageScenario[] = [
  {
    name: 'OpenSSH 9.8: sshd-session between listener and shell',
    steps: [
      ...SSHD,
      ...session(100, 101, SESSION),
      ['fork', 101, 102],
      ['exec', 102, AUTH],
      ['exit', 102],
      ['fork', 101, 103],
      ...session(103, 104, '/bin/bash', PTS),
      ['fork', 104, 105],
      ['exec', 105, '/usr/bin/systemctl'],
    ],
    expect: { 101: 'init@100', 102: 'init@100', 104: 'sshd@104', 105: 'sshd@104' },
    elastic: { 101: 'sshd@101', 104: 'sshd@101', 105: 'sshd@101' },
  },
  {
    name: 'sshd activated by a socket: pid 1 forks one for each connection',
    steps: [
      ...START,
      ...session(1, 100, '/usr/sbin/sshd'),
      ['exec', 100, SESSION],
      ['fork', 100, 101],
      ...session(101, 102, '/bin/bash', PTS),
    ],
    expect: { 100: 'init@100', 102: 'sshd@102' },
    elastic: { 102: 'init@100' },
  },
  {
    name: 'the listener has been restarted, the connection opens another session',
    steps: [
      ...SSHD,
      ...session(100, 101, SESSION),
      ['exit', 100],
      ['wait', 60],
      ...session(101, 102, '/bin/bash', PTS),
    ],
    expect: { 102: 'sshd@102' },
    elastic: { 102: 'sshd@101' },
  },
  {
    name: 'sshd found at start-up',
    steps: [
      ['lostFork', 1, 100],
      ['setsid', 100],
      ['exec', 100, '/usr/sbin/sshd'],
      ['task', 1],
      ['task', 100],
      ...session(100, 101, SESSION),
      ...session(101, 102, '/bin/bash', PTS),
    ],
    expect: { 102: 'sshd@102' },
    elastic: { 102: 'sshd@101' },
  },
  {
    name: 'the fork of the shell lost: its parent decides',
    steps: [
      ...SSHD,
      ...session(100, 101, SESSION),
      ['lostFork', 101, 102],
      ['setsid', 102],
      ['exec', 102, '/bin/bash'],
    ],
    expect: { 102: 'sshd@102' },
    elastic: { 102: 'sshd@101' },
  },
  {
    name: 'ssh host command, through sshd-session: no terminal',
    steps: [
      ...SSHD,
      ...session(100, 101, SESSION),
      ...session(101, 102, '/bin/bash'),
      ['fork', 102, 103],
      ['exec', 103, '/usr/bin/systemctl'],
    ],
    expect: { 102: 'sshd@102', 103: 'sshd@102' },
    elastic: { 102: 'sshd@101', 103: 'sshd@101' },
  },
  {
    name: 'a tmux pane after the login shell has left',
    steps: [
      ...SHELL,
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/tmux'],
      ['fork', 102, 103],
      ['setsid', 103],
      ['exit', 102],
      ['exit', 101],
      ['wait', 3600],
      ['fork', 103, 104],
      ['setsid', 104],
      ['tty', 104, 136, 5],
      ['exec', 104, '/bin/bash'],
      ['wait', 3600],
      ['fork', 104, 105],
      ['exec', 105, '/usr/bin/systemctl'],
    ],
    expect: { 104: 'sshd@101', 105: 'sshd@101' },
  },
  {
    name: 'forked twice, the middle one gone, then exec',
    steps: [
      ...SHELL,
      ['fork', 101, 102],
      ['fork', 102, 103],
      ['exit', 102],
      ['setsid', 103],
      ['exec', 103, './payload'],
      ['fork', 103, 104],
      ['exec', 104, '/usr/bin/systemctl'],
    ],
    expect: { 103: 'sshd@101', 104: 'sshd@101' },
    elastic: { 103: 'init@103', 104: 'init@103' },
  },
  {
    name: 'setsid as a daemon, then exec, the shell gone',
    steps: [...SHELL, ['fork', 101, 102], ['setsid', 102], ['exit', 101], ['wait', 60], ['exec', 102, './payload']],
    expect: { 102: 'sshd@101' },
    elastic: { 102: 'init@102' },
  },
  {
    name: 'setsid without exec, known from the next fork',
    steps: [...SHELL, ['fork', 101, 102], ['setsid', 102], ['fork', 102, 103], ['exec', 103, './payload']],
    expect: { 103: 'sshd@101' },
  },
  {
    name: 'a console of a hypervisor',
    steps: terminal(229, 0),
    expect: { 100: 'terminal@100', 101: 'terminal@101' },
    elastic: { 100: 'init@100', 101: 'init@100' },
  },
  {
    name: 'ttyAMA0',
    steps: terminal(204, 64),
    expect: { 100: 'terminal@100', 101: 'terminal@101' },
    elastic: { 100: 'init@100', 101: 'init@100' },
  },
  {
    name: 'ttyUSB0',
    steps: terminal(188, 0),
    expect: { 100: 'terminal@100', 101: 'terminal@101' },
    elastic: { 100: 'init@100', 101: 'init@100' },
  },
  {
    name: 'ttyACM0',
    steps: terminal(166, 0),
    expect: { 100: 'terminal@100', 101: 'terminal@101' },
    elastic: { 100: 'init@100', 101: 'init@100' },
  },
  ...['/tmp/runc', '/tmp/conmon', '/tmp/containerd-shim-x', '/tmp/crun'].map((runtime) => ({
    name: `a program named ${runtime} outside any container inherits`,
    steps: [
      ...SHELL,
      ['fork', 101, 102],
      ['exec', 102, runtime],
      ...session(102, 103, '/usr/bin/systemctl'),
    ] satisfies Step[],
    expect: { 102: 'sshd@101', 103: 'sshd@101' },
    ...(runtime === '/tmp/crun' ? {} : { elastic: { 103: 'container@103' } }),
  })),
  ...(['pid', 'mnt', 'cgroup'] as const).map((how) => ({
    name: `conmon from a session, a container by its ${how}`,
    steps: [
      ...SHELL,
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/conmon'],
      ['fork', 102, 103],
      ['isolate', 103, how],
      ['setsid', 103],
      ['exec', 103, '/bin/sh'],
    ] satisfies Step[],
    expect: { 102: 'sshd@101', 103: 'container@103' },
  })),
  {
    name: 'who was forked before its creator entered a container stays outside',
    steps: [
      ...SHELL,
      ['fork', 101, 102],
      ['exec', 102, '/usr/bin/conmon'],
      ['fork', 102, 103],
      ['fork', 103, 104],
      ['isolate', 103, 'mnt'],
      ['setsid', 103],
      ['exec', 103, '/bin/sh'],
      ['exec', 104, './payload'],
    ],
    expect: { 103: 'container@103', 104: 'sshd@101' },
  },
  {
    name: 'a login shell that execs a program named sshd stays a login shell',
    steps: [...SHELL, ['exec', 101, '/tmp/sshd'], ['fork', 101, 102], ['exec', 102, '/usr/bin/systemctl']],
    expect: { 101: 'sshd@101', 102: 'sshd@101' },
    elastic: { 101: 'init@100', 102: 'init@100' },
  },
  {
    name: 'a service that forks twice stays a service',
    steps: [
      ...START,
      ...session(1, 100, '/usr/sbin/cron'),
      ['fork', 100, 101],
      ['fork', 101, 102],
      ['exit', 101],
      ['setsid', 102],
      ['exec', 102, '/usr/bin/job'],
    ],
    expect: { 102: 'init@100' },
    elastic: { 102: 'init@102' },
  },
  {
    name: 'tmux found at start-up, its login session still known',
    steps: [
      ['lostFork', 1, 100],
      ['setsid', 100],
      ['cgroup', 100, '/user.slice/user-1000.slice/session-3.scope'],
      ['login', '3', 'sshd'],
      ['task', 1],
      ['task', 100],
      ...session(100, 101, '/bin/bash', PTS),
    ],
    expect: { 100: 'sshd@100', 101: 'sshd@100' },
    elastic: { 100: 'init@100', 101: 'init@100' },
  },
  {
    name: 'an orphan in the cgroup of a login session, not the leader of its own, found at start-up',
    steps: [
      ['lostFork', 1, 100],
      ['cgroup', 100, '/user.slice/user-1000.slice/session-3.scope'],
      ['login', '3', 'sshd'],
      ['task', 1],
      ['task', 100],
      ['fork', 100, 101],
      ['exec', 101, '/usr/bin/systemctl'],
    ],
    expect: { 100: 'sshd@100', 101: 'sshd@100' },
    elastic: { 100: 'none', 101: 'none' },
  },
  {
    name: 'an orphan whose fork was lost, known by its session, begins a session of its own',
    steps: [
      ...SHELL,
      ['lostFork', 101, 102],
      ['exit', 101],
      ['exec', 102, '/usr/bin/nohup'],
      ['setsid', 102],
      ['exec', 102, '/usr/bin/payload'],
    ],
    expect: { 102: 'sshd@101' },
    elastic: { 102: 'init@102' },
  },
];
