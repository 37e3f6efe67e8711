import { describe, expect, it } from 'vitest';
import { type BlindSensor, Canary, type CanaryProgram } from '../../src/agent/canary.ts';
import { canaryAlert } from '../../src/agent/canary-alert.ts';
import { canaryProgram } from '../../src/agent/canary-io.ts';
import { Troubles } from '../../src/agent/troubles.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { START } from '../enrich/fake-host.ts';
import { logged } from './logged.ts';

const WALL = 1_800_000_000_000;
const argsOf = (token: string) => ['true', token];

function exec(args: readonly string[], tgid = 7): SensorRecord {
  return { kind: 'exec', args, task: { tgid, startNs: 5n } } as unknown as SensorRecord;
}

function setUp(everyTicks: number, program: Partial<CanaryProgram> = {}) {
  const counters = new Counters();
  const { log, lines } = logged();
  const time = { wallMs: WALL, lost: 0 };
  const tokens: string[] = [];
  const blind: BlindSensor[] = [];
  const back: { fromMs: number; missed: number }[] = [];
  const canary = new Canary({
    everyTicks,
    program: { argsOf, run: async () => {}, ...program },
    newToken: () => {
      tokens.push(`token-${tokens.length}`);
      return tokens.at(-1)!;
    },
    clock: { wallMs: () => time.wallMs, bootNs: () => BigInt(time.wallMs - WALL) * 1_000_000n },
    counters,
    troubles: new Troubles(log),
    lost: () => time.lost,
    onBlind: (facts) => void blind.push(facts),
    onBack: (since) => void back.push(since),
  });
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      time.wallMs += 1000;
      canary.tick();
      await undefined;
      await undefined;
    }
  };
  const see = () => canary.isOwn(exec(argsOf(tokens.at(-1)!)));
  return { canary, counters, lines, time, tokens, blind, back, ticks, see };
}

describe('a sensor that works', () => {
  it.each([
    [60, 1, 1],
    [60, 60, 1],
    [60, 61, 2],
    [0, 200, 0],
  ])('every %i ticks: after %i ticks %i were run, all seen, nobody is told', async (every, count, run) => {
    const { ticks, see, tokens, blind, back, counters } = setUp(every);
    for (let i = 0; i < count; i++) {
      await ticks(1);
      if (tokens.length > 0) see();
    }
    expect(tokens).toHaveLength(run);
    expect(counters.get('agent_canaries_seen_total')).toBe(run);
    expect([blind, back]).toEqual([[], []]);
  });

  it('has the exec of a canary passed over, once', async () => {
    const { ticks, see, counters } = setUp(60);
    await ticks(1);
    expect([see(), see()]).toEqual([true, false]);
    expect(counters.get('agent_canary_execs_skipped_total')).toBe(1);
  });

  it.each<[string, SensorRecord]>([
    ['another program', exec(['curl', 'token-0'])],
    ['more arguments', exec(['true', 'x', 'token-0'])],
    ['another token', exec(['true', 'token-1'])],
    ['no arguments', exec([])],
    ['a fork', { ...exec(['true', 'token-0']), kind: 'fork' } as SensorRecord],
  ])('does not pass over %s', async (_name, record) => {
    const { canary, ticks, see } = setUp(60);
    await ticks(1);
    expect(canary.isOwn(record)).toBe(false);
    expect(see()).toBe(true);
  });
});

describe('a sensor that does not see', () => {
  it('makes an alert of two in a row that were not seen, once; then tells that it sees again', async () => {
    const { canary, ticks, see, blind, back, counters, tokens } = setUp(60);
    await ticks(1);
    see();
    await ticks(60 + 10 + 9);
    expect([tokens.length, blind.length]).toEqual([3, 0]);
    await ticks(1);
    const seenMs = WALL + 1000;
    expect(blind).toEqual([
      { wallMs: WALL + 71_000, bootNs: 71_000_000_000n, args: ['true', 'token-2'], missed: 2, seenMs, lost: 0 },
    ]);
    expect(canary.report()).toEqual({ seenMs, blindSinceMs: seenMs });
    await ticks(300);
    expect(blind).toHaveLength(1);
    await ticks(60);
    const run = tokens.length;
    while (tokens.length === run) await ticks(1);
    see();
    expect(back).toEqual([{ fromMs: seenMs, missed: counters.get('agent_canaries_missed_total') }]);
    expect(canary.report()?.blindSinceMs).toBeUndefined();
    await ticks(200);
    expect(blind).toHaveLength(2);
  });

  it('one that is not seen is followed by another at once: that one ends it', async () => {
    const { ticks, see, blind, back, tokens, counters } = setUp(60);
    await ticks(11);
    expect(tokens).toHaveLength(2);
    see();
    await ticks(20);
    expect([blind, back, counters.get('agent_canaries_missed_total')]).toEqual([[], [], 1]);
  });

  it('one that comes too late counts as not seen', async () => {
    const { canary, ticks } = setUp(60);
    await ticks(11);
    expect(canary.isOwn(exec(['true', 'token-0']))).toBe(false);
  });

  it('tells what was lost meanwhile', async () => {
    const { ticks, time, blind } = setUp(60);
    time.lost = 5;
    await ticks(11);
    time.lost = 12;
    await ticks(10);
    expect(blind).toMatchObject([{ lost: 7 }]);
    expect(blind[0]).not.toHaveProperty('seenMs');
  });

  it('waits no longer than from one to the next, with a second to spare', async () => {
    const { ticks, blind } = setUp(3);
    await ticks(7);
    expect(blind).toHaveLength(1);
  });
});

