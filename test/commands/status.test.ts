import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentStatus, parseAgentStatus } from '../../src/agent-status.ts';
import { runProgram } from '../../src/commands/program.ts';
import { judge } from '../../src/commands/status.ts';
import { formatStatus } from '../../src/commands/status-text.ts';
import { painter } from '../../src/commands/terminal.ts';
import { fakeIo } from './fake-io.ts';
import { NOW, snapshot } from './sample-status.ts';

const zone = process.env.TZ;
const folder = mkdtempSync(join(tmpdir(), 'forebear-status-'));
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  process.env.TZ = zone;
  rmSync(folder, { recursive: true });
});

describe('for a person', () => {
  it.each(['running', 'stale', 'gone'] as const)('an agent that is %s', async (state) => {
    const text = formatStatus(snapshot(), state, NOW + 59_500, painter(false));
    await expect(`${text}\n`).toMatchFileSnapshot(`../golden/status-${state}.txt`);
  });

  it('counts exceptions by what they are, and the events that they hid', () => {
    const counters = { 'detect_events_excepted_total{reason="a"}': 2, 'detect_events_excepted_total{reason="b"}': 1 };
    const exceptions = { applies: 12, unbound: 1, expired: 2, disabled: 0, refused: 1 };
    const text = formatStatus({ ...snapshot(), exceptions, counters }, 'running', NOW, painter(false));
    expect(text).toContain('\nexceptions 12 active, 1 for no rule, 2 expired, 1 refused; 3 events hidden\n');
  });

  it('says until when rules learn, and what they learned', () => {
    const terms = { known: 12, evicted: 0, learning: { rules: 2, untilMs: NOW + 3_600_000 } };
    const counters = { detect_alerts_learned_total: 5 };
    const text = formatStatus({ ...snapshot(), terms, counters }, 'running', NOW, painter(false));
    expect(text).toContain('\nnew terms  12 known, 5 learned without an alert, learning until 2026-11-24 11:00\n');
    expect(parseAgentStatus(JSON.stringify(snapshot({ terms })))).toBeDefined();
    const broken = { ...terms, learning: { rules: 2 } };
    expect(parseAgentStatus(JSON.stringify({ ...snapshot(), terms: broken }))).toBeUndefined();
  });

  it.each([
    [{ seenMs: NOW - 20_000 }, 'seen 20s ago'],
    [{}, 'none seen yet'],
    [{ seenMs: NOW - 90_000, blindSinceMs: NOW - 90_000 }, 'not seen since 2026-11-24 09:58:30'],
    [{ seenMs: NOW - 20_000, fault: 'spawn \u001b' }, 'seen 20s ago; the last one failed: spawn \\x1b'],
  ])('tells of the canary: %j', (canary, row) => {
    const text = formatStatus({ ...snapshot({ nowMs: NOW }), canary }, 'running', NOW, painter(false));
    expect(text).toContain(`\ncanary     ${row}\n`);
    expect(parseAgentStatus(JSON.stringify(snapshot({ canary })))?.canary).toEqual(canary);
    expect(parseAgentStatus(JSON.stringify({ ...snapshot(), canary: { ...canary, seenMs: 'x' } }))).toBeUndefined();
  });

  it('takes a snapshot of an agent that said nothing of sources, and none whose sources are broken', () => {
    const { sources, ...sensor } = snapshot().sensor;
    expect(parseAgentStatus(JSON.stringify(snapshot({ sensor })))?.sensor.sources).toBeUndefined();
    const broken = { ...sensor, sources: [{ ...sources?.[0], unseen: 'x' }] };
    expect(parseAgentStatus(JSON.stringify({ ...snapshot(), sensor: broken }))).toBeUndefined();
  });

  it('escapes what comes from files and the kernel', () => {
    const evil = '\u001b[2J\u202e';
    const base = snapshot();
    const source = { kind: evil, source: 'syscalls', wanted: true, asked: true, reason: evil, unseen: [evil] };
    const sources = [source, { ...source, source: 'none' }];
    const programs = [{ name: evil, attachPoint: evil, attached: false, reason: evil }];
    const text = formatStatus(
      {
        ...base,
        version: evil,
        kernel: evil,
        host: { id: evil, name: evil },
        sensor: { ...base.sensor, source: evil, programs, sources },
        rules: { running: 0, refused: [{ file: evil, code: evil, reason: evil }] },
        journal: { ...base.journal, directory: evil },
      },
      'running',
      NOW,
      painter(false),
    );
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  });
});

