// What runAgent puts together, without its journal's disk and its timers: enrichment, rules, the terms' database, entry leaders,
// and a journal in memory. A run takes records of a world from one place to another, and is stopped, or crashes.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Pipeline } from '../../src/agent/pipeline.ts';
import { restoreTerms } from '../../src/agent/restore-terms.ts';
import type { Alert, AlertAmend } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import { termKey } from '../../src/detect/term-key.ts';
import { type DurableTermStore, openTermStore } from '../../src/detect/term-store-io.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import type { SavedLeaders } from '../../src/enrich/saved-leaders.ts';
import type { StartFact } from '../../src/enrich/surroundings.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { encodeAmend } from '../../src/proto/record-codec.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { START } from '../enrich/fake-host.ts';
import type { StoryRules } from './story-rules.ts';
import { type World, WorldSurroundings } from './world.ts';

/** The agent saves entry leaders every five seconds (leader-keeper.ts). */
const LEADERS_EVERY_NS = 5_000_000_000n;

/** What a state directory holds. */
export interface State {
  directory: string;
  journal: readonly Alert[];
  /** Behind the alerts, in the order in which they came: what they say of one alert only grows. */
  amends?: readonly AlertAmend[];
  leaders?: string;
}

export interface RunOptions {
  world: Pick<World, 'moments'> & { readonly records: readonly SensorRecord[] };
  rules: StoryRules;
  /** Default: a fresh host's. */
  state: State;
  from: number;
  start?: StartFact;
  /** How many records after an alert the journal says that it is durable; default: at once. */
  ackAfter?: number;
}

export function freshState(parent: string): State {
  return { directory: mkdtempSync(join(parent, 'state-')), journal: [] };
}

export function removeState({ directory }: State): void {
  rmSync(directory, { recursive: true });
}

export class AgentParts {
  readonly counters = new Counters();
  readonly detector: Detector;
  readonly enricher: Enricher;
  readonly journal: Alert[];
  readonly amends: AlertAmend[];
  /** Of the journal, those of this run. */
  readonly alerts: Alert[] = [];
  readonly #options: RunOptions;
  readonly #terms: DurableTermStore;
  readonly #surroundings: WorldSurroundings;
  readonly #pipeline: Pipeline;
  readonly #waiting: { alert: Alert; seq: number; due: number }[] = [];
  readonly #sightings = new Map<string, bigint>();
  #leaders: string | undefined;
  /** When the state was saved that a crash leaves; boot time. */
  leadersSavedNs = 0n;
  tookNs = 0n;

