// Restart equivalence of the whole agent: raw records through decoder, rules, outbox and journal on disk; stopped, or crashed, at
// some places of the story and started on the same state. Both runs make the alerts of one that went through, and the journal
// says where the restart was.

import { cpSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { readLeaders } from '../../src/enrich/leaders-io.ts';
import type { ProcessReading, StartFact } from '../../src/enrich/surroundings.ts';
import { Counters } from '../../src/stats.ts';
import {
  configIn,
  type Entry,
  journalOf,
  newFolder,
  remove,
  start,
  TestSurroundings,
  words,
} from '../agent/agent-run.ts';
import { BOOT_ID, START } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { AgentParts, freshState } from './agent-parts.ts';
import { Comparison, type MayDiffer } from './comparison.ts';
import { AFTER_A_CRASH, AFTER_A_RESTART, changedBetween } from './restart-tables.ts';
import { story } from './story.ts';
import { type StoryRules, storyRules } from './story-rules.ts';
import type { World } from './world.ts';

/** Of the story's records: primes, so that the places have nothing in common. */
const STOPS = [1, 29, 61, 103, 149, 199, 241, 283];
const CRASHES = [17, 43, 79, 131, 181, 233, 271];
const HOUR_MS = 3_600_000;
const FIVE_SECONDS_NS = 5_000_000_000n;
/** AgentParts detects an event at the event's own time; an agent looks at its clock. */
const DETECTED: readonly MayDiffer[] = [
  { path: 'kibana.alert.last_detected', why: 'the time of detection', holds: () => true },
  { path: 'event.sequence', why: 'the same', holds: () => true },
];

let world: World;
let rules: StoryRules;
let folders: string[];
/** Of one agent that went through. */
let whole: readonly Alert[];
/** Of that one, made before each record. */
let counts: readonly number[];

/** The world's /proc at the record that is being taken, and what the state directory has kept. */
class AgentWorld extends TestSurroundings {
  taken: number;
  readonly #state: string;

  constructor(state: string, taken: number) {
    super();
    this.#state = state;
    this.taken = taken;
  }

  override async start(): Promise<StartFact> {
    const leaders = readLeaders(this.#state, BOOT_ID, new Counters());
    return { ...START, ...(leaders === undefined ? {} : { leaders }) };
  }

  override readProcess(pid: number, startNs?: bigint): ProcessReading | undefined {
    return world.moments[this.taken]!.reading(pid, startNs!);
  }

  override isAlive(pid: number, startNs?: bigint): boolean {
    return this.readProcess(pid, startNs) !== undefined;
  }

  get nowNs(): bigint {
    return world.moments[this.taken]!.nowNs;
  }
}

function tempFolder(): string {
  folders.push(newFolder());
  return folders.at(-1)!;
}

/** An agent on that state that takes the records from one to another; it goes on until it is told to stop. */
async function live(state: string, from: number, to: number) {
  const surroundings = new AgentWorld(state, from);
  const config = configIn(state);
  const learnRulesMs = new Map([['learning', HOUR_MS]]);
  const wallMs = () => START.wallOffsetMs + Number(surroundings.nowNs) / 1e6;
  const run = await start(state, {
    config: { ...config, detect: { ...config.detect, learnRulesMs } },
    fields: rules.fields,
    rules: rules.set,
    clock: { wallMs, bootNs: () => surroundings.nowNs },
    makeSurroundings: () => surroundings,
  });
  await run.ready;
  run.sensor.batch(world.moments[from]!.found as RecordInput[]);
  // A tick, in which the processes that were found are read.
  vi.advanceTimersByTime(1000);
  for (let i = from; i < to; i++) {
    const record = world.records[i]!;
    const passedMs = Number(record.bootNs - surroundings.nowNs) / 1e6;
    vi.advanceTimersByTime(Math.min(6000, passedMs));
    surroundings.taken = i + 1;
    run.sensor.batch([record as RecordInput]);
  }
  return run;
}

async function ended(state: string, from: number, to: number): Promise<readonly Alert[]> {
  const run = await live(state, from, to);
  run.stop();
  await run.done;
  return run.alerts.map(({ alert }) => alert);
}

/** The first document that differs where it may not. */
function differenceOf(alerts: readonly Alert[], comparison: Comparison): string | undefined {
  for (const alert of alerts) {
    const before = whole.find(({ uuid }) => uuid === alert.uuid);
    const difference = before && comparison.difference(before, alert);
    if (difference !== undefined) return `${alert.reason} ${difference}`;
  }
  return undefined;
}

const alertsOf = (entries: readonly Entry[]) =>
  entries.flatMap((entry) => (entry.kind === 'alert' ? [entry.alert] : []));
const lifeOf = (entries: readonly Entry[]) => words(entries).filter((word) => /^(start|stop)/.test(word));
const idsOf = (alerts: readonly Alert[]) => alerts.map(({ uuid }) => uuid);

beforeAll(async () => {
  folders = [];
  world = story();
  rules = await storyRules();
  const parts = await AgentParts.start({ world, rules, state: freshState(tempFolder()), from: 0 });
  counts = Array.from({ length: world.records.length + 1 }, (_, at) => {
    parts.take(at);
    return parts.alerts.length;
  });
  parts.stop();
  whole = parts.alerts;
});
afterAll(() => folders.forEach(remove));
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  return () => vi.useRealTimers();
});

it('without a restart: the alerts of its parts, as restart.test.ts puts them together', async () => {
  const alerts = await ended(tempFolder(), 0, world.records.length);
  expect(idsOf(alerts)).toEqual(idsOf(whole));
  expect(differenceOf(alerts, new Comparison(DETECTED))).toBeUndefined();
});

it.each(STOPS)('stopped before record %i', async (at) => {
  const state = tempFolder();
  await ended(state, 0, at);
  await ended(state, at, world.records.length);
  const entries = await journalOf(state);
  expect(lifeOf(entries)).toEqual(['start', 'stop', 'start', 'stop']);
  expect(idsOf(alertsOf(entries))).toEqual(idsOf(whole));
  expect(differenceOf(alertsOf(entries), new Comparison([...AFTER_A_RESTART, ...DETECTED]))).toBeUndefined();
});

it.each(CRASHES)('crashed before record %i', async (at) => {
  const state = tempFolder();
  const run = await live(state, 0, at);
  await expect.poll(() => run.alerts.length).toBe(counts[at]);
  const left = tempFolder();
  cpSync(state, left, { recursive: true });
  run.stop();
  await run.done;
  await ended(left, at, world.records.length);
  const entries = await journalOf(left);
  expect(lifeOf(entries)).toEqual(['start', 'start unclean', 'stop']);
  const alerts = alertsOf(entries);
  const nowNs = world.moments[at]!.nowNs;
  const changed = idsOf(whole.filter((alert) => changedBetween(alert, nowNs - FIVE_SECONDS_NS, nowNs)));
  const missing = idsOf(whole).filter((uuid) => !idsOf(alerts).includes(uuid));
  expect(changed).toEqual(expect.arrayContaining(missing));
  const old = alerts.filter(({ uuid }) => !changed.includes(uuid));
  const tables = [...AFTER_A_RESTART, ...AFTER_A_CRASH, ...DETECTED];
  expect(differenceOf(old, new Comparison(tables))).toBeUndefined();
});
