// What a self-test has proved: the stages from the exec to the durable alert, each with its time, and what to do about the
// first one that failed. In: what the programs said, what the agent reports, what the journal holds. Pure; for selftest.ts.

import type { AgentStatus, SelftestReport } from '../agent-status.ts';
import type { Launch } from './selftest-launch.ts';
import { escapeText, type Paint } from './terminal.ts';

/** The rule that a self-test fires: rules/linux/persistence_systemd_service_started_by_unusual_parent.toml. */
export const RULE_ID = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';

export type StageName = 'started' | 'seen' | 'typed' | 'matched' | 'durable' | 'delivered';

export interface Stage {
  stage: StageName;
  /** skipped: one before it failed. */
  status: 'fine' | 'fault' | 'skipped';
  /** Milliseconds since the exec, where it has a time. */
  ms?: number;
  found: string;
  advice?: string;
}

export interface Evidence {
  launch: Launch;
  report: SelftestReport | undefined;
  /** Of the agent, before and after. */
  before: AgentStatus;
  after: AgentStatus;
  timeoutMs: number;
  /** Seq under which the journal, read back from disk, has the alert with that uuid. */
  readBack: { seq: number } | undefined;
  /** Absent: no output is configured that gets self-tests. */
  deliveries?: readonly Delivery[] | undefined;
}

/** Whether an output is past the alert; if not, what was last heard of it. */
export interface Delivery {
  name: string;
  has: boolean;
  why?: string;
}

/** in: what is known; out: all stages in order, those after a fault skipped. */
export function stagesOf(evidence: Evidence): Stage[] {
  const checks = [started, seen, typed, matched, durable, ...(evidence.deliveries === undefined ? [] : [delivered])];
  const names: readonly StageName[] = ['started', 'seen', 'typed', 'matched', 'durable', 'delivered'];
  let failed = false;
  return checks.map((check, i) => {
    if (failed) return { stage: names[i]!, status: 'skipped', found: 'not reached' };
    const { fault, ...finding } = check(evidence);
    failed = fault === true;
    return { stage: names[i]!, status: failed ? 'fault' : 'fine', ...finding };
  });
}

type Finding = Omit<Stage, 'stage' | 'status'> & { fault?: true };

function started({ launch }: Evidence): Finding {
  if (launch.execNs === undefined || launch.failed !== undefined) {
    const found = `the programs did not get as far as systemctl (${launch.failed ?? 'they ended early'})`;
    return { fault: true, found, advice: 'a security module or a seccomp filter may forbid it: see the kernel log' };
  }
  const terminal = launch.withoutTerminal ? ', without a terminal: none could be had' : '';
  return { ms: 0, found: `systemctl, pid ${launch.pid}, in a session of a program named sshd${terminal}` };
}

function seen(evidence: Evidence): Finding {
  const { report, launch } = evidence;
  if (report === undefined) return { fault: true, ...unseen(evidence) };
  if (report.refused !== undefined || report.seenMs === undefined) {
    const found = `the agent did not take it for a self-test: ${report.refused ?? 'no reason given'}`;
    const advice = 'make the state directory its owner’s alone (chmod go-w); the alert of this run is an ordinary one';
    return { fault: true, found, advice };
  }
  return { ...since(launch, report.seenMs), found: `the agent has its exec (${kernelTime(evidence)})` };
}

function kernelTime({ report, launch }: Evidence): string {
  const { ms } = since(launch, report?.eventMs);
  return ms === undefined ? 'the kernel gave it no time' : `the kernel ${formatMs(ms)} after it was asked for`;
}

/** Nothing came: the sensor sees other execs, or none. */
function unseen({ before, after, timeoutMs }: Evidence): Pick<Stage, 'found' | 'advice'> {
  const grown = (of: (status: AgentStatus) => number | undefined) => (of(after) ?? 0) - (of(before) ?? 0);
  const decoded = grown(({ sensor }) => sensor.counters.decoded.exec);
  const lost = grown(({ sensor }) => (sensor.counters.lost.exec ?? 0) + sensor.counters.recursionMisses);
  const rest = `within ${timeoutMs / 1000} s; meanwhile ${decoded} execs arrived and ${lost} were lost`;
  if (decoded === 0) {
    return { found: `no exec at all reached the agent ${rest}`, advice: 'the sensor is blind: forebear doctor' };
  }
  const advice =
    lost > 0
      ? 'the ring was full: a larger sensor.ring_bytes, or try again when the host is calmer'
      : 'does this agent watch this host, and is it of this version? forebear status';
  return { found: `this exec did not reach the agent ${rest}`, advice };
}

