// What a check of `forebear doctor` is, and what it may ask of the machine (Probes: doctor-probes.ts, or a test's). A check
// never throws: what cannot be asked is said. Used by the doctor-*.ts files.

import type { AgentStatus } from '../agent-status.ts';
import type { Config } from '../config.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { JournalCheck } from '../journal/check.ts';
import type { SensorStatus } from '../sensor/sensor.ts';

export type CheckStatus = 'fine' | 'warning' | 'fault';

export interface Finding {
  status: CheckStatus;
  found: string;
  /** What to do; not where all is fine. */
  advice?: string;
}

export interface CheckResult extends Finding {
  check: string;
}

export interface Check {
  name: string;
  run: (probes: Probes) => Finding | Promise<Finding>;
}

export interface FileFacts {
  uid: number;
  /** Permission bits. */
  mode: number;
  directory: boolean;
  mtimeMs: number;
}

/** Whatever throws here becomes a finding. Paths that do not exist: undefined. */
export interface Probes {
  config: Config;
  /** Why the configuration could not be used; the defaults stand in for it. */
  configError?: unknown;
  /** uname -r */
  release: string;
  euid: number;
  /** Effective, as a bit set. */
  capabilities: bigint;
  wallMs(): number;
  bootMs(): number;
  read(path: string): string | undefined;
  stat(path: string): FileFacts | undefined;
  /** Whether we may write there, whatever is mounted how. */
  writable(path: string): boolean;
  freeBytes(path: string): number;
  /** Of the files in a directory; 0 when there is none. */
  bytesIn(directory: string): number;
  /** Of the runtime: what runs, what package.json pins (undefined where there is none). */
  runtime: { actual: string; pinned: string | undefined };
  /** When this program was built. */
  builtMs: number | undefined;
  loadAddon(): void;
  /** Loads and attaches the BPF programs, and takes them off again. */
  attach(): Promise<SensorStatus>;
  /** The newest segments alone. */
  checkJournal(directory: string): Promise<JournalCheck>;
  /** undefined: no database; else its schema and the newest one that this version knows. */
  termSchema(path: string): { version: number; known: number } | undefined;
  loadRules(): Promise<RuleSet>;
  /** The agent's snapshot in the state directory. */
  snapshot(): AgentStatus | undefined;
  alive(pid: number): boolean;
}

/** Numbers of capabilities (linux/capability.h). */
export const CAPABILITIES = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

export function has({ capabilities }: Probes, name: keyof typeof CAPABILITIES): boolean {
  return (capabilities & (1n << BigInt(CAPABILITIES[name]))) !== 0n;
}

/** CAP_SYS_ADMIN holds what CAP_BPF and CAP_PERFMON were cut out of. */
export function mayLoadBpf(probes: Probes): boolean {
  return has(probes, 'CAP_SYS_ADMIN') || (has(probes, 'CAP_BPF') && has(probes, 'CAP_PERFMON'));
}

export function fine(found: string): Finding {
  return { status: 'fine', found };
}

export function warning(found: string, advice: string): Finding {
  return { status: 'warning', found, advice };
}

export function fault(found: string, advice: string): Finding {
  return { status: 'fault', found, advice };
}

/** One after the other, in order: what one finds does not hinder the next. */
export async function runChecks(checks: readonly Check[], probes: Probes): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    let finding: Finding;
    try {
      finding = await run(probes);
    } catch (error) {
      finding = unasked(error, probes);
    }
    results.push({ check: name, ...finding });
  }
  return results;
}

function unasked(error: unknown, { euid }: Probes): Finding {
  const refused = error instanceof Error && 'code' in error && /^(EACCES|EPERM|FB_.*_ACCESS)$/.test(String(error.code));
  if (refused && euid !== 0) {
    return warning(`not checked, as uid ${euid} may not: ${reasonOf(error)}`, 'run forebear doctor as root');
  }
  return fault(...textOf(error));
}

/** in: what was thrown; out: what it says, and its hint. */
export function textOf(error: unknown): [found: string, advice: string] {
  if (!(error instanceof ForebearError)) return [reasonOf(error), 'see the message'];
  return [`${error.message.split('\n', 1)[0]} [${error.code}]`, error.hint ?? 'see the message'];
}