  private constructor(options: RunOptions) {
    const { world, rules, state, from, start = START } = options;
    const { counters } = this;
    const { fields, set, learnMs } = rules;
    this.#options = options;
    this.#leaders = state.leaders;
    this.journal = [...state.journal];
    this.amends = [...(state.amends ?? [])];
    const onAmend = (amend: AlertAmend) => this.amends.push(amend);
    this.#terms = openTermStore(state.directory, counters);
    this.leadersSavedNs = world.moments[from]!.nowNs;
    const see = this.#terms.see.bind(this.#terms);
    this.#terms.see = (rule_id, term, at) => {
      this.#sightings.set(`${rule_id} ${term}`, at.bootNs);
      return see(rule_id, term, at);
    };
    this.detector = new Detector({ ...set, fields, counters, terms: this.#terms, learnMs, onAmend });
    this.#surroundings = new WorldSurroundings(world.moments, from);
    const leaders = state.leaders === undefined ? {} : { leaders: JSON.parse(state.leaders) as SavedLeaders };
    this.enricher = new Enricher({
      fields,
      surroundings: this.#surroundings,
      start: { ...start, ...leaders },
      counters,
      agent: { version: '1.2.3' },
    });
    this.#pipeline = new Pipeline(this.enricher, this.detector, (alert) => this.#journal(alert));
  }

  /** As agent.ts opens its stages: terms restored from the journal, then the processes that are there. */
  static async start(options: RunOptions): Promise<AgentParts> {
    const run = new AgentParts(options);
    const { counters, detector } = run;
    const log = { warn: () => {} };
    await restoreTerms({ read: (from) => run.#read(from), terms: run.#terms, detector, counters, log });
    for (const record of options.world.moments[options.from]!.found) run.#pipeline.take(record);
    run.enricher.backfill(Number.POSITIVE_INFINITY);
    return run;
  }

  /** The world's records up to there. */
  take(to: number): void {
    const { world } = this.#options;
    for (let i = this.#surroundings.taken; i < to; i++) {
      const record = world.records[i]!;
      if (record.bootNs >= this.leadersSavedNs + LEADERS_EVERY_NS) this.#saveLeaders(record.bootNs);
      this.#surroundings.taken = i + 1;
      this.tookNs = record.bootNs;
      this.#acknowledge(i);
      this.#pipeline.take(record);
    }
  }

  /** In order: all that is kept is written. */
  stop(): State {
    this.detector.flush();
    this.#acknowledge(Number.POSITIVE_INFINITY);
    this.#saveLeaders(this.tookNs);
    this.#terms.close();
    return this.#state(this.#options.state.directory);
  }

  /**
   * What a crash at this moment leaves: a copy of the state as it is on disk. in: whether the journal has the alerts that it
   * has not acknowledged.
   */
  left(parent: string, journalled = true): State {
    const { directory } = freshState(parent);
    for (const file of ['terms.db', 'terms.db-wal']) {
      const path = join(this.#options.state.directory, file);
      if (existsSync(path)) copyFileSync(path, join(directory, file));
    }
    const state = this.#state(directory);
    return journalled ? state : { ...state, journal: this.journal.slice(0, -this.#waiting.length || undefined) };
  }

  /** Alerts that the journal has not acknowledged. */
  get waiting(): Alert[] {
    return this.#waiting.map(({ alert }) => alert);
  }

  /** When this run saw the terms of an alert last; undefined: never. */
  sightingNs({ rule_id, terms = [] }: Alert): bigint | undefined {
    return this.#sightings.get(`${rule_id} ${termKey(terms)}`);
  }

  #state(directory: string): State {
    return {
      directory,
      journal: this.journal,
      amends: this.amends,
      ...(this.#leaders === undefined ? {} : { leaders: this.#leaders }),
    };
  }

  #saveLeaders(nowNs: bigint): void {
    this.leadersSavedNs = nowNs;
    this.#leaders = JSON.stringify(this.enricher.leaders());
  }

  #journal(alert: Alert): void {
    this.journal.push(alert);
    this.alerts.push(alert);
    const { ackAfter = 0 } = this.#options;
    this.#waiting.push({ alert, seq: this.journal.length, due: this.#surroundings.taken + ackAfter });
    this.#acknowledge(this.#surroundings.taken);
  }

  #acknowledge(taken: number): void {
    while ((this.#waiting[0]?.due ?? Number.NaN) <= taken) {
      const { alert, seq } = this.#waiting.shift()!;
      this.detector.durable(alert, seq);
    }
  }

  async *#read(fromSeq: number): AsyncGenerator<JournalRecord> {
    for (const [i, alert] of this.journal.entries()) {
      const seq = i + 1;
      const base = { seq, kind: 1, kindName: 'alert', rank: 1, wallMs: alert.detectedWallMs, journalId: 'j' } as const;
      if (seq >= fromSeq) yield { ...base, payload: encodeAlert(alert) };
    }
    const behind = { kind: 2, kindName: 'amend', rank: 1, wallMs: 0, journalId: 'j' } as const;
    for (const [i, { uuid, number = 1, document }] of this.amends.entries()) {
      yield { ...behind, seq: this.journal.length + i + 1, payload: encodeAmend({ uuid, number, document }) };
    }
  }
}
