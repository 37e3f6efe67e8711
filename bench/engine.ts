// The rules' engine on one core: events a second and the time of one, at 300, 1,000 and 3,000 generated rules and without the
// index, at the user's own rules (--rules DIR) or else at the corpus where it lies beside the repository; the heap that rules
// take, load and reload, and how the cost grows. Each case in a process of its own (engine-child.ts).

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineCase, EngineFigures } from './engine-child.ts';
import { ROOT } from './peers.ts';
import { median, spread } from './statistics.ts';
import { stripSources } from './stripped.ts';

export interface EngineOptions {
  /** Files or folders of rules. */
  readonly rules?: readonly string[];
  /** NDJSON of events, instead of ordinary execs. */
  readonly events?: string;
}

const ROUNDS = 9;

export function benchEngine({ rules, events }: EngineOptions = {}): void {
  const over = events === undefined ? {} : { events };
  const generated = [300, 1000, 3000].map((number) =>
    show(`${number} generated rules`, { rules: number, rounds: ROUNDS, ...over }),
  );
  const [few, , many] = generated.map(usOf) as [number, number, number];
  console.log(`  ten times the rules, ${(many / few).toFixed(2)} times the time of an event`);
  show('300 generated rules, no index', { rules: 300, rounds: 3, unindexed: true, ...over });
  show('300 generated rules, --jitless', { rules: 300, rounds: 3, ...over }, true);
  const corpus = join(ROOT, '../shared/corpus');
  const own = rules ?? (existsSync(corpus) ? [corpus] : undefined);
  if (own === undefined) {
    console.log('  skipped: no --rules, and no corpus beside the repository');
    return;
  }
  show(own.join(', '), { rules: own, rounds: ROUNDS, ...over });
  show(`${own.join(', ')}, no index`, { rules: own, rounds: 3, unindexed: true, ...over });
  show(`${own.join(', ')}, --jitless`, { rules: own, rounds: 3, ...over }, true);
}

function usOf({ rates }: EngineFigures): number {
  return 1e3 / median(rates);
}

function show(what: string, of: EngineCase, jitless = false): EngineFigures {
  const stripped = jitless ? stripSources() : undefined;
  const child =
    stripped === undefined ? join(import.meta.dirname, 'engine-child.ts') : join(stripped, 'bench/engine-child.mjs');
  const flags = jitless ? ['--expose-gc', '--jitless'] : ['--expose-gc'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, child, JSON.stringify(of)], {
    encoding: 'utf8',
  });
  if (stripped !== undefined) rmSync(stripped, { recursive: true });
  if (status !== 0) throw new Error(`engine-child: ${stderr}`);
  const figures = JSON.parse(stdout) as EngineFigures;
  print(what, figures);
  return figures;
}

function print(what: string, figures: EngineFigures): void {
  const { rules, refused, rates, p50Us, p99Us, evaluated, matched, alerts } = figures;
  const { heapMb, loadMs, reloadMs, sliceMs, eventMs } = figures;
  const refusal = refused === 0 ? '' : `, ${refused} refused`;
  console.log(`engine, ${what} (${rules} run${refusal})`);
  console.log(`  thousand events/s  ${spread(rates)} of CPU, ${usOf(figures).toFixed(1)} us an event`);
  console.log(`  one event          p50 ${p50Us.toFixed(1)}, p99 ${p99Us.toFixed(1)} us`);
  const per = `${evaluated.toFixed(2)} evaluated, ${matched.toFixed(3)} match, ${alerts.toFixed(3)} alerts`;
  console.log(`  rules an event     ${per}`);
  console.log(`  heap               ${heapMb.toFixed(1)} MB, ${((heapMb * 1024) / rules).toFixed(1)} KB a rule`);
  const stall = `reload ${reloadMs.toFixed(0)} ms in steps of ${sliceMs.toFixed(1)} ms at most, events then ${eventMs.toFixed(1)} ms`;
  console.log(`  load               ${loadMs.toFixed(0)} ms; ${stall}`);
}
