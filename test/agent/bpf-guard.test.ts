// BPF of others: what is told of which process, and what is not.

import { expect, it } from 'vitest';
import { BpfGuard } from '../../src/agent/bpf-guard.ts';
import type { SeenProcess } from '../../src/agent/processes-io.ts';
import type { BpfInventory, BpfProgram } from '../../src/sensor/sensor.ts';

const TRACING = 26;
const CGROUP = 8;
const program = (id: number, type = TRACING): BpfProgram => ({
  ...{ id, type, uid: 0, loadedNs: BigInt(id), name: `p${id}`, hook: 'do_exit', own: false },
});
const OWN: BpfProgram = { ...program(1), own: true };
const MAP = { id: 5, refs: 4, users: 1, own: true };
const QUIET: BpfInventory = { maps: [MAP], programs: [OWN], ringMoved: 0, hintsMissing: 0 };
const proc = (pid: number, executable: string): SeenProcess => ({
  pid,
  ppid: 1,
  name: 'x',
  executable,
  args: [executable],
  uid: 0,
});

function guardOf(looks: BpfInventory[], holders: Record<number, number[]> | undefined, knownBpf: string[] = []) {
  const asked: number[][] = [];
  const guard = new BpfGuard({
    knownBpf,
    sensor: { inventory: () => looks.shift() },
    host: {
      ancestryOf: (pid) => [proc(1, '/sbin/init'), proc(pid, `/bin/tool-${pid}`)],
      holdersOf: (_, ids) => {
        asked.push([...ids]);
        return holders && new Map([...ids].flatMap((id) => (holders[id] ? [[id, holders[id]]] : [])));
      },
    },
  });
  return { guard, asked };
}

const withPrograms = (...programs: BpfProgram[]) => ({ ...QUIET, programs: [OWN, ...programs] });

it('takes what is there at the first look for given, and asks for no holders', () => {
  const { guard, asked } = guardOf([withPrograms(program(7)), withPrograms(program(7))], { 7: [70] });
  expect([...guard.look(), ...guard.look()]).toEqual([]);
  expect(asked).toEqual([]);
});

it('tells tracing programs that came, once, together for one process', () => {
  const looks = [QUIET, withPrograms(program(7), program(8), program(9, CGROUP)), withPrograms(program(7), program(8))];
  const { guard, asked } = guardOf(looks, { 7: [70], 8: [70] });
  guard.look();
  const [finding, ...more] = guard.look();
  expect(more).toEqual([]);
  expect(finding).toMatchObject({
    reason:
      'BPF programs were loaded: p7 (tracing on do_exit), p8 (tracing on do_exit), held by /bin/tool-70, pid 70 of uid 0.',
    values: { 'process.executable': '/bin/tool-70', 'process.parent.executable': '/sbin/init' },
    lineage: [{ pid: 1 }, { pid: 70, source: 'procfs' }],
  });
  expect(guard.look()).toEqual([]);
  expect(asked).toEqual([[7, 8]]);
});

it('says nothing of those of systemd, and of those that are configured', () => {
  const { guard } = guardOf([QUIET, withPrograms(program(7), program(8))], { 7: [1], 8: [80] }, ['/bin/tool-80']);
  guard.look();
  expect(guard.look()).toEqual([]);
});

it('tells one that nobody holds when it is there at the next look too', () => {
  const { guard } = guardOf(
    [QUIET, withPrograms(program(7), program(8)), withPrograms(program(8)), withPrograms(program(8))],
    {},
  );
  guard.look();
  expect(guard.look()).toEqual([]);
  expect(guard.look().map(({ reason }) => reason)).toEqual([
    'BPF programs were loaded: p8 (tracing on do_exit), held by no process.',
  ]);
  expect(guard.look()).toEqual([]);
});

it('asks again whose a program is where that could not be found out', () => {
  const looks = [QUIET, withPrograms(program(7)), withPrograms(program(7))];
  let fails = true;
  const guard = new BpfGuard({
    knownBpf: [],
    sensor: { inventory: () => looks.shift() },
    host: {
      ancestryOf: (pid) => [proc(pid, '/bin/tool')],
      holdersOf: () => {
        if (fails) throw new Error('EMFILE');
        return new Map([[7, [70]]]);
      },
    },
  });
  guard.look();
  expect(() => guard.look()).toThrow('EMFILE');
  fails = false;
  expect(guard.look().map(({ values }) => values?.['process.executable'])).toEqual(['/bin/tool']);
});

it('says nothing of programs where not all processes can be seen', () => {
  const { guard } = guardOf([QUIET, withPrograms(program(7)), withPrograms(program(7))], undefined);
  expect([guard.look(), guard.look(), guard.look()].flat()).toEqual([]);
});

const TAMPERED: [string, Partial<BpfInventory>][] = [
  ['a map is held by /bin/tool-50, pid 50 of uid 0', { maps: [{ ...MAP, refs: 5, users: 2 }] }],
  ['a map is held by /bin/tool-50, pid 50 of uid 0', { maps: [{ ...MAP, refs: 5 }] }],
  ['the place in the ring was moved', { ringMoved: 2 }],
  ['wake hints were taken away', { hintsMissing: 1 }],
];

it.each(TAMPERED)('%s', (what, change) => {
  const changed = { ...QUIET, ...change };
  const { guard } = guardOf([QUIET, changed, changed], { 5: [50] });
  guard.look();
  expect(guard.look().map(({ reason }) => reason)).toEqual([`The sensor's BPF maps are tampered with: ${what}.`]);
  expect(guard.look()).toEqual([]);
});
