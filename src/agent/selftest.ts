// Which events are those of a `forebear selftest`. A grant says so: a folder that only the owner of the state directory can
// write, holding the run's own programs, for a bounded time. Pure, on the events' own clock; used by selftest-io.ts live,
// and by replay with the grants that were recorded.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';

/** What a self-test runs besides its own programs; the rule that it fires looks for it. */
export const SYSTEMCTL = '/usr/bin/systemctl';

export interface SelftestGrant {
  /** 32 hexadecimal digits, new for each run. */
  id: string;
  /** Absolute, resolved; its last part is the id. */
  directory: string;
  /** CLOCK_BOOTTIME. */
  fromNs: bigint;
  untilNs: bigint;
  /** Who may be the user of its processes, beside root: the owner of the state directory. */
  uid: number;
}

/** The run's programs, its unit (which does not exist), and the command that fires the rule. */
export function selftestNames({ id, directory }: Pick<SelftestGrant, 'id' | 'directory'>) {
  const unit = `forebear-selftest-${id}.service`;
  return {
    sshd: `${directory}/sshd`,
    helper: `${directory}/forebear-selftest`,
    unit,
    args: ['systemctl', '--no-ask-password', 'start', unit],
  };
}

type Names = ReturnType<typeof selftestNames>;

export class SelftestGrants {
  readonly #grants = new Map<string, SelftestGrant & { names: Names }>();
  readonly #slots: { executable: number; parent: number; args: number; user: number; action: number };

  constructor(fields: FieldTable) {
    const slot = (name: string) => fields.add(name, 'keyword').slot;
    this.#slots = {
      executable: slot('process.executable'),
      parent: slot('process.parent.executable'),
      args: slot('process.args'),
      user: slot('user.id'),
      action: slot('event.action'),
    };
  }

  has(id: string): boolean {
    return this.#grants.has(id);
  }

  /** Also forgets those that have run out by then. */
  add(grant: SelftestGrant): void {
    for (const [id, { untilNs }] of this.#grants) {
      if (untilNs < grant.fromNs) this.#grants.delete(id);
    }
    this.#grants.set(grant.id, { ...grant, names: selftestNames(grant) });
  }

  /** Executables that a grant may be about: the process's own, its parent's. */
  executables({ slots }: EcsEvent): readonly [own: unknown, parent: unknown] {
    return [slots[this.#slots.executable], slots[this.#slots.parent]];
  }

  /** The run that the event belongs to: it is one of its programs, or the one command that its helper runs. */
  of(event: EcsEvent): SelftestGrant | undefined {
    for (const grant of this.#grants.values()) {
      if (this.#inForce(grant, event) && this.#belongs(grant.names, event)) return grant;
    }
    return undefined;
  }

  /** Whether an event of a run is the one that fires the rule. */
  isTrigger(event: EcsEvent): boolean {
    const [own] = this.executables(event);
    return own === SYSTEMCTL && event.slots[this.#slots.action] === 'exec';
  }

  #inForce({ fromNs, untilNs, uid }: SelftestGrant, { bootNs, slots }: EcsEvent): boolean {
    const user = slots[this.#slots.user];
    return bootNs >= fromNs && bootNs <= untilNs && (user === '0' || user === String(uid));
  }

  #belongs({ sshd, helper, args }: Names, event: EcsEvent): boolean {
    const [own, parent] = this.executables(event);
    if (own === sshd || own === helper) return true;
    if (own !== SYSTEMCTL || parent !== helper) return false;
    const given = event.slots[this.#slots.args];
    return Array.isArray(given) && given.length === args.length && args.every((arg, i) => arg === given[i]);
  }
}