describe('a canary that cannot be run', () => {
  const noFile = () => Promise.reject(Object.assign(new Error('spawn true ENOENT'), { syscall: 'spawn true' }));

  it('is no fault of the sensor: it is counted, said once, shown', async () => {
    const { canary, ticks, blind, counters, lines } = setUp(5, { run: noFile });
    await ticks(50);
    expect(blind).toEqual([]);
    expect(counters.get('agent_canaries_failed_total')).toBe(10);
    expect(lines).toEqual([{ level: 'warn', message: 'running the canary: spawn true ENOENT' }]);
    expect(canary.report()).toEqual({ fault: 'spawn true ENOENT' });
  });

  it('but was run when it was killed: that must be seen', async () => {
    const { ticks, blind } = setUp(5, { run: () => Promise.reject(new Error('killed')) });
    await ticks(11);
    expect(blind).toHaveLength(1);
  });
});

describe('the alert', () => {
  const parts = {
    fields: new FieldTable(),
    host: START.host,
    version: '1.2.3',
    bootId: 'boot',
    pid: 42,
    executable: '/usr/lib/forebear/node',
    uid: 998,
    detectedMs: () => WALL + 20_000,
  };
  const blind: BlindSensor = {
    wallMs: WALL,
    bootNs: 9n,
    args: ['/usr/bin/true', 'token'],
    missed: 2,
    seenMs: WALL - 60_000,
    lost: 3,
  };

  it('is one like any other, critical, of a rule of its own', () => {
    const alert = canaryAlert(parts, blind);
    expect(alert).toMatchObject({ rule_id: 'forebear-canary', severity: 'critical', riskScore: 99, eventWallMs: WALL });
    expect(alert.gaps).toEqual([{ kind: 'lost_records', detail: 'while the canary was awaited', count: 3 }]);
    expect(alert.reason).toContain('the last that was is of 2027-01-15T07:59:00.000Z');
    expect(alert.document).toMatchObject({
      '@timestamp': new Date(WALL).toISOString(),
      event: { kind: 'alert', action: 'canary_not_seen', module: 'forebear' },
      host: { name: START.host.name },
      process: { executable: '/usr/bin/true', args: ['/usr/bin/true', 'token'], parent: { pid: 42 } },
      rule: { id: 'forebear-canary' },
      threat: { technique: { id: ['T1562'] } },
      kibana: { alert: { uuid: alert.uuid, reason: alert.reason, severity: 'critical' } },
      forebear: { canary: { missed: 2, lost: 3, last_seen: new Date(WALL - 60_000).toISOString() } },
    });
  });

  it('has one id for one canary, and another for another', () => {
    const { uuid } = canaryAlert(parts, blind);
    expect(canaryAlert({ ...parts, detectedMs: () => 0 }, { ...blind, missed: 5 }).uuid).toBe(uuid);
    expect(canaryAlert(parts, { ...blind, bootNs: 10n }).uuid).not.toBe(uuid);
  });
});

describe('what is run', () => {
  it('is the program with the token as its last argument', () => {
    expect(canaryProgram('/bin/true').argsOf('t')).toEqual(['/bin/true', 't']);
  });

  it.each([
    ['there is no such program', '/nowhere/true', true, 'Error: spawn /nowhere/true ENOENT'],
    ['it fails', '/bin/false', false, 'Error: it ended with status 1'],
  ])('tells a run apart that never was, in the same words each time: %s', async (_name, program, never, said) => {
    const fault = await canaryProgram(program)
      .run('t')
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Error);
    expect((fault as { syscall?: string }).syscall !== undefined).toBe(never);
    expect(String(fault)).toBe(said);
  });

  it('runs as it is', async () => {
    await expect(canaryProgram().run('forebear-canary-test')).resolves.toBeUndefined();
  });
});
