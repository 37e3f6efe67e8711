// What may change without any alert changing: each relation is a row that makes another input out of one, with a reason why
// nothing may follow from it. All goes through the bytes of the sensor, and rules come from files.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { environmentNames } from '../../src/detect/environment-names.ts';
import { Decoder } from '../../src/sensor/decode.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { ruleText } from '../detect/rule-text.ts';
import { encodeBatch, type RecordInput } from '../sensor/encode.ts';
import { AgentParts, freshState, removeState } from './agent-parts.ts';
import { Comparison, type MayDiffer } from './comparison.ts';
import { AFTER_A_RESTART } from './restart-tables.ts';
import { loadedFrom, ruleTexts } from './rule-files.ts';
import { inOrder, type Sessions, sessions } from './sessions.ts';
import { story } from './story.ts';
import type { StoryRules } from './story-rules.ts';
import { quickFolder } from './whole-run.ts';
import type { World } from './world.ts';

/** How often a relation is tried, with other choices each time. */
const RUNS = { numRuns: 12, seed: 20_261_124, includeErrorInReport: true } as const;
const PLACES: readonly MayDiffer[] = [
  { path: 'event.sequence', why: 'the place among all records', holds: () => true },
  { path: 'kibana.alert.original_event.sequence', why: 'the same', holds: () => true },
];

type Told = Pick<World, 'moments'> & { readonly records: readonly SensorRecord[] };

let folder: string;
let files: ReadonlyMap<string, string>;
let rules: StoryRules;
let told: Told;
let whole: readonly Alert[];
let made = 0;

beforeAll(async () => {
  folder = quickFolder();
  files = await ruleTexts();
  rules = await loaded(new Map([...files].map(([name, text]) => [`${name}.toml`, text])));
  told = story();
  whole = await alertsOf(told);
});
afterAll(() => rmSync(folder, { recursive: true }));

function loaded(texts: ReadonlyMap<string, string>): Promise<StoryRules> {
  const own = join(folder, `rules-${made++}`);
  mkdirSync(own);
  return loadedFrom(own, texts);
}

/** Through the bytes that the kernel side would write; cut into batches anywhere. */
async function alertsOf(
  { moments, records }: Told,
  by = rules,
  sizes: readonly number[] = [],
): Promise<readonly Alert[]> {
  const decoder = new Decoder(new Set(['LD_PRELOAD', ...environmentNames(by.set)]));
  const decoded: SensorRecord[] = [];
  for (let at = 0, i = 0; at < records.length; i++) {
    const size = sizes[i % sizes.length] ?? records.length;
    decoded.push(...decoder.decode(encodeBatch(records.slice(at, at + size) as RecordInput[])));
    at += size;
  }
  const state = freshState(folder);
  const run = await AgentParts.start({ world: { moments, records: decoded }, rules: by, state, from: 0 });
  run.take(decoded.length);
  removeState(run.stop());
  return run.alerts;
}

/** The alerts are the same, whole documents, in the same order unless told. */
function expectSame(alerts: readonly Alert[], before: readonly Alert[], rows: readonly MayDiffer[] = []): void {
  const comparison = new Comparison(rows);
  expect(alerts.map(({ uuid }) => uuid)).toEqual(before.map(({ uuid }) => uuid));
  expect(alerts.flatMap((alert, i) => comparison.difference(before[i]!, alert) ?? [])).toEqual([]);
}

const sorted = (alerts: readonly Alert[]) => alerts.toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));

it('the input has something to lose: each rule fires', () => {
  const fired = new Set(whole.map(({ rule_id }) => rule_id));
  expect([...files.keys()].filter((rule_id) => !fired.has(rule_id))).toEqual(['preload']);
});

describe('records', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 }).map((value) => value.replaceAll('\0', '0').toWellFormed());
  const changed = (change: (record: SensorRecord, i: number) => Partial<SensorRecord>): Told => ({
    moments: told.moments,
    records: told.records.map((record, i) => ({ ...record, ...change(record, i) }) as SensorRecord),
  });

  it('more variables in the environment: only those that a rule names leave the decoder', async () => {
    const like = [
      'XLD_PRELOAD=/x.so',
      'LD_PRELOADX=/x.so',
      'LD_PRELOAD',
      '=LD_PRELOAD=/x.so',
      'X=LD_PRELOAD=/x.so',
      '',
    ];
    const variable = fc.oneof(
      text.map((value) => `PAD_${value}`),
      fc.constantFrom(...like),
    );
    const padding = fc.array(variable, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(padding, padding, async (before, after) => {
        const padded = changed((record) =>
          record.kind === 'exec' ? { env: [...before, ...record.env, ...after] } : {},
        );
        expectSame(await alertsOf(padded), whole);
      }),
      RUNS,
    );
  });

  it('another comm: a process is named by its executable', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1 }), async (comms) => {
        const renamed = changed(({ task }, i) => ({ task: { ...task, comm: comms[i % comms.length]! } }));
        expectSame(await alertsOf(renamed), whole);
      }),
      RUNS,
    );
  });

  it('batches cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), async (sizes) => {
        expectSame(await alertsOf(told, rules, sizes), whole);
      }),
      RUNS,
    );
  });

  it('other processes between them: what no rule matches, and nobody descends from, means nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: told.records.length }), { maxLength: 60 }),
        async (places) => {
          expectSame(await alertsOf(withOthers(places)), whole, PLACES);
        },
      ),
      RUNS,
    );
  });

  /** At each place a process of pid 1's comes, is a program and leaves. */
  function withOthers(places: readonly number[]): Told {
    const moments = [told.moments[0]!];
    const records: SensorRecord[] = [];
    const tell = (record: SensorRecord, at: number) => {
      records.push(record);
      moments.push(told.moments[at]!);
    };
    for (let at = 0; at <= told.records.length; at++) {
      for (const [n] of places.entries()) if (places[n] === at) for (const record of other(n, at)) tell(record, at);
      if (at < told.records.length) tell(told.records[at]!, at + 1);
    }
    return { moments, records };
  }

  function other(n: number, at: number): SensorRecord[] {
    const near = told.records[Math.min(at, told.records.length - 1)]!;
    const exec = told.records.find((record) => record.kind === 'exec')!;
    const pid = 50_000 + n;
    const task = { ...exec.task, tgid: pid, startNs: near.bootNs, ppid: 1, parentStartNs: 1n, pgid: pid, sid: pid };
    const base = { bootNs: near.bootNs, task, truncated: [], unreadable: [] };
    return [
      { ...base, kind: 'fork', creator: { tgid: 1, startNs: 1n } },
      {
        ...exec,
        ...base,
        kind: 'exec',
        executable: '/usr/bin/other',
        args: ['other', String(n)],
        argc: 2,
        parentExecutable: '/usr/lib/systemd/systemd',
      },
      { ...base, kind: 'exit', endNs: near.bootNs, code: 0 },
    ] as SensorRecord[];
  }
});

