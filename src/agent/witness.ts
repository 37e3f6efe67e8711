// Who did it: the last execs that speak of the agent (systemctl stop forebear, vi of its configuration), kept with their lineage, so
// that an alert of the agent's own can name process, user and ancestors. In: each exec's record, cheaply looked at, and the
// event of those that matter; out: the newest one that fits. Pure; the pipeline shows it the records (agent/pipeline.ts).

import type { EcsEvent } from '../ecs/event.ts';
import type { ExecRecord } from '../sensor/record.ts';
import type { WatchedRoot } from './watched-files-io.ts';

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

/** Most execs have none of these in their arguments, and that is all that is looked at. */
const STEM = 'forebear';

export class Witness {
  readonly #unit: string;
  #paths: readonly string[] = [];
  #hints: readonly string[] = [];
  readonly #kept: Witnessed[] = [];
  /** Programs that end processes, apart: they are many. */
  readonly #killers: Witnessed[] = [];

  /** in: files and folders that matter, the unit. */
  constructor(paths: readonly string[], unit: string) {
    this.#unit = unit;
    this.follow(paths);
  }

  /** From now on these paths matter. */
  follow(paths: readonly string[]): void {
    this.#paths = paths;
    const stem = this.#unit.replace(/\.service$/, '');
    this.#hints = [...new Set([STEM, stem, ...paths])].filter((hint, _, all) => {
      return all.every((other) => other === hint || !hint.includes(other));
    });
  }

  /** Whether its event is to be kept. */
  wants({ args }: ExecRecord): boolean {
    if (args.length > 0 && isKiller(args)) return true;
    const most = Math.min(args.length, ARGS_LOOKED_AT);
    for (let i = 1; i < most; i++) {
      const arg = args[i]!;
      for (const hint of this.#hints) if (arg.includes(hint)) return this.#concerns(args);
    }
    return false;
  }

  #concerns(args: readonly string[]): boolean {
    return namesUnit(args, this.#unit) || this.#paths.some((path) => namesFile(args, path));
  }

  /** in: the event of a record that was wanted, before the next record is enriched. */
  keep({ args }: ExecRecord, event: EcsEvent): void {
    const lineage = event.lineage?.();
    if (lineage !== undefined) event.lineage = () => lineage;
    const kept = isKiller(args) ? this.#killers : this.#kept;
    kept.push({ event, args: args.slice(0, ARGS_LOOKED_AT) });
    if (kept.length > KEPT) kept.shift();
  }

  /** The newest of the last quarter of an hour that fits; of what ends processes only where nothing else does. */
  find(fits: (args: readonly string[], event: EcsEvent) => boolean, nowMs: number): EcsEvent | undefined {
    return [...this.#killers, ...this.#kept].findLast(
      ({ args, event }) => event.wallMs > nowMs - MEMORY_MS && fits(args, event),
    )?.event;
  }
}

/** Paths whose mention in a command is worth remembering: not where the program lies, which each of its own commands mentions. */
export function namedPaths(watched: readonly WatchedRoot[]): string[] {
  const own = [process.execPath, process.argv[1] ?? ''];
  return watched.map(({ path }) => path).filter((path) => !own.some((file) => file.startsWith(`${path}/`)));
}

/** Whether a command line asks the service manager for that, by systemctl or one of its relatives. */
export function asksManager(args: readonly string[], verbs: readonly string[], unit: string): boolean {
  return namesUnit(args, unit) && args.slice(1).some((arg) => verbs.includes(arg));
}

function namesUnit(args: readonly string[], unit: string): boolean {
  const stem = unit.replace(/\.service$/, '');
  return args.slice(1, ARGS_LOOKED_AT).some((arg) => arg === stem || arg === unit);
}

/** Whether it names that path or one below it, by itself or within a script; or the folder that it is in. */
export function namesFile(args: readonly string[], path: string): boolean {
  const folder = path.slice(0, path.lastIndexOf('/'));
  return args
    .slice(1, ARGS_LOOKED_AT)
    .some((arg) => mentions(arg, path) || (folder !== '' && arg.replace(/\/$/, '') === folder));
}

/** As a whole: not as the end of a longer path, nor as the beginning of another name. */
function mentions(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    if (!/[\w./-]/.test(text[at - 1] ?? ' ') && !/[\w.-]/.test(text[at + path.length] ?? ' ')) return true;
  }
  return false;
}

function isKiller(args: readonly string[]): boolean {
  return KILLERS.has(baseName(args[0] ?? ''));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
