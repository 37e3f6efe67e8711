// Looks at files and at BPF, and who ended the agent, without a run around them.

import { expect, it, vi } from 'vitest';
import { type FileState, UNSEEN } from '../../src/agent/file-watch.ts';
import type { Finding } from '../../src/agent/own-alert.ts';
import { type OwnUnit, Protection, type ProtectionHost, type ProtectionOptions } from '../../src/agent/protection.ts';
import { Troubles } from '../../src/agent/troubles.ts';
import { Witness } from '../../src/agent/witness.ts';
import { Pace } from '../../src/detect/pace-io.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { ExecRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';

const UNIT: OwnUnit = { name: 'forebear.service', sender: () => ({ pid: 1, uid: 0 }) };

type Files = Record<string, FileState>;

/** By itself, without a run. */
function alone(over: Partial<ProtectionOptions> = {}, host: Partial<ProtectionHost> = {}, files: Files = {}) {
  const [drifts, findings]: [string[], Finding[]] = [[], []];
  const options = {
    ...{ everyTicks: 1, graceMs: 0, knownBpf: [], sensor: {}, counters: new Counters(), troubles: { note: vi.fn() } },
    witness: new Witness([], 'forebear.service'),
    clock: { wallMs: () => 1, bootNs: () => 1n },
    host: {
      // biome-ignore lint/correctness/useYield: a pass of one step
      *filesPass() {
        return new Map(Object.entries(files));
      },
      follow: () => {},
      ancestryOf: () => [],
      holdersOf: () => undefined,
      isUpgrading: () => false,
      manager: async () => ({ jobs: '', state: 'running' }),
      stop: () => {},
      ...host,
    },
    onDrift: (detail: string) => void drifts.push(detail),
    onFinding: (finding: Finding) => void findings.push(finding),
    ...over,
  };
  return { protection: new Protection(options), drifts, findings, files, options };
}

it('rules that are loaded as soon as they change leave a record of their files; other rights stay an alert', async () => {
  const { protection, drifts, findings, files } = alone(
    {},
    {},
    {
      '/r/a.toml': 'file 644 0:0 sha256 1',
      '/r/b.toml': 'file 644 0:0 sha256 1',
    },
  );
  protection.tick();
  files['/r/a.toml'] = 'file 644 0:0 sha256 2';
  files['/r/b.toml'] = 'file 666 0:0 sha256 1';
  await protection.rebase(new Pace(), ['/r']);
  expect(drifts).toEqual(['changed, and read again: /r/a.toml (file 644 0:0 sha256 1 -> file 644 0:0 sha256 2)']);
  protection.tick();
  expect(findings.map(({ section }) => section)).toMatchObject([{ protection: { files: [{ path: '/r/b.toml' }] } }]);
  expect(findings).toHaveLength(1);
});

it('files are looked at where BPF cannot be', () => {
  const inventory = () => {
    throw new Error('no descriptor is left');
  };
  const { protection, findings, files, options } = alone({ sensor: { inventory } }, {}, { '/r/a': 'file 1' });
  protection.tick();
  files['/r/a'] = 'file 2';
  protection.tick();
  expect(findings).toHaveLength(1);
  expect(options.troubles.note).toHaveBeenCalledWith(expect.stringContaining('BPF'), expect.any(Error));
});

it('files that are too many to be looked at are said, once, and each look that left some is counted', () => {
  const [warn, info] = [vi.fn(), vi.fn()];
  const { protection, findings, files, options } = alone(
    { troubles: new Troubles({ warn, info }) },
    {},
    { '/r/a': '1' },
  );
  protection.tick();
  expect(warn).not.toHaveBeenCalled();
  files['/r/b'] = UNSEEN;
  for (let i = 0; i < 2; i++) protection.tick();
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.anything(), expect.stringContaining('more than 20000'));
  expect(options.counters.get('agent_file_looks_cut_total')).toBe(2);
  delete files['/r/b'];
  protection.tick();
  expect(info).toHaveBeenCalledTimes(1);
  expect(findings).toEqual([]);
});

it('a look at files that fails is begun anew', () => {
  let fails = true;
  const { protection, findings, files } = alone(
    {},
    {
      *filesPass() {
        yield;
        if (fails) throw new Error('cannot be looked at');
        return new Map(Object.entries(files));
      },
    },
    { '/r/a': 'file 1' },
  );
  for (let i = 0; i < 3; i++) protection.tick();
  fails = false;
  for (let i = 0; i < 3; i++) protection.tick();
  files['/r/a'] = 'file 2';
  for (let i = 0; i < 3; i++) protection.tick();
  expect(findings).toHaveLength(1);
});

it('where files cannot be looked at, a reload and a stop go on; the next look has what later ones are compared with', async () => {
  let fails = false;
  const { protection, findings, files, options } = alone(
    { unit: UNIT },
    {
      // biome-ignore lint/correctness/useYield: a pass of one step
      *filesPass() {
        if (fails) throw new Error('EMFILE');
        return new Map(Object.entries(files));
      },
      manager: async () => ({ jobs: '1 forebear.service stop running', state: 'running' }),
    },
    { '/r/a': 'file 1' },
  );
  protection.tick();
  fails = true;
  files['/r/a'] = 'file 2';
  await protection.rebase(new Pace());
  expect(options.troubles.note).toHaveBeenLastCalledWith('looking at its own files', expect.any(Error));
  fails = false;
  protection.tick();
  protection.tick();
  expect(findings).toEqual([]);
  fails = true;
  expect(await protection.stopping()).toBe('stopped by the service manager');
  expect(findings).toHaveLength(1);
});

const NOT_BY_MANAGER = 'ended by a signal that the service manager did not send';

it.each([
  ['is known by its pid', 150, `${NOT_BY_MANAGER}, by kill -TERM 99, pid 150 of uid 1000`],
  ['that no exec was seen of has no name: the last kill of anybody is no proof', 151, NOT_BY_MANAGER],
])('a sender that has gone %s', async (_what, pid, reason) => {
  const witness = new Witness([], 'forebear.service');
  witnessed(witness, 150, ['kill', '-TERM', '99']);
  witnessed(witness, 200, ['kill', '-HUP', '1']);
  const { protection, findings } = alone({ witness, unit: { ...UNIT, sender: () => ({ pid, uid: 1000 }) } });
  expect(await protection.stopping()).toBe(reason);
  expect(findings).toHaveLength(1);
});

it('a long command line is cut in the sentence', async () => {
  const witness = new Witness([], 'forebear.service');
  witnessed(witness, 150, ['systemctl', 'stop', 'forebear', 'x'.repeat(30_000)]);
  const jobs = '1 forebear.service stop running';
  const { protection } = alone({ witness, unit: UNIT }, { manager: async () => ({ jobs, state: 'running' }) });
  expect((await protection.stopping()).length).toBeLessThan(400);
});

function witnessed(witness: Witness, pid: number, args: readonly string[]): void {
  const fields = new FieldTable();
  const event = Object.assign(new EcsEvent(fields), { wallMs: 1 });
  const values = { 'process.pid': pid, 'process.command_line': args.join(' '), 'user.id': '1000' };
  for (const [name, value] of Object.entries(values)) event.set(fields.slot(name), value);
  witness.keep({ args } as ExecRecord, event);
}
