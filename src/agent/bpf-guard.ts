// What others do with BPF (bpf-watch.ts says what is new) as findings: whose process it is, what is nothing to tell. In: the sensor's
// inventory, holders of objects from /proc, asked for only where something is new; out: findings. Called by protection.ts, once a minute.

import type { Sensor } from '../sensor/sensor.ts';
import { BpfWatch, type ForeignProgram } from './bpf-watch.ts';
import type { Found } from './own-alert.ts';
import type { ProtectionHost } from './protection.ts';
import { FOREIGN_BPF_RULE, TAMPERED_RULE } from './protection-rules.ts';
import { subjectOf, wordsOf } from './protection-subject.ts';

export interface BpfGuardOptions {
  host: Pick<ProtectionHost, 'holdersOf' | 'ancestryOf'>;
  /** Executables whose programs are nothing to tell. */
  knownBpf: readonly string[];
  sensor: Pick<Sensor, 'inventory'>;
}

/** systemd has programs of its own. */
const MANAGER_PID = 1;
const NAMED = 20;

export class BpfGuard {
  readonly #options: BpfGuardOptions;
  readonly #watch = new BpfWatch();
  /** New at the last look, and nobody's as far as is known: one that is there at the next look too is pinned, or lives by its link. */
  #unheld: readonly ForeignProgram[] = [];

  constructor(options: BpfGuardOptions) {
    this.#options = options;
  }

  look(): Found[] {
    const inventory = this.#options.sensor.inventory?.();
    if (inventory === undefined) return [];
    const { came, held, ringMoved, hintsTaken } = this.#watch.look(inventory);
    const there = new Set(inventory.programs.map(({ id }) => id));
    const still = this.#unheld.filter(({ id }) => there.has(id));
    const found = this.#foreign([...still, ...came], new Set(still));
    if (held.length > 0 || ringMoved > 0 || hintsTaken) found.push(this.#tampered(held, ringMoved, hintsTaken));
    return found;
  }

  /** One finding for each process that holds some. */
  #foreign(programs: readonly ForeignProgram[], again: ReadonlySet<ForeignProgram>): Found[] {
    // Should the question fail, it is asked again.
    this.#unheld = programs;
    if (programs.length === 0) return [];
    const holders = this.#options.host.holdersOf('prog', new Set(programs.map(({ id }) => id)));
    this.#unheld = [];
    if (holders === undefined) return [];
    const unheld = programs.filter(({ id }) => !holders.has(id));
    this.#unheld = unheld.filter((program) => !again.has(program));
    const pinned = unheld.filter((program) => again.has(program));
    const byHolder = Map.groupBy(
      programs.filter(({ id }) => holders.has(id)),
      ({ id }) => holders.get(id)!.find((pid) => pid !== MANAGER_PID) ?? MANAGER_PID,
    );
    byHolder.delete(MANAGER_PID);
    const found = [...byHolder].flatMap(([pid, own]) => this.#heldBy(pid, own));
    return pinned.length === 0 ? found : [...found, foreignFound(pinned, 'held by no process', {})];
  }

  #heldBy(pid: number, programs: readonly ForeignProgram[]): Found[] {
    const { host, knownBpf } = this.#options;
    const ancestry = host.ancestryOf(pid);
    const executable = ancestry.at(-1)?.executable;
    if (executable !== undefined && knownBpf.includes(executable)) return [];
    const held = `held by ${wordsOf(undefined, ancestry) || `pid ${pid}, which has gone`}`;
    return [foreignFound(programs, held, { pid, ...subjectOf(undefined, ancestry) })];
  }

  #tampered(held: readonly number[], ringMoved: number, hintsTaken: boolean): Found {
    const { host } = this.#options;
    const holders = held.length === 0 ? [] : [...(host.holdersOf('map', new Set(held))?.values() ?? [])].flat();
    const ancestry = holders[0] === undefined ? [] : host.ancestryOf(holders[0]);
    const parts = [
      ...(held.length > 0 ? [`a map is held by ${wordsOf(undefined, ancestry) || 'another program'}`] : []),
      ...(ringMoved > 0 ? ['the place in the ring was moved'] : []),
      ...(hintsTaken ? ['wake hints were taken away'] : []),
    ];
    const bpf = { maps: held, holders: [...new Set(holders)], ring_moved: ringMoved, hints_taken: hintsTaken };
    return {
      rule: TAMPERED_RULE,
      reason: `The sensor's BPF maps are tampered with: ${parts.join(', ')}.`,
      section: { bpf },
      ...subjectOf(undefined, ancestry),
    };
  }
}

function foreignFound(
  programs: readonly ForeignProgram[],
  held: string,
  { pid, ...subject }: { pid?: number } & Partial<Found>,
): Found {
  const named = programs.slice(0, NAMED);
  const names = named.map(({ name, hook, typeName }) => `${name || '?'} (${typeName}${hook && ` on ${hook}`})`);
  const more = programs.length > NAMED ? `, ${programs.length - NAMED} more` : '';
  const list = named.map(({ id, name, typeName, hook, uid }) => ({ id, name, type: typeName, hook, uid }));
  const [first] = programs;
  return {
    rule: FOREIGN_BPF_RULE,
    terms: [String(first!.id), String(first!.loadedNs)],
    reason: `BPF programs were loaded: ${names.join(', ')}${more}, ${held}.`,
    section: { bpf: { programs: list, ...(pid !== undefined && { holder: pid }) } },
    ...subject,
  };
}
