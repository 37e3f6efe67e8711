// The run over the whole story that nobody stopped, and what a run after a restart is compared with it by. Made once by each
// test of restarts.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Alert } from '../../src/detect/alert.ts';
import { AgentParts, freshState, removeState, type State } from './agent-parts.ts';
import type { Comparison } from './comparison.ts';
import { story } from './story.ts';
import { type StoryRules, storyRules } from './story-rules.ts';
import type { World } from './world.ts';

/** A folder for thousands of small transactions: in memory where the machine has a place for that. The caller removes it. */
export function quickFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'forebear-properties-'));
}

export class WholeRun implements Disposable {
  readonly folder: string;
  readonly world: World;
  readonly rules: StoryRules;
  readonly parts: AgentParts;

  private constructor(folder: string, world: World, rules: StoryRules, parts: AgentParts) {
    this.folder = folder;
    this.world = world;
    this.rules = rules;
    this.parts = parts;
  }

  /** in: the rules that run; default: those of the story. */
  static async make(rulesOf: () => Promise<StoryRules> = storyRules): Promise<WholeRun> {
    const [folder, world, rules] = [quickFolder(), story(), await rulesOf()];
    const parts = await AgentParts.start({ world, rules, state: freshState(folder), from: 0 });
    parts.take(world.records.length);
    parts.stop();
    return new WholeRun(folder, world, rules, parts);
  }

  /** A run from the first record on. in: how many records later the journal acknowledges an alert. */
  first(ackAfter = 0): Promise<AgentParts> {
    const { world, rules, folder } = this;
    return AgentParts.start({ world, rules, state: freshState(folder), from: 0, ackAfter });
  }

  /** The run on what another one left before that record, to the end. */
  async rest(at: number, state: State): Promise<AgentParts> {
    const { world, rules } = this;
    const run = await AgentParts.start({ world, rules, state, from: at });
    run.take(world.records.length);
    removeState(run.stop());
    return run;
  }

  /** The first document that differs from this run's where it may not. */
  difference(alerts: readonly Alert[], comparison: Comparison): string | undefined {
    for (const alert of alerts) {
      const before = this.parts.alerts.find(({ uuid }) => uuid === alert.uuid);
      const difference = before && comparison.difference(before, alert);
      if (difference !== undefined) return `${alert.reason} ${difference}`;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

export function idsOf(alerts: readonly Alert[]): string[] {
  return alerts.map(({ uuid }) => uuid);
}
