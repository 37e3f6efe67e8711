// The canary: every so many ticks the agent runs a harmless program with an argument that nobody can guess, and expects its
// own sensor to show that exec. One that is not seen in time is followed by another at once (a burst may have crowded the
// first one out); two in a row are an alert, once, and the next that is seen ends it. Pure: what runs the program is
// canary-io.ts, the alert is made in canary-alert.ts. Built by agent.ts; run.ts ticks it and shows it every record.
//
// No rule sees the canary's own execs: a rule that alerts on any exec would do so each minute, and new_terms rules would
// learn them. Nobody can hide behind that: the expected arguments are passed over once, and only while they are awaited.
// They are counted: agent_canary_execs_skipped_total.

import type { CanaryReport } from '../agent-status.ts';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { SensorRecord } from '../sensor/record.ts';
import type { Counters } from '../stats.ts';
import type { Troubles } from './troubles.ts';

export interface CanaryProgram {
  /** The arguments of its exec; the token is the last one. */
  argsOf(token: string): readonly string[];
  /** Resolves when it has ended. Rejects with a system error when it could not be run at all, with another when it failed. */
  run(token: string): Promise<void>;
}

/** What two in a row that were not seen come to. */
export interface BlindSensor {
  /** When the last of them was run: milliseconds since 1970, CLOCK_BOOTTIME. */
  wallMs: number;
  bootNs: bigint;
  /** What it was. */
  args: readonly string[];
  missed: number;
  /** When one was seen for the last time. */
  seenMs?: number;
  /** Records that the sensor counted as lost since the last of them was run. */
  lost: number;
}

export interface CanaryOptions {
  /** From one to the next; 0: none. */
  everyTicks: number;
  program: CanaryProgram;
  newToken: () => string;
  clock: Clock;
  counters: Counters;
  troubles: Pick<Troubles, 'note'>;
  /** Records that the sensor has lost so far. */
  lost: () => number;
  onBlind: (blind: BlindSensor) => void;
  /** It sees again. in: since when it may not have, canaries that were missed. */
  onBack: (since: { fromMs: number; missed: number }) => void;
}

interface Flight {
  args: readonly string[];
  ticksLeft: number;
  wallMs: number;
  bootNs: bigint;
  lostBefore: number;
}

/** A second each: what a sensor that works needs thousandfold. Longer than the event loop may stand still. */
const MOST_PATIENCE = 10;
const LEAST_PATIENCE = 2;
const TRIES = 2;

export class Canary {
  readonly #options: CanaryOptions;
  readonly #patience: number;
  #ticks = 0;
  #flight: Flight | undefined;
  /** In a row. */
  #missed = 0;
  #seenMs: number | undefined;
  #firstMs: number | undefined;
  #blindSinceMs: number | undefined;
  #fault: string | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#patience = Math.min(Math.max(options.everyTicks, LEAST_PATIENCE), MOST_PATIENCE);
  }

  /** The first tick runs one. Counted in ticks, so that a loop that stood still does not let it die of old age. */
  tick(): void {
    const { everyTicks } = this.#options;
    if (everyTicks === 0) return;
    const flight = this.#flight;
    if (flight !== undefined && --flight.ticksLeft === 0) this.#land(flight);
    if (this.#ticks++ % everyTicks === 0 && this.#flight === undefined) this.#launch();
  }

  /** Whether the record is an exec of the canary that is awaited. in: each record, in the order of the ring. */
  isOwn(record: SensorRecord): boolean {
    const flight = this.#flight;
    if (flight === undefined || record.kind !== 'exec' || !equal(flight.args, record.args)) return false;
    this.#flight = undefined;
    this.#seen();
    this.#options.counters.add('agent_canary_execs_skipped_total');
    return true;
  }

  /** For `status`. undefined: it is switched off. */
  report(): CanaryReport | undefined {
    if (this.#options.everyTicks === 0) return undefined;
    return {
      ...(this.#seenMs !== undefined && { seenMs: this.#seenMs }),
      ...(this.#blindSinceMs !== undefined && { blindSinceMs: this.#blindSinceMs }),
      ...(this.#fault !== undefined && { fault: this.#fault }),
    };
  }

  #launch(): void {
    const { program, newToken, clock, lost } = this.#options;
    const token = newToken();
    const [wallMs, bootNs] = [clock.wallMs(), clock.bootNs()];
    const args = program.argsOf(token);
    const flight = { args, ticksLeft: this.#patience, wallMs, bootNs, lostBefore: lost() };
    this.#firstMs ??= wallMs;
    this.#flight = flight;
    program.run(token).then(
      () => this.#ended(flight, undefined),
      (error: unknown) => this.#ended(flight, error),
    );
  }

  /** One that could not be run is not awaited; one that failed was run all the same. */
  #ended(flight: Flight, error: unknown): void {
    const { counters, troubles } = this.#options;
    this.#fault = error === undefined ? undefined : reasonOf(error).split('\n', 1)[0];
    troubles.note('running the canary', error);
    if (error === undefined) return;
    counters.add('agent_canaries_failed_total');
    const wasRun = (error as { syscall?: unknown }).syscall === undefined;
    if (!wasRun && this.#flight === flight) this.#flight = undefined;
  }

  #seen(): void {
    const { clock, counters, onBack } = this.#options;
    counters.add('agent_canaries_seen_total');
    const fromMs = this.#blindSinceMs;
    const missed = this.#missed;
    this.#seenMs = clock.wallMs();
    this.#blindSinceMs = undefined;
    this.#missed = 0;
    if (fromMs !== undefined) onBack({ fromMs, missed });
  }

  /** Its time is over. */
  #land(flight: Flight): void {
    this.#flight = undefined;
    this.#options.counters.add('agent_canaries_missed_total');
    this.#missed++;
    if (this.#missed < TRIES) this.#launch();
    else if (this.#blindSinceMs === undefined) this.#blind(flight);
  }

  #blind({ wallMs, bootNs, args, lostBefore }: Flight): void {
    this.#blindSinceMs = this.#seenMs ?? this.#firstMs ?? wallMs;
    this.#options.onBlind({
      wallMs,
      bootNs,
      args,
      missed: this.#missed,
      ...(this.#seenMs !== undefined && { seenMs: this.#seenMs }),
      lost: this.#options.lost() - lostBefore,
    });
  }
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((arg, i) => arg === b[i]);
}
