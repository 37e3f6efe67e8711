// Which of the kinds of records that are attached on demand only (sensor.ts) this run wants: those that a rule asks for, unless
// the configuration names them. Called by agent.ts before the sensor starts.

import type { SourceSnapshot } from '../agent-status.ts';
import type { Config } from '../config.ts';
import type { Detector } from '../detect/detector.ts';
import { type EventKind, type HostAbilities, kindOf, LINUX_HOST } from '../detect/host-abilities.ts';
import { FILE_OPERATIONS } from '../enrich/file-events.ts';
import { NETWORK_OPERATIONS } from '../enrich/network-events.ts';
import { type SourceStatus, WANTED_KINDS, type WantedKind } from '../sensor/sensor.ts';

const ACTIONS: Record<WantedKind, readonly string[]> = {
  session: ['session_id_change'],
  credentials: ['uid_change', 'gid_change'],
  file: FILE_OPERATIONS,
  network: NETWORK_OPERATIONS,
  accept: ['connection_accepted', 'disconnect_received'],
  call: ['memfd_create', 'ptrace', 'shmget'],
  module: ['load_module'],
  lookup: ['lookup_result'],
};

/** The events that come where that kind is attached; what others begin has a source of its own. */
function shownBy(kind: WantedKind): readonly string[] {
  return kind === 'network' ? ACTIONS.network.filter((action) => action !== 'connection_accepted') : ACTIONS[kind];
}

/** What the host can see with these sensors: a rule that needs another is refused. */
export function abilitiesWith(events: Config['sensor']['events']): HostAbilities {
  if (events === 'auto') return LINUX_HOST;
  const shown = new Set(events.flatMap(shownBy));
  const [off, kinds] = [true, false].map((left) =>
    LINUX_HOST.kinds.filter(({ fixed }) => {
      const action = fixed['event.action'] as string;
      return left === (ON_DEMAND.has(action) && !shown.has(action));
    }),
  ) as [EventKind[], EventKind[]];
  return { ...LINUX_HOST, kinds, off };
}

const ON_DEMAND: ReadonlySet<string> = new Set(WANTED_KINDS.flatMap(shownBy));

export interface WantedKinds {
  /** To be attached. */
  wanted: ReadonlySet<WantedKind>;
  /** A rule asks for them, attached or not. */
  asked: ReadonlySet<WantedKind>;
}

/**
 * For system calls and modules no rule asks that takes a process's start whatever the action: nearly every rule of that form is about
 * execs, and perhaps all system calls of the host would be looked at for its sake.
 */
const ONLY_BY_ACTION: ReadonlySet<WantedKind> = new Set(['call', 'module']);

/** A rule that says nothing of event.action asks for all that it could match, but for system calls. */
export function wantedKinds(detector: Pick<Detector, 'takes'>, events: Config['sensor']['events']): WantedKinds {
  const isAsked = (kind: WantedKind) =>
    ACTIONS[kind].some((action) => detector.takes(kindOf(action), ONLY_BY_ACTION.has(kind)));
  const asked = new Set(WANTED_KINDS.filter(isAsked));
  return { wanted: events === 'auto' ? asked : new Set(events), asked };
}

/** in: what the sensor says of its sources (nothing: a recording), kinds that rules ask for; out: as `status` has it. */
export function withAsked(sources: readonly SourceStatus[] = [], asked: ReadonlySet<WantedKind>): SourceSnapshot[] {
  return sources.map((source) => ({ ...source, asked: asked.has(source.kind) }));
}
