// A host with sessions of all kinds, and the same host for an agent that starts anew: for tests of what outlives the agent.

import type { SavedLeaders } from '../../src/enrich/saved-leaders.ts';
import { FakeHost, HOST_NS, leaderText, START } from './fake-host.ts';

const SHIM = '/usr/bin/containerd-shim-runc-v2';

/** sshd (100), a login shell (101), a pane of tmux (102, 103), a service (110), a container (120 by 119). */
export function busyHost(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  const session = (parent: number, pid: number, executable: string, tty = 0) => {
    host.fork(parent, pid);
    host.setsid(pid);
    if (tty > 0) host.change(pid, { ttyMajor: 136, ttyMinor: tty });
    host.exec(pid, executable, [executable, '-x', '\udcff']);
  };
  session(1, 100, '/usr/sbin/sshd');
  host.fork(100, 101);
  host.setsid(101);
  host.change(101, { uid: 1000, euid: 1000, groups: [27, 1000], ttyMajor: 136, ttyMinor: 3, cwd: '/home/ann' });
  host.exec(101, '/bin/bash', ['-bash']);
  session(101, 102, '/usr/bin/tmux');
  session(102, 103, '/bin/bash', 5);
  session(1, 110, '/usr/sbin/cron');
  session(1, 119, SHIM);
  host.fork(119, 120);
  host.setsid(120);
  host.change(120, { pidNs: HOST_NS.pid + 1 });
  host.exec(120, '/bin/sh');
  return host;
}

/** The same host for an agent that starts anew. */
export function restarted(host: FakeHost, leaders: SavedLeaders | undefined = host.enricher.leaders()): FakeHost {
  const start = { ...START, ...(leaders === undefined ? {} : { leaders }) };
  const next = new FakeHost({ start });
  next.processes.clear();
  for (const [pid, process] of host.processes) next.processes.set(pid, process);
  next.nowNs = host.nowNs;
  for (const pid of [...next.processes.keys()].sort((a, b) => a - b)) next.task(pid);
  next.enricher.backfill(1000);
  return next;
}

/** type@leader of what each process runs next. */
export function answers(host: FakeHost, pids: readonly number[]): Record<number, string> {
  return Object.fromEntries(
    pids.map((pid) => {
      host.fork(pid, pid + 1000);
      return [pid, leaderText(host.exec(pid + 1000, '/usr/bin/systemctl'))];
    }),
  );
}

export const LIVE = [100, 101, 102, 103, 110, 119, 120];
