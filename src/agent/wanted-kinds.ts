// Which of the kinds of records that are attached on demand only (sensor.ts) this run wants: those that a rule asks for, unless
// the configuration names them. Called by agent.ts before the sensor starts.

import type { SourceSnapshot } from '../agent-status.ts';
import type { Config } from '../config.ts';
import type { Detector } from '../detect/detector.ts';
import { kindOf } from '../detect/host-abilities.ts';
import { FILE_OPERATIONS } from '../enrich/file-events.ts';
import { type SourceStatus, WANTED_KINDS, type WantedKind } from '../sensor/sensor.ts';

const ACTIONS: Record<WantedKind, readonly string[]> = {
  session: ['session_id_change'],
  credentials: ['uid_change', 'gid_change'],
  file: FILE_OPERATIONS,
};

export interface WantedKinds {
  /** To be attached. */
  wanted: ReadonlySet<WantedKind>;
  /** A rule asks for them, attached or not. */
  asked: ReadonlySet<WantedKind>;
}

/** A rule that says nothing of event.action asks for all that it could match. */
export function wantedKinds(detector: Pick<Detector, 'takes'>, events: Config['sensor']['events']): WantedKinds {
  const isAsked = (kind: WantedKind) => ACTIONS[kind].some((action) => detector.takes(kindOf(action)));
  const asked = new Set(WANTED_KINDS.filter(isAsked));
  return { wanted: events === 'auto' ? asked : new Set(events), asked };
}

/** in: what the sensor says of its sources (nothing: a recording), kinds that rules ask for; out: as `status` has it. */
export function withAsked(sources: readonly SourceStatus[] = [], asked: ReadonlySet<WantedKind>): SourceSnapshot[] {
  return sources.map((source) => ({ ...source, asked: asked.has(source.kind) }));
}
