// What looks after the agent itself: the canary of its sensor, and the protection of its files, its BPF objects and its life. In: the
// stages that they look at; out: both, not running yet. Built by agent.ts, ticked by run.ts.

import { randomBytes } from 'node:crypto';
import type { AgentOptions, Stages } from '../agent.ts';
import type { Alert } from '../detect/alert.ts';
import type { StartFact } from '../enrich/surroundings.ts';
import type { Sensor } from '../sensor/sensor.ts';
import { Canary } from './canary.ts';
import { canaryAlert } from './canary-alert.ts';
import { canaryProgram } from './canary-io.ts';
import { type OwnAlertParts, ownAlert } from './own-alert.ts';
import { Protection } from './protection.ts';
import { protectionHost } from './protection-io.ts';
import { JOURNAL_RULE } from './protection-rules.ts';
import { lostBy } from './summary.ts';
import { ticksIn } from './ticks.ts';
import type { Witness } from './witness.ts';

type Kept = Pick<Stages, 'counters' | 'troubles' | 'notices'> & {
  start: StartFact;
  facts: { version: string; bootId: string };
};

interface Live {
  sensor: Sensor;
  witness: Witness;
  onAlert: (alert: Alert) => void;
}

export function openSelfWatch(options: AgentOptions, kept: Kept, live: Live) {
  return { canary: openCanary(options, kept, live), protection: openProtection(options, kept, live) };
}

function openProtection(options: AgentOptions, kept: Kept, { sensor, witness, onAlert }: Live): Protection {
  const { config, clock, log, watched = [], unit } = options;
  const { checkMs, graceMs, knownBpf } = config.protection;
  const { counters, troubles, notices } = kept;
  const parts = ownParts(options, kept);
  const host =
    options.protectionHost ??
    protectionHost(
      watched,
      () => protection.wake(),
      () => clock.wallMs(),
    );
  const protection = new Protection({
    ...{ everyTicks: ticksIn(checkMs), graceMs, knownBpf, host, ...(unit && { unit }) },
    ...{ sensor, witness, clock, counters, troubles, onDrift: notices.drifted.bind(notices) },
    onFinding: (finding) => {
      const alert = ownAlert(parts, finding);
      log.warn(alert.reason);
      onAlert(alert);
    },
  });
  return protection;
}

/** At the start: none of the files of the run before is left. in: how many records it had; out: its alert. */
export function goneAlert(options: AgentOptions, kept: Kept, count: number): Alert {
  const { clock } = options;
  return ownAlert(ownParts(options, kept), {
    rule: JOURNAL_RULE,
    action: 'forebear_journal',
    wallMs: clock.wallMs(),
    bootNs: clock.bootNs(),
    reason: `The journal of the run before, of ${count} records, has gone.`,
    section: { protection: { journal: { records_gone: count } } },
  });
}

/** What the agent's own alerts say of it. */
function ownParts({ fields, clock }: AgentOptions, { start, facts }: Kept): OwnAlertParts {
  const self = { pid: process.pid, executable: process.execPath, uid: process.geteuid?.() ?? 0 };
  return { fields, host: start.host, ...facts, ...self, detectedMs: () => clock.wallMs() };
}

function openCanary(options: AgentOptions, kept: Kept, { sensor, onAlert }: Live): Canary {
  const { config, clock, log } = options;
  const { counters, troubles, notices } = kept;
  const parts = ownParts(options, kept);
  return new Canary({
    everyTicks: ticksIn(config.sensor.canaryMs),
    program: options.canary ?? canaryProgram(),
    newToken: () => `forebear-canary-${randomBytes(16).toString('hex')}`,
    clock,
    counters,
    troubles,
    lost: () => lostBy(sensor.counters()),
    onBlind: (blind) => {
      const alert = canaryAlert(parts, blind);
      log.error(alert.reason);
      onAlert(alert);
    },
    onBack: (since) => notices.blind(since),
  });
}
