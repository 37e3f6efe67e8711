// Files that decide what the agent does, against what they were when it read them. In: what each of them is now (watched-files-io.ts);
// out: what has been different for longer than an edit with its reload takes, and what was different and is not any more. A reload, an
// upgrade and a restart make what they find the state to compare with. Pure; called by protection.ts.

/** What a path is, in words that are equal as long as it is the same: kind, permissions, owner, hash of what is in it. */
export type FileState = string;
export const ABSENT: FileState = 'absent';
/** Not looked at, nor what lies in it: whether it is the same is not known. */
export const UNSEEN: FileState = 'not looked at';

export interface Drift {
  path: string;
  before: FileState;
  now: FileState;
  /** When it was found, milliseconds since 1970. */
  sinceMs: number;
}

interface Pending extends Drift {
  told: boolean;
}

export class FileWatch {
  readonly #graceMs: number;
  #baseline: ReadonlyMap<string, FileState> | undefined;
  readonly #pending = new Map<string, Pending>();

  /** in: how long a difference may last before it is told. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Whether there is something to compare with. */
  get ready(): boolean {
    return this.#baseline !== undefined;
  }

  /** What is there now is what it should be; of the others (`covers` says no) it stays what it was. */
  rebase(found: ReadonlyMap<string, FileState>, covers: (path: string) => boolean = () => true): void {
    const stays = [...(this.#baseline ?? [])].filter(([path]) => !covers(path));
    const known = this.#baseline !== undefined;
    this.#baseline = new Map([...[...found].filter(([path]) => !known || covers(path)), ...stays]);
    for (const path of [...this.#pending.keys()]) if (covers(path)) this.#pending.delete(path);
  }

  /** The next look is what later ones are compared with. */
  forget(): void {
    this.#baseline = undefined;
    this.#pending.clear();
  }

  /** in: all paths as they are now; out: those that were different and are again as they should be. */
  compare(found: ReadonlyMap<string, FileState>, nowMs: number): Drift[] {
    const baseline = this.#baseline ?? found;
    this.#baseline = baseline;
    const back: Drift[] = [];
    for (const path of new Set([...baseline.keys(), ...found.keys(), ...this.#pending.keys()])) {
      const before = baseline.get(path) ?? ABSENT;
      const now = found.get(path) ?? ABSENT;
      const pending = this.#pending.get(path);
      if (before === now) {
        if (pending !== undefined) back.push(pending);
        this.#pending.delete(path);
      } else if (pending?.now !== now && !isUnseen(path, baseline) && !isUnseen(path, found)) {
        this.#pending.set(path, { path, before, now, sinceMs: pending?.sinceMs ?? nowMs, told: false });
      }
    }
    return back;
  }

  /** As compare; out: all that is different now, told or not. */
  compared(found: ReadonlyMap<string, FileState>, nowMs: number): Drift[] {
    this.compare(found, nowMs);
    return [...this.#pending.values()];
  }

  /** What is different for too long, each difference once. in: `all`: whatever its age. */
  due(nowMs: number, all = false): Drift[] {
    const due = [...this.#pending.values()].filter(
      ({ told, sinceMs }) => !told && (all || nowMs - sinceMs >= this.#graceMs),
    );
    for (const pending of due) pending.told = true;
    return due;
  }

  /** Something is different that was not told yet. */
  get waiting(): boolean {
    return [...this.#pending.values()].some(({ told }) => !told);
  }
}

function isUnseen(path: string, states: ReadonlyMap<string, FileState>): boolean {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    if (states.get(at) === UNSEEN) return true;
  }
  return false;
}

/** New, gone, or other content under the same rights and owner: what an editor does. Not other rights, nor another kind. */
export function isEdit({ before, now }: Pick<Drift, 'before' | 'now'>): boolean {
  return before === ABSENT || now === ABSENT || rightsOf(before) === rightsOf(now);
}

/** "file 644 0:0" */
function rightsOf(state: FileState): string {
  return state.split(' ', 3).join(' ');
}
