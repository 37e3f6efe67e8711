// Which execs speak of the agent.

import { describe, expect, it } from 'vitest';
import { asksManager, Witness } from '../../src/agent/witness.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { ExecRecord } from '../../src/sensor/record.ts';

const CONFIG = '/etc/forebear/forebear.toml';
const witness = new Witness([CONFIG, '/srv/rules'], 'forebear.service');
const exec = (...args: string[]) => ({ args }) as unknown as ExecRecord;

const ROWS: [boolean, string[]][] = [
  [true, ['systemctl', 'stop', 'forebear']],
  [true, ['systemctl', 'mask', '--now', 'forebear.service']],
  [true, ['vi', CONFIG]],
  [true, ['sh', '-c', `echo > ${CONFIG}`]],
  [true, ['sh', '-c', `cat ${CONFIG}.bak > ${CONFIG}`]],
  [true, ['chmod', '-R', '777', '/etc/forebear/']],
  [true, ['cp', 'x', '/srv/rules/a.toml']],
  [true, ['/usr/bin/pkill', 'node']],
  [false, ['install', `/tmp/root${CONFIG}`]],
  [false, ['cat', `${CONFIG}.dpkg-dist`]],
  [false, ['ls', '/srv/rules-of-others']],
  [false, ['forebear', 'status']],
  [false, ['systemctl', 'stop', 'forebear-hub']],
  [false, ['true']],
  [false, []],
];

it.each(ROWS)('%s: %j', (expected, args) => {
  expect(witness.wants(exec(...args))).toBe(expected);
});

it('knows a wish to the manager by verb and unit', () => {
  const asks = (...args: string[]) => asksManager(args, ['stop', 'mask'], 'forebear.service');
  expect(asks('systemctl', 'stop', 'forebear')).toBe(true);
  expect(asks('systemctl', 'stop', 'ssh')).toBe(false);
  expect(asks('systemctl', 'status', 'forebear')).toBe(false);
  expect(asks('stop', 'forebear')).toBe(false);
});

describe('what is kept', () => {
  const fields = new FieldTable();
  function event(wallMs: number): EcsEvent {
    return Object.assign(new EcsEvent(fields), { wallMs, lineage: () => [{ pid: wallMs, source: 'kernel' as const }] });
  }

  it('is the newest that fits, with its lineage as it was, for a quarter of an hour', () => {
    const kept = new Witness([], 'forebear.service');
    const first = event(1);
    kept.keep(exec('a'), first);
    kept.keep(exec('b'), event(2));
    first.wallMs = 1;
    expect(kept.find(([arg]) => arg === 'a', 1000)?.lineage?.()).toEqual([{ pid: 1, source: 'kernel' }]);
    expect(kept.find(() => true, 1000)?.wallMs).toBe(2);
    expect(kept.find(() => true, 16 * 60_000)).toBeUndefined();
  });

  it('is bounded', () => {
    const kept = new Witness([], 'forebear.service');
    for (let i = 0; i < 1000; i++) kept.keep(exec(String(i)), event(1000 + i));
    expect(kept.find(([arg]) => arg === '1', 2000)).toBeUndefined();
    expect(kept.find(([arg]) => arg === '999', 2000)).toBeDefined();
  });

  it('is not pushed out by what ends other processes', () => {
    const kept = new Witness([CONFIG], 'forebear.service');
    kept.keep(exec('vi', CONFIG), event(1));
    for (let i = 0; i < 1000; i++) kept.keep(exec('kill', '-HUP', String(i)), event(2 + i));
    expect(kept.find(([arg]) => arg === 'vi', 2000)).toBeDefined();
  });
});
