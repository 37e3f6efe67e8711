// The cases of native/test/workload.c: how many execs each makes, how many exits it waits for, and what is marked in its
// last exec record. A case that is not here, or that makes another number of execs, fails the test.

import type { Part } from '../../src/sensor/record.ts';

export interface Case {
  name: string;
  execs: number;
  exits: number;
  truncated: readonly Part[];
}

const of = (name: string, execs = 1, exits = 1, truncated: readonly Part[] = []): Case => ({
  name,
  execs,
  exits,
  truncated,
});
const cut = (name: string, ...truncated: Part[]) => of(name, 1, 1, truncated);

export const CASES: readonly Case[] = [
  // what is executed, by which name
  of('plain'),
  of('args'),
  of('argc0'),
  of('script'),
  of('script-chain'),
  of('script-fd'),
  of('memfd'),
  of('deleted'),
  of('deleted-name'),
  of('execveat'),
  of('execveat-dir'),
  of('symlink'),
  of('hard-link'),
  of('relative'),
  of('hostile-name'),
  of('failed', 0),
  // as whom
  of('nobody'),
  of('six-ids'),
  of('setuid'),
  of('no-new-privs'),
  of('setgid'),
  of('file-caps'),
  of('idle-caps'),
  cut('groups', 'groups'),
  of('userns'),
  // where
  of('chroot'),
  of('outside-root'),
  of('deleted-cwd'),
  of('mntns'),
  of('bind'),
  of('overlay'),
  of('pivot'),
  of('detached'),
  of('netns'),
  of('pidns'),
  of('cgroup'),
  // at and beyond the caps
  cut('big', 'args'),
  cut('one-huge', 'args'),
  cut('many-empty', 'args'),
  of('args-fit'),
  cut('args-over', 'args'),
  cut('cut-character', 'args'),
  cut('env', 'env'),
  of('long-path'),
  cut('deep-path', 'executable', 'cwd'),
  cut('beyond-path', 'executable', 'cwd'),
  cut('largest', 'args', 'env'),
  // how processes come and go
  of('vfork'),
  of('thread'),
  of('leader-left', 0),
  of('leader-left-exec'),
  of('threads-leave', 0, 51),
  of('thread-exits', 0),
  of('killed', 0),
  of('crashed', 0),
  of('clone-parent', 1, 2),
  of('traced'),
  of('own-group'),
  of('orphan', 1, 2),
  of('tty'),
  of('parent-memfd', 2),
  of('parent-deleted', 2),
  of('chain', 2),
  // what a process changes of itself
  of('set-ids', 0),
  of('same-ids', 0),
  of('refused-ids', 0),
  of('thread-ids', 0),
  of('all-threads-ids', 0),
  of('ids-32', 0),
  of('new-session'),
  of('refused-session', 0),
];
