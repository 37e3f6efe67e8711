// Three sessions at the same time, their records in turns: for tests of what their order among each other means. Nothing in one
// of them has to do with the others: programs, arguments, pids are their own. In: turns; out: records, told per session.

import type { SensorRecord } from '../../src/sensor/record.ts';
import { type Moment, World } from './world.ts';

const SSHD = 100;
const NAMES = ['ann', 'bob', 'eve'] as const;

export interface Sessions {
  /** As they happened. */
  records: readonly SensorRecord[];
  /** Of whom each record is. */
  owners: readonly number[];
  /** Of whatever order: what the sessions touch of the host is there before them. */
  before: Moment;
}

/** Each step is one record. */
function* session(world: World, name: string, first: number): Generator<void> {
  const [connection, shell, tool, unit, middle, daemon, late] = Array.from({ length: 7 }, (_, i) => first + i) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  yield void world.fork(SSHD, connection);
  world.setsid(connection);
  yield void world.exec(connection, '/usr/lib/openssh/sshd-session', [`sshd-session: ${name}`]);
  yield void world.fork(connection, shell);
  world.setsid(shell);
  world.change(shell, { uid: first, euid: first, cwd: `/home/${name}`, ttyMajor: 136, ttyMinor: first % 256 });
  yield void world.exec(shell, '/bin/bash', ['-bash']);
  yield void world.fork(shell, tool);
  yield void world.exec(tool, `/home/${name}/tool`, ['tool'], { env: [`LD_PRELOAD=/home/${name}/x.so`] });
  yield void world.fork(tool, unit);
  yield void world.exec(unit, '/usr/bin/systemctl', ['systemctl', 'enable', `${name}.service`]);
  yield void world.exit(unit);
  yield void world.fork(tool, middle);
  yield void world.fork(middle, daemon);
  yield void world.exit(middle);
  world.setsid(daemon);
  yield void world.exec(daemon, `/home/${name}/payload`, [`/home/${name}/payload`, '--daemon']);
  yield void world.exit(tool);
  yield void world.exit(shell);
  yield void world.exit(connection);
  yield void world.fork(daemon, late);
  yield void world.exec(late, '/usr/bin/systemctl', ['systemctl', 'start', `${name}-late.service`]);
  yield void world.exec(late, '/usr/bin/nc', [name]);
  yield void world.exit(late);
}

export function sessions(): Sessions {
  const world = new World();
  world.add(SSHD, { ppid: 1, sid: SSHD, pgid: SSHD, parentStartNs: 1n }, '/usr/sbin/sshd');
  world.begin();
  const owners: number[] = [];
  const running = NAMES.map((name, i) => session(world, name, 1000 * (i + 1)));
  for (let open = running.length; open > 0; ) {
    open = 0;
    for (const [owner, each] of running.entries()) {
      if (each.next().done === true) continue;
      owners.push(owner);
      open++;
    }
  }
  return { records: world.records, owners, before: world.moments[0]! };
}

/** Of whose turn it is, one after the other; each session's own records stay in order. */
export function inOrder({ records, owners }: Sessions, turns: readonly number[]): SensorRecord[] {
  const queues = NAMES.map((_name, owner) => records.filter((_record, i) => owners[i] === owner));
  return turns.map((owner) => queues[owner]!.shift()!);
}
