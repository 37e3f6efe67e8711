import { describe, expect, it } from 'vitest';
import type { Ready } from '../../src/agent.ts';
import type { SourceSnapshot } from '../../src/agent-status.ts';
import { readyLines, summaryLine } from '../../src/commands/agent-text.ts';
import { painter } from '../../src/commands/terminal.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { entry, item, LIST, type Line, setOf } from '../detect/exceptions/lists.ts';
import { makeRule } from '../detect/rules.ts';

const ready = {
  sensor: { source: 'ebpf', ringBytes: 1, programs: [] },
  sources: [],
  journal: { directory: '/j', durableSeq: 0, bytes: 0 },
  terms: 0,
  restored: 0,
} as unknown as Ready;

/** What the first lines of a run say of exceptions. */
function said(lines: Line[], paths: string[], disabled: string[] = []): string[] {
  const fields = new FieldTable();
  const rules = {
    verdicts: [],
    rules: [makeRule(fields, 'process.name:a')],
    exceptions: setOf(fields, lines, { disabled }),
  };
  const sources = { rules: ['/r'], exceptions: paths, disabled };
  const all = readyLines({ ready, rules, sources, nowMs: 1_000, version: '1', paint: painter(false) });
  const from = all.findIndex((line) => line.startsWith('excepted'));
  return all.slice(
    from,
    all.findIndex((line) => line.startsWith('terms')),
  );
}

it('Ctrl-C is told of only where somebody is there to press it', () => {
  const rules = { verdicts: [], rules: [] };
  const text = { ready, rules, sources: { rules: [], exceptions: [], disabled: [] }, nowMs: 1_000, version: '1' };
  const last = (atTerminal?: boolean) =>
    readyLines({ ...text, paint: painter(false), ...(atTerminal !== undefined && { atTerminal }) }).at(-1);
  expect([last(), last(false)]).toEqual(['ready    Ctrl-C stops', 'ready']);
});

it('the first lines of a run say until when rules learn, and how many of them', () => {
  const fields = new FieldTable();
  const terms = ['a', 'b'].map((rule_id) => makeRule(fields, 'process.name:a', { rule_id }, ['user.name']));
  const rules = { verdicts: [], rules: [...terms, makeRule(fields, 'process.name:a')] };
  const lineOf = (part: Partial<Ready>) => {
    const text = { ready: { ...ready, ...part }, rules, sources: { rules: [], exceptions: [], disabled: [] } };
    const all = readyLines({ ...text, nowMs: 1_000, version: '1', paint: painter(false) });
    return all.find((line) => line.startsWith('terms'));
  };
  expect(lineOf({})).toBe('terms    0 known');
  const until = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d';
  expect(lineOf({ learning: { rules: 2, untilMs: 5 } })).toMatch(
    new RegExp(`^terms {4}0 known, learning until ${until}$`),
  );
  expect(lineOf({ learning: { rules: 1, untilMs: 5 }, restored: 3 })).toMatch(
    new RegExp(`0 known, 3 alerts applied after an unclean stop, learning until ${until} \\(1 of 2 rules\\)$`),
  );
});

describe('of records that are attached on demand, the first lines of a run', () => {
  const source: SourceSnapshot = {
    kind: 'credentials',
    source: 'none',
    wanted: false,
    asked: false,
    unseen: ['x\u001b'],
  };
  const saidOf = (part: Partial<SourceSnapshot>) => {
    const text = { ready: { ...ready, sources: [{ ...source, ...part }] }, rules: { verdicts: [], rules: [] } };
    const sources = { rules: [], exceptions: [], disabled: [] };
    const all = readyLines({ ...text, sources, nowMs: 1_000, version: '1', paint: painter(false) });
    return all.filter((line) => line.includes('credentials')).map((line) => line.trim());
  };

  it.each<[string, Partial<SourceSnapshot>, string[]]>([
    ['nothing where nobody asks', {}, []],
    ['nothing where all is seen', { source: 'trampoline', wanted: true, asked: true, unseen: [] }, []],
    [
      'what system calls do not show',
      { source: 'syscalls', wanted: true, asked: true, reason: 'EPERM' },
      ['credentials: attached to every system call, as EPERM; what it cannot see: forebear status (1)'],
    ],
    [
      'what a tracepoint does not show',
      { source: 'tracepoint', wanted: true, asked: true },
      ["credentials: attached to the kernel's own tracepoint; what it cannot see: forebear status (1)"],
    ],
    [
      'that there is no source, and why',
      { wanted: true, asked: true, reason: 'EPERM' },
      ['credentials: not attached, as EPERM; rules that ask for it see nothing'],
    ],
    [
      'that only the configuration asks in vain',
      { wanted: true, reason: 'EPERM' },
      ['credentials: not attached, as EPERM'],
    ],
    [
      'that the configuration leaves out what a rule asks for',
      { asked: true },
      ['credentials: not attached, as sensor.events leaves it out; rules that ask for it see nothing'],
    ],
  ])('say %s', (_name, part, lines) => expect(saidOf(part)).toEqual(lines));
});

describe('the first lines of a run', () => {
  const entries = [entry('match', 'user.name', 'ann')];
  const bound = { ...LIST, tags: ['forebear:rule:rule-1'] };
  const items = (count: number, over: Line = {}) =>
    Array.from({ length: count }, (_, i) => item(entries, { item_id: `i${i}`, ...over }));

  it('say how many exceptions are in force, and which are not', () => {
    const expired = item(entries, { item_id: 'old', expire_time: '1970-01-01T00:00:01Z' });
    const broken = item([], { item_id: 'bad\u001b' });
    expect(said([bound, ...items(3), expired, broken], ['/x/l.ndjson'], ['i0'])).toEqual([
      'excepted 2 exceptions active, 1 expired, 1 disabled, 1 refused (/x/l.ndjson)',
      expect.stringMatching(/^ {9}refused: f\.ndjson:6 bad\S+: FB_EXCEPTION_VALUE entries: .*none$/),
    ]);
  });

  it('say when items are for no rule that runs, and when there is no list', () => {
    expect(said([LIST, ...items(2)], ['/x'])).toEqual([
      'excepted 2 exceptions active (2 for no rule that runs), 0 expired, 0 refused (/x)',
    ]);
    expect(said([], [])).toEqual(['excepted 0 exceptions active, 0 expired, 0 refused (no list)']);
  });

  it('name the first refused ones', () => {
    const lines = said([LIST, ...items(7, { entries: [] })], ['/x']);
    expect(lines).toHaveLength(1 + 5 + 1);
    expect(lines.at(-1)).toBe('         and 2 more: forebear exceptions list');
  });
});

it('the last line says what was not kept, and by which limit', () => {
  const events = { exec: 4, fork: 3, exit: 2, task: 1, session: 0, credentials: 0, file: 0, network: 0, call: 0 };
  const quiet = { events, lost: 0, alerts: 1, capped: 0, heldBack: 0, dropped: 0, durableSeq: 9, unaccounted: 0 };
  const head = 'stopped  10 events (4 exec, 3 fork, 2 exit, 1 found at start)';
  expect(summaryLine(quiet)).toBe(`${head}, 0 lost, 1 alert; journal at 9`);
  expect(summaryLine({ ...quiet, lost: 5, alerts: 2, capped: 6, heldBack: 7, dropped: 8 })).toBe(
    `${head}, 5 lost, 2 alerts, 6 kept back by max_signals, 7 held back by the byte rate, 8 not taken by the journal; journal at 9`,
  );
});
