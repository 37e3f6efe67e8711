// Who did it: the last execs that speak of the agent (systemctl stop forebear, vi of its configuration), kept with their lineage, so
// that an alert of the agent's own can name process, user and ancestors. In: each exec's record, cheaply looked at, and the
// event of those that matter; out: the newest one that fits. Pure; the pipeline shows it the records (agent/pipeline.ts).

import type { EcsEvent } from '../ecs/event.ts';
import type { ExecRecord } from '../sensor/record.ts';

export interface Witnessed {
  event: EcsEvent;
  args: readonly string[];
}

/** Execs are many, arguments may be: only these are looked at. */
const ARGS_LOOKED_AT = 16;
const KEPT = 64;
/** What was run longer ago has nothing to do with it. */
const MEMORY_MS = 15 * 60_000;
/** Programs that end processes by number or name. */
const KILLERS: ReadonlySet<string> = new Set(['kill', 'pkill', 'killall', 'skill']);

export class Witness {
  readonly #names: readonly string[];
  #kept: Witnessed[] = [];

  /** in: texts of which one must stand in an argument: the agent's name, folders of its files. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Whether its event is to be kept. */
  wants({ args }: ExecRecord): boolean {
    const most = Math.min(args.length, ARGS_LOOKED_AT);
    if (most > 0 && KILLERS.has(baseName(args[0]!))) return true;
    for (let i = 0; i < most; i++) {
      const arg = args[i]!;
      for (const name of this.#names) if (arg.includes(name)) return true;
    }
    return false;
  }

  /** in: the event of a record that was wanted, before the next record is enriched. */
  keep({ args }: ExecRecord, event: EcsEvent): void {
    const lineage = event.lineage?.();
    if (lineage !== undefined) event.lineage = () => lineage;
    this.#kept.push({ event, args: args.slice(0, ARGS_LOOKED_AT) });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  /** The newest of the last quarter of an hour that fits. */
  find(fits: (args: readonly string[]) => boolean, nowMs: number): EcsEvent | undefined {
    this.#kept = this.#kept.filter(({ event }) => event.wallMs > nowMs - MEMORY_MS);
    return this.#kept.findLast(({ args }) => fits(args))?.event;
  }
}

/** Whether a command line asks the service manager for that, by systemctl or one of its relatives. */
export function asksManager(args: readonly string[], verbs: readonly string[], unit: string): boolean {
  const asked = args.slice(1);
  const stem = unit.replace(/\.service$/, '');
  return asked.some((arg) => verbs.includes(arg)) && asked.some((arg) => arg === stem || arg.startsWith(`${stem}.`));
}

/** Whether it names that file, or the folder of it. */
export function namesFile(args: readonly string[], path: string): boolean {
  const folder = path.slice(0, path.lastIndexOf('/'));
  return args.slice(1).some((arg) => arg.includes(path) || (folder !== '' && arg.replace(/\/$/, '') === folder));
}

export function isKiller(args: readonly string[]): boolean {
  return KILLERS.has(baseName(args[0] ?? ''));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