describe('the order of records of processes that have nothing to do with each other', () => {
  let three: Sessions;
  let before: readonly Alert[];
  const of = (records: readonly SensorRecord[]): Told => ({
    records,
    moments: Array.from({ length: records.length + 1 }, () => three.before),
  });

  /** Whose alerts max_signals keeps back is a question of order. */
  const unlimited = (alerts: readonly Alert[]) => sorted(alerts.filter(({ rule_id }) => rule_id !== 'pair'));

  beforeAll(async () => {
    three = sessions();
    before = unlimited(await alertsOf(of(three.records)));
    expect(new Set(before.map(({ rule_id }) => rule_id)).size).toBeGreaterThan(4);
  });

  it('may be any: several CPUs write into one ring', async () => {
    const turns = fc.shuffledSubarray([...three.owners], { minLength: three.owners.length });
    await fc.assert(
      fc.asyncProperty(turns, async (owners) => {
        expectSame(unlimited(await alertsOf(of(inOrder(three, owners)))), before, PLACES);
      }),
      { ...RUNS, numRuns: 60 },
    );
  });
});

describe('rules', () => {
  const named = (name: (rule_id: string, i: number) => string) =>
    new Map([...files].map(([rule_id, text], i) => [name(rule_id, i), text]));

  it('loaded again', async () => {
    expectSame(await alertsOf(told, await loaded(named((rule_id) => `${rule_id}.toml`))), whole);
  });

  it('in files of other names, in other folders, so that they come in another order', async () => {
    for (const name of [
      (_id: string, i: number) => `${90 - i}.toml`,
      (rule_id: string, i: number) => `${i % 3}/deep/${rule_id}.toml`,
      (rule_id: string, i: number) => `${(i * 7) % 10}-\u202e${rule_id}.toml`,
    ]) {
      const again = await loaded(named(name));
      expect(again.set.rules.map(({ rule_id }) => rule_id)).not.toEqual(rules.set.rules.map(({ rule_id }) => rule_id));
      expectSame(sorted(await alertsOf(told, again)), sorted(whole));
    }
  });

  it('beside others that match nothing, of other fields and terms', async () => {
    const queries = [
      "'process.name:never and event.type:start'",
      '\'process.parent.args:none or process.parent.executable:"/none"\'',
      "'not process.executable:* and process.pid > 100000000'",
      "'process.env_vars:LD_AUDIT=never'",
      "'user.name:nobody-of-that-name and process.working_directory:/nowhere/*'",
    ];
    const more = queries.map((query, i): [string, string] => [
      `more-${i}.toml`,
      ruleText({ rule_id: `"more-${i}"`, name: `"More ${i}"`, type: '"query"', query }, ''),
    ]);
    const terms = ruleText({ rule_id: '"more-terms"', query: "'process.name:never'" });
    const all = new Map([...named((rule_id) => `m-${rule_id}.toml`), ['n.toml', terms], ...more]);
    expectSame(await alertsOf(told, await loaded(all)), whole);
  });

  it('fewer: those that are left alert as before', async () => {
    for (const gone of files.keys()) {
      const left = new Map([...named((rule_id) => `${rule_id}.toml`)].filter(([name]) => name !== `${gone}.toml`));
      const expected = whole.filter(({ rule_id }) => rule_id !== gone);
      expectSame(await alertsOf(told, await loaded(left)), expected);
    }
  });

  it('loaded again by an agent that starts anew, from other files, beside one more: their histories are theirs', async () => {
    const more = ruleText({ rule_id: '"more"', name: '"More"', query: "'process.name:never'" });
    const again = await loaded(new Map([...named((_id, i) => `${99 - i}.toml`), ['more.toml', more]]));
    const table = new Comparison(AFTER_A_RESTART);
    for (let at = 10; at < told.records.length; at += 40) {
      const state = freshState(folder);
      const first = await AgentParts.start({ world: told, rules, state, from: 0 });
      first.take(at);
      const second = await AgentParts.start({ world: told, rules: again, state: first.stop(), from: at });
      second.take(told.records.length);
      removeState(second.stop());
      const alerts = [...sorted(first.alerts), ...sorted(second.alerts)];
      const before = [...sorted(whole.slice(0, first.alerts.length)), ...sorted(whole.slice(first.alerts.length))];
      expect(alerts.map(({ uuid }) => uuid)).toEqual(before.map(({ uuid }) => uuid));
      expect(alerts.flatMap((alert, i) => table.difference(before[i]!, alert) ?? [])).toEqual([]);
    }
  });
});
