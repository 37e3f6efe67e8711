import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TailOptions, tail } from '../../src/commands/tail.ts';
import { fakeIo } from './fake-io.ts';
import { FakeJournal } from './fake-journal.ts';
import { sampleAlert } from './sample-alert.ts';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  process.env.TZ = zone;
});

/** Twenty alerts a minute apart, named r1 to r20, of all severities in turn, after a start and before a loss. */
function journal(): FakeJournal {
  const made = new FakeJournal().addLifecycle();
  for (let i = 1; i <= 20; i++) {
    made.addAlert({
      uuid: `uuid${i}`,
      ruleName: `rule r${i}`,
      rule_id: `id-${i}`,
      severity: (['low', 'medium', 'high', 'critical'] as const)[(i - 1) % 4]!,
      eventWallMs: Date.UTC(2026, 10, 24, 10, i),
    });
  }
  return made.addGap({ detail: 'exec', count: 3 }, Date.UTC(2026, 10, 24, 11));
}

async function run(options: TailOptions, from = journal(), io = fakeIo()) {
  const status = await tail(from, options, io);
  const lines = io.stdout().split('\n').slice(0, -1);
  const names = lines.flatMap((line) => /rule (r\d+)/.exec(line)?.[1] ?? []);
  return { status, lines, names, err: io.stderr() };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `r${from + i}`);

describe('which alerts', () => {
  it.each<[string, TailOptions, string[]]>([
    ['the last ten', {}, range(11, 20)],
    ['the last three', { lines: 3 }, range(18, 20)],
    ['all', { lines: Number.POSITIVE_INFINITY }, range(1, 20)],
    ['none', { lines: 0 }, []],
    ['all since a time', { since: Date.UTC(2026, 10, 24, 10, 4) }, range(4, 20)],
    ['the last two since a time', { since: Date.UTC(2026, 10, 24, 10, 4), lines: 2 }, range(19, 20)],
    ['all from a seq', { from: 6 }, range(5, 20)],
    ['of a least severity', { severity: 'high', lines: 4 }, ['r15', 'r16', 'r19', 'r20']],
    ['of a rule by id', { rule: 'id-7' }, ['r7']],
    ['of a rule by name', { rule: 'RULE r7' }, ['r7']],
    ['of rules by a name with a star', { rule: '*r1*', lines: 2 }, ['r18', 'r19']],
    ['of no rule', { rule: 'r7' }, []],
    ['not of a pattern in other clothes', { rule: 'rule.*' }, []],
  ])('%s', async (_name, options, names) => {
    const found = await run(options);
    expect(found.names).toEqual(names);
    expect(found.status).toBe(names.length > 0 ? 0 : 1);
  });
});

describe('for a person', () => {
  it('shows what happened between the alerts', async () => {
    const { lines } = await run({ lines: Number.POSITIVE_INFINITY });
    expect(lines).toHaveLength(22);
    expect(lines[0]).toBe('2026-11-24 09:00:00  — agent started (0.1.0) —');
    expect(lines.at(-1)).toBe('2026-11-24 11:00:00  — 3 exec records lost —');
  });

  it('shows notices although there is no alert, and still says nothing was found', async () => {
    const { lines, status } = await run({}, new FakeJournal().addLifecycle());
    expect(lines).toEqual(['2026-11-24 09:00:00  — agent started (0.1.0) —']);
    expect(status).toBe(1);
  });

  it('escapes notices', async () => {
    const { lines } = await run({}, new FakeJournal().addGap({ kind: 'not_running', detail: '\u001b[2J\u202e' }));
    expect(lines[0]).toContain('— the agent did not run: \\x1b[2J\\u{202e} —');
  });

  it('shows a notice that cannot be decoded by its kind', async () => {
    const { lines } = await run({}, new FakeJournal().add('gap', Buffer.from([0xff])));
    expect(lines[0]).toContain('— gap record that cannot be read —');
  });
});

describe('as JSON', () => {
  it('is the documents, one a line, and nothing else', async () => {
    const { lines } = await run({ json: true, lines: 2 });
    expect(lines.map((line) => JSON.parse(line))).toEqual([sampleAlert().document, sampleAlert().document]);
  });

  it('is harmless on a terminal and still the same value', async () => {
    const document = { process: { args: ['\u001b]52;c;AAAA\u0007', '\u202e', '\u009b'] } };
    const { lines } = await run({ json: true }, new FakeJournal().addAlert({ document }));
    expect(lines[0]).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(lines[0]!)).toEqual(document);
  });
});

it('steps over an alert that cannot be decoded and says so', async () => {
  const { names, err, status } = await run({}, journal().add('alert', Buffer.from('not an alert'), 1));
  expect(names).toEqual(range(11, 20));
  expect(err).toContain('record 23 is not a readable alert');
  expect(status).toBe(0);
});

describe('-f', () => {
  it('goes on with what arrives after the last ones, without a repeat, until it is stopped', async () => {
    const from = journal();
    const io = fakeIo();
    let idle = 0;
    from.onIdle = () => {
      idle++;
      if (idle <= 2) from.addAlert({ ruleName: `rule r${20 + idle}` });
      else io.stop();
    };
    const { names, status } = await run({ follow: true, lines: 2 }, from, io);
    expect(names).toEqual(range(19, 22));
    expect(status).toBe(0);
  });

  it('filters what arrives', async () => {
    const from = new FakeJournal();
    const io = fakeIo();
    from.onIdle = () => {
      if (from.all.length === 0) from.addAlert({ severity: 'low' }).addAlert({ severity: 'high', ruleName: 'rule r1' });
      else io.stop();
    };
    const { names, lines } = await run({ follow: true, severity: 'medium' }, from, io);
    expect([names, lines.length]).toEqual([['r1'], 1]);
  });

  it('ends with 1 when nothing came', async () => {
    const from = new FakeJournal();
    const io = fakeIo();
    from.onIdle = () => io.stop();
    expect((await run({ follow: true }, from, io)).status).toBe(1);
  });
});

it('waits for a slow reader of its output', async () => {
  const from = new FakeJournal();
  for (let i = 0; i < 600; i++) from.addAlert();
  let waits = 0;
  const drained = async () => {
    waits++;
  };
  await run({ from: 1 }, from, fakeIo({ drained }));
  expect(waits).toBe(2);
});