it('says what limits kept back', () => {
  const alertsOf = (counters: Record<string, number>) => {
    const text = formatStatus(snapshot({ counters }), 'running', NOW, painter(false));
    return /^alerts +(.*)$/m.exec(text)?.[1];
  };
  const heldBack = (limit: string) => `detect_alerts_held_back_total{reason="${limit}"}`;
  expect(alertsOf({})).toBe('2 since start');
  expect(alertsOf({ detect_alerts_capped_total: 3, [heldBack('rule')]: 4, [heldBack('all')]: 1 })).toBe(
    '2 since start, 3 kept back by max_signals, 5 held back by the byte rate',
  );
});

describe('whether the agent runs', () => {
  it.each<[string, Partial<AgentStatus> | undefined, boolean, string]>([
    ['fresh and alive', {}, true, 'running'],
    ['from the future: the clock was set back', { nowMs: NOW + 3_600_000 }, true, 'running'],
    ['old and alive', { nowMs: NOW - 11_000 }, true, 'stale'],
    ['fresh and gone', {}, false, 'gone'],
    ['stopped', { stoppedMs: NOW }, false, 'stopped'],
    ['stopped, its pid taken by another', { stoppedMs: NOW }, true, 'stopped'],
    ['no snapshot', undefined, true, 'none'],
  ])('%s', (_name, part, alive, state) => {
    const found = part === undefined ? undefined : snapshot(part);
    expect(judge(found, NOW, (pid) => alive && pid === 4242)).toBe(state);
  });
});

describe('the snapshot', () => {
  it('is read back as it was written', () => {
    expect(parseAgentStatus(JSON.stringify(snapshot()))).toEqual(snapshot());
  });

  it.each([
    ['', 'empty'],
    ['{', 'cut'],
    ['null', 'null'],
    ['{}', 'without members'],
    [JSON.stringify({ ...snapshot(), schema: 2 }), 'of a newer schema'],
    [JSON.stringify({ ...snapshot(), pid: '1' }), 'with a wrong type'],
    [JSON.stringify({ ...snapshot(), counters: { a: 'b' } }), 'with a counter that is none'],
    [JSON.stringify({ ...snapshot(), rules: { running: 1, refused: [1] } }), 'with a wrong list'],
  ])('is refused: %#', (text) => expect(parseAgentStatus(text)).toBeUndefined());
});

describe('the command', () => {
  async function run(...args: string[]) {
    const io = fakeIo();
    const status = await runProgram(['status', '--state', folder, ...args], io);
    return { status, out: io.stdout(), err: io.stderr() };
  }

  it('without a snapshot: not running, status 1', async () => {
    const { status, out } = await run();
    expect([status, out]).toEqual([1, `not running: there is no status.json in ${folder}\n`]);
    expect((await run('--json')).out).toBe('{"state":"none"}\n');
  });

  it('with a fresh one of this process: running, status 0', async () => {
    const own = snapshot({ pid: process.pid, nowMs: Date.now() });
    writeFileSync(join(folder, 'status.json'), JSON.stringify(own));
    const { status, out } = await run('--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({ state: 'running', ...own });
  });

  it('with one that is not ours: an error with a code, status 2', async () => {
    writeFileSync(join(folder, 'status.json'), '{"hello":1}');
    const { status, out, err } = await run('--json');
    expect([status, out]).toEqual([2, '']);
    expect(JSON.parse(err).error.code).toBe('FB_STATUS_MALFORMED');
  });
});
