import { describe, expect, it } from 'vitest';
import type { EcsEvent, SlotValue } from '../../src/ecs/event.ts';
import type { FakeHost } from './fake-host.ts';
import { sshSession } from './ssh-session.ts';

/** The host's enricher shows each exec as a sketch first. out: what it showed; `wanted` decides. */
function sketching(host: FakeHost, wanted = true): SlotValue[][] {
  const sketches: SlotValue[][] = [];
  const { enricher } = host;
  const enrich = enricher.enrich.bind(enricher);
  enricher.enrich = (record) =>
    enrich(record, (sketch: EcsEvent) => {
      sketches.push([...sketch.slots]);
      return wanted;
    });
  return sketches;
}

describe('a sketch is as the event will be', () => {
  const cases: [string, (host: FakeHost) => EcsEvent | undefined][] = [
    ['a child of a shell', (host) => host.exec(103, '/usr/bin/systemctl', ['systemctl', 'enable', 'x'])],
    ['no arguments', (host) => host.exec(103, '/usr/bin/x', [])],
    ['an empty argument', (host) => host.exec(103, '/usr/bin/x', [''])],
    ['an environment', (host) => host.exec(103, '/usr/bin/x', ['x'], { env: ['LD_PRELOAD=/x.so'] })],
    [
      'a parent whose file the kernel does not name',
      (host) => host.exec(103, '/bin/x', ['x'], { parentExecutable: '' }),
    ],
    [
      'a parent that runs another file than the table has',
      (host) => {
        host.exec(102, '/usr/bin/other', ['other'], { lost: true });
        return host.exec(103, '/usr/bin/x', ['x'], { parentExecutable: '/usr/bin/other' });
      },
    ],
    [
      'a parent that nobody saw',
      (host) => {
        host.add(900, { ppid: 1 }, '/usr/bin/hidden');
        host.fork(900, 901, { lost: true });
        return host.exec(901, '/usr/bin/x', ['x']);
      },
    ],
    [
      'a session of its own, no terminal',
      (host) => {
        host.fork(103, 104);
        host.setsid(104);
        return host.exec(104, '/usr/bin/daemon', ['daemon']);
      },
    ],
    [
      'another user namespace',
      (host) => {
        host.change(103, { userNs: 7 });
        return host.exec(103, '/usr/bin/x', ['x']);
      },
    ],
    [
      'a child of pid 1',
      (host) => {
        host.fork(1, 500);
        return host.exec(500, '/usr/sbin/cron', ['cron']);
      },
    ],
  ];
  it.each(cases)('%s', (_name, act) => {
    const host = sshSession();
    const sketches = sketching(host);
    const event = act(host)!;
    const sketch = sketches.at(-1)!;
    const { sketchedSlots } = host.enricher;
    const names = event.table.all().filter(({ slot }) => sketchedSlots.has(slot));
    expect(names.length).toBe(sketchedSlots.size);
    const of = (slots: readonly SlotValue[]) => names.map(({ name, slot }) => [name, slots[slot]]);
    expect(of(sketch)).toEqual(of(event.slots));
    expect(sketch.filter((value, slot) => value !== undefined && !sketchedSlots.has(slot))).toEqual([]);
  });
});

it('of an exec that nobody wants no event is made, and what comes after it knows of it', () => {
  const [plain, sketched] = [sshSession(), sshSession()];
  sketching(sketched, false);
  const child = (host: FakeHost) => {
    host.exec(103, '/bin/sh', ['sh', '-c', 'x']);
    host.fork(103, 104);
    return host.last.get(104)!.slots;
  };
  expect(sketched.exec(103, '/bin/other')).toBeUndefined();
  plain.exec(103, '/bin/other');
  expect(child(sketched)).toEqual(child(plain));
});

it('asks for the names of users and groups of events that are not made', () => {
  const host = sshSession();
  sketching(host, false);
  host.change(103, { euid: 4711, uid: 4712, egid: 4713, gid: 4714, groups: [4715] });
  host.exec(103, '/bin/x');
  expect(host.surroundings.asked).toEqual(
    expect.arrayContaining(['user 4711', 'user 4712', 'group 4713', 'group 4714', 'group 4715']),
  );
});
