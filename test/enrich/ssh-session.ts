// The host that most tests of events start from.

import { FakeHost } from './fake-host.ts';

/** sshd found at start-up, a login shell of ann's, a program, systemctl by sudo. */
export function sshSession(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  host.add(100, { ppid: 1, pgid: 100, sid: 100 }, '/usr/sbin/sshd');
  host.task(100);
  host.readable(100, ['sshd: /usr/sbin/sshd -D [listener]']);
  host.fork(100, 101);
  host.setsid(101);
  const ann = {
    uid: 1000,
    euid: 1000,
    gid: 1000,
    egid: 1000,
    groups: [27, 1000],
    ttyMajor: 136,
    ttyMinor: 3,
    cwd: '/home/ann',
  };
  host.change(101, ann);
  host.exec(101, '/bin/bash', ['-bash']);
  host.fork(101, 102);
  host.change(102, { pgid: 102 });
  host.exec(102, '/home/ann/payload', ['./payload', 'a b', '']);
  host.fork(102, 103);
  host.change(103, { euid: 0, egid: 0, capEffective: 1n << 21n, capPermitted: 1n << 21n });
  return host;
}