function typed({ report }: Evidence): Finding {
  const type = report?.entryType;
  if (type === 'sshd') return { found: 'the session is one of sshd' };
  const advice = 'rules that ask how a session came in cannot be trusted on this host: please report this';
  return { fault: true, found: `the session was taken for ${type ?? 'none'}, not for one of sshd`, advice };
}

function matched({ report, launch }: Evidence): Finding {
  const alert = report?.alerts.find(({ rule_id }) => rule_id === RULE_ID);
  if (alert !== undefined) return { ...since(launch, alert.matchedMs), found: `rule ${RULE_ID}` };
  const others = report?.alerts.map(({ rule_id }) => rule_id) ?? [];
  const found = others.length > 0 ? `other rules did (${others.join(', ')}), not ${RULE_ID}` : 'no rule did';
  return {
    fault: true,
    found,
    advice: `does the agent run rule ${RULE_ID} (forebear rules list), and does no exception hide it (forebear exceptions list)?`,
  };
}

function durable({ report, launch, readBack, timeoutMs }: Evidence): Finding {
  const alert = report?.alerts.find(({ rule_id }) => rule_id === RULE_ID);
  if (alert?.durableMs === undefined) {
    const found = `the journal did not acknowledge the alert within ${timeoutMs / 1000} s`;
    return { fault: true, found, advice: 'is the disk full or broken? forebear doctor' };
  }
  if (readBack === undefined) {
    const found = `the journal acknowledged record ${alert.seq}, but reading it back does not find it`;
    return { fault: true, found, advice: 'the disk or the journal is damaged: forebear doctor' };
  }
  return { ...since(launch, alert.durableMs), found: `record ${readBack.seq} of the journal, read back` };
}

function delivered({ deliveries = [], timeoutMs }: Evidence): Finding {
  const names = deliveries.map(({ name }) => name).join(', ');
  const late = deliveries.filter(({ has }) => !has);
  if (late.length === 0) return { found: `${names} ${deliveries.length === 1 ? 'has' : 'have'} it` };
  const [{ name, why }] = late as [Delivery];
  const found = `${name} does not have it within ${timeoutMs / 1000} s: ${why}`;
  return { fault: true, found, advice: 'forebear status tells where each output is; is forebear ship running?' };
}

function since({ execNs }: Launch, ms: number | undefined): { ms?: number } {
  if (execNs === undefined || ms === undefined) return {};
  return { ms: Math.max(0, Math.round((ms - Number(execNs) / 1e6) * 1000) / 1000) };
}

/** out: a line per stage, then the verdict; no line end after the last. Escaped. */
export function formatStages(stages: readonly Stage[], paint: Paint): string {
  const rows = stages.flatMap(({ stage, status, ms, found, advice }) => {
    const style = ({ fine: 'green', fault: 'red', skipped: 'dim' } as const)[status];
    const time = (ms === undefined ? '' : formatMs(ms)).padStart(10);
    const line = `${stage.padEnd(10)}${paint(style, status.padEnd(8))}${time}  ${escapeText(found)}`;
    return advice === undefined ? [line] : [line, `${' '.repeat(30)}${paint('yellow', escapeText(advice))}`];
  });
  const fault = stages.find(({ status }) => status === 'fault');
  const last = stages.find(({ stage }) => stage === 'durable')?.ms;
  const verdict =
    fault === undefined
      ? `${paint('green', 'passed')}: from exec to disk in ${formatMs(last ?? 0)}. The alert is marked, the history has nothing of it`
      : `${paint('red', 'failed')}: not ${fault.stage}`;
  return [...rows, verdict].join('\n');
}

function formatMs(ms: number): string {
  return `${ms < 100 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}
