// One case of the engine's bench in a process of its own: rules loaded, their heap, events through a detector, the same rules
// put in place once more. In: a case as JSON, the argument; out: figures as JSON, on standard output. Needs --expose-gc.

import { Detector } from '../src/detect/detector.ts';
import { LINUX_HOST } from '../src/detect/host-abilities.ts';
import { LANGUAGES } from '../src/detect/languages.ts';
import { loadRuleSet } from '../src/detect/load-rule-set-io.ts';
import type { Rule } from '../src/detect/rule.ts';
import { costClock } from '../src/detect/rule-costs.ts';
import type { EcsEvent } from '../src/ecs/event.ts';
import { FieldTable } from '../src/ecs/fields.ts';
import { Counters } from '../src/stats.ts';
import { ordinaryEvents, recordedEvents } from './engine-events.ts';
import { generatedRules } from './engine-rules.ts';
import { median, quantile } from './statistics.ts';

export interface EngineCase {
  /** A number: generated rules; else files or folders. */
  readonly rules: number | readonly string[];
  /** NDJSON of events instead of ordinary ones. */
  readonly events?: string;
  readonly rounds: number;
  /** Every rule on every event. */
  readonly unindexed?: boolean;
}

export interface EngineFigures {
  rules: number;
  refused: number;
  loadMs: number;
  heapMb: number;
  /** Thousand events a second of CPU, of each round. */
  rates: number[];
  p50Us: number;
  p99Us: number;
  /** Probes evaluated, events that matched a rule, alerts, each per event. */
  evaluated: number;
  matched: number;
  alerts: number;
  reloadMs: number;
  /** The longest step of it, and the longest that an event took after it. */
  sliceMs: number;
  eventMs: number;
}

const EVENTS = 5_000;
/** One event in so many is of a program that a generated rule names. */
const TOOL_EVERY = 500;
/** Events that pass before anything is measured: plans are made, code is compiled. */
const WARM = 40_000;
/** Of these the median counts: what else runs on the machine takes its slices. */
const RELOADS = 9;

function heapMb(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

async function load(of: EngineCase['rules'], fields: FieldTable): Promise<{ rules: readonly Rule[]; refused: number }> {
  if (typeof of === 'number') return { rules: generatedRules(fields, of), refused: 0 };
  const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
  const { rules, verdicts } = await loadRuleSet({ rules: of, exceptions: [], disabled: [] }, context);
  return { rules, refused: verdicts.length - rules.length };
}

function pass(detector: Detector, events: readonly EcsEvent[], number = events.length): void {
  for (let i = 0; i < number; i++) detector.evaluate(events[i % events.length]!);
}

/** Thousand events a second of CPU. */
function rateOf(detector: Detector, events: readonly EcsEvent[]): number {
  const before = process.cpuUsage();
  pass(detector, events);
  const { user, system } = process.cpuUsage(before);
  return (events.length / (user + system)) * 1e3;
}

/** Microseconds of each event. */
function timesOf(detector: Detector, events: readonly EcsEvent[]): number[] {
  return events.map((event) => {
    const begun = performance.now();
    detector.evaluate(event);
    return (performance.now() - begun) * 1e3;
  });
}

/** Milliseconds; undefined where the machine took the CPU away meanwhile. */
function undisturbedMs(work: () => void): number | undefined {
  const before = process.resourceUsage().involuntaryContextSwitches;
  const begun = performance.now();
  work();
  const took = performance.now() - begun;
  return process.resourceUsage().involuntaryContextSwitches === before ? took : undefined;
}

/** As agent/reload.ts: made ready in steps, between which events have their turn, then put in place. */
function reload(detector: Detector, rules: readonly Rule[], events: readonly EcsEvent[]) {
  const begun = performance.now();
  const steps = detector.prepare({ rules });
  const slices: number[] = [];
  let step: ReturnType<typeof steps.next> | undefined;
  while (step?.done !== true) {
    slices.push(
      undisturbedMs(() => {
        step = steps.next();
      }) ?? 0,
    );
  }
  const { value: prepared } = step;
  slices.push(undisturbedMs(() => detector.replaceRules(prepared)) ?? 0);
  const reloadMs = performance.now() - begun;
  const times = events.map((event) => undisturbedMs(() => detector.evaluate(event)) ?? 0);
  const longest = (all: readonly number[]) => all.reduce((a, b) => Math.max(a, b), 0);
  return { reloadMs, sliceMs: longest(slices), eventMs: longest(times) };
}

async function run({ rules: of, events: file, rounds, unindexed = false }: EngineCase): Promise<EngineFigures> {
  const fields = new FieldTable();
  await load(20, new FieldTable());
  const before = heapMb();
  const begun = performance.now();
  const { rules, refused } = await load(of, fields);
  const loadMs = performance.now() - begun;
  const counters = new Counters();
  const detector = new Detector({ rules, fields, counters, costClock: costClock(() => performance.now()), unindexed });
  const warmed = heapMb();
  const events = file === undefined ? ordinaryEvents(fields, EVENTS, TOOL_EVERY) : recordedEvents(fields, file);
  const ofEvents = heapMb() - warmed;
  pass(detector, events, unindexed ? events.length : WARM);
  const heap = heapMb() - before - ofEvents;
  const told = (name: string) => counters.get(`detect_${name}_total`);
  const names = ['events_evaluated', 'rules_evaluated', 'events_matched', 'alerts_made'];
  const counts = names.map(told);
  const rates = Array.from({ length: rounds }, () => rateOf(detector, events));
  const times = Array.from({ length: 3 }, () => timesOf(detector, events)).flat();
  const [seen, evaluated, matched, alerts] = names.map((name, i) => told(name) - counts[i]!) as [
    number,
    number,
    number,
    number,
  ];
  const reloads = Array.from({ length: unindexed ? 1 : RELOADS }, () => reload(detector, rules, events));
  return {
    rules: rules.length,
    refused,
    loadMs,
    heapMb: heap,
    rates,
    p50Us: quantile(times, 0.5),
    p99Us: quantile(times, 0.99),
    evaluated: evaluated / seen,
    matched: matched / seen,
    alerts: alerts / seen,
    reloadMs: median(reloads.map(({ reloadMs }) => reloadMs)),
    sliceMs: median(reloads.map(({ sliceMs }) => sliceMs)),
    eventMs: median(reloads.map(({ eventMs }) => eventMs)),
  };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as EngineCase)));
