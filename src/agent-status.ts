// The agent's snapshot: written by the agent to <state>/status.json each second (atomically), read by `status`.
// Plain data, JSON; every number a count since start unless it says otherwise. Times: milliseconds since 1970.

export interface ProgramSnapshot {
  name: string;
  attachPoint: string;
  attached: boolean;
  reason?: string;
  verifiedInstructions?: number;
}

/** Where records come from that are attached on demand: `kind` is session or credentials. */
export interface SourceSnapshot {
  kind: string;
  /** trampoline, syscalls or none. */
  source: string;
  /** By a rule or by the configuration; `asked`: by a rule. */
  wanted: boolean;
  asked: boolean;
  /** Why it is not the trampoline. */
  reason?: string;
  /** What this source does not show. */
  unseen: readonly string[];
}

/** What became of a run of `forebear selftest`. Times: milliseconds since boot (CLOCK_BOOTTIME), fractions included. */
export interface SelftestReport {
  id: string;
  /** Why the run was not taken for a self-test; what it set off was treated as anything else. */
  refused?: string;
  /** Of the exec that fires the rule: when the kernel saw it, when it reached the rules, its entry leader's type. */
  eventMs?: number;
  seenMs?: number;
  entryType?: string;
  alerts: { rule_id: string; uuid: string; matchedMs: number; durableMs?: number; seq?: number }[];
}

/** Whether the sensor shows what the agent runs to try it. Times: milliseconds since 1970. */
export interface CanaryReport {
  /** The last that it showed. */
  seenMs?: number;
  /** It has not shown the last ones: what happened since then may not have been seen. */
  blindSinceMs?: number;
  /** Why the last one could not be run. */
  fault?: string;
}

/** New terms of these rules make no alert until then, at the latest. */
export interface LearningReport {
  rules: number;
  untilMs: number;
}

/** What a program takes of its host. */
export interface ProcessReport {
  /** User and system, since its start. */
  cpuSeconds: number;
  residentBytes: number;
  /** Of V8: reserved, used, and what lies beside the heap. */
  heapBytes: number;
  heapUsedBytes: number;
  externalBytes: number;
  /** How late the event loop was since the last snapshot, in milliseconds; minuteMaxMs: within the last minute. */
  loopDelay: { p50Ms: number; p99Ms: number; maxMs: number; minuteMaxMs: number };
}

/** What rules cost since the start; as detect/rule-costs.ts has it. */
export interface RuleCostFigures {
  /** Evaluations on sketches of events, and on events. */
  sketches: number;
  evaluations: number;
  matches: number;
  alerts: number;
  /** Estimated from samples. */
  seconds: number;
}

export interface RuleCostReport {
  /** The costliest, first to last; not all of them. */
  rules: readonly (RuleCostFigures & { rule_id: string; name: string })[];
  all: RuleCostFigures & { rules: number };
}

export interface AgentStatus {
  /** Of this form; a reader refuses a newer one. */
  schema: number;
  /** Of the program. */
  version: string;
  pid: number;
  startedMs: number;
  /** When the snapshot was made. */
  nowMs: number;
  /** Set by a clean stop, in the last snapshot. */
  stoppedMs?: number;
  host: { id: string; name: string };
  /** uname -r */
  kernel: string;
  sensor: {
    source: string;
    ringBytes: number;
    programs: readonly ProgramSnapshot[];
    sources?: readonly SourceSnapshot[];
    /** As sensor.ts: per kind of record, and the rest. */
    counters: {
      reserved: Readonly<Record<string, number>>;
      lost: Readonly<Record<string, number>>;
      decoded: Readonly<Record<string, number>>;
      filtered?: { file: number; network?: number };
      recursionMisses: number;
      undecodable: number;
      batches: number;
      bytes: number;
      queueFull: number;
    };
  };
  rules: {
    running: number;
    refused: readonly { file: string; rule_id?: string; name?: string; code: string; reason: string }[];
  };
  /** Exception items: in force (unbound: for none of the rules that run), and those that hide nothing. */
  exceptions?: { applies: number; unbound: number; expired: number; disabled: number; refused: number };
  /** History of new_terms rules: how many terms are known now; rules that learn still, and when the last of them ends. */
  terms: { known: number; evicted: number; learning?: LearningReport };
  alerts: number;
  journal: {
    directory: string;
    firstSeq: number;
    nextSeq: number;
    durableSeq: number;
    segments: number;
    bytes: number;
    expired: number;
    tornBytes: number;
  };
  processTable: { entries: number; bytes: number; maxBytes: number; evicted: number };
  /** All of stats.ts. */
  counters: Readonly<Record<string, number>>;
  /** The last runs, oldest first. */
  selftests?: readonly SelftestReport[];
  /** Absent: switched off. */
  canary?: CanaryReport;
  process?: ProcessReport;
  ruleCosts?: RuleCostReport;
}

export const STATUS_SCHEMA = 1;

/** The members that must be there, by example; optional ones are not. */
const SHAPE: AgentStatus = {
  schema: 1,
  version: '',
  pid: 1,
  startedMs: 1,
  nowMs: 1,
  host: { id: '', name: '' },
  kernel: '',
  sensor: {
    source: '',
    ringBytes: 1,
    programs: [{ name: '', attachPoint: '', attached: true }],
    counters: {
      reserved: {},
      lost: {},
      decoded: {},
      recursionMisses: 1,
      undecodable: 1,
      batches: 1,
      bytes: 1,
      queueFull: 1,
    },
  },
  rules: { running: 1, refused: [{ file: '', code: '', reason: '' }] },
  terms: { known: 1, evicted: 1 },
  alerts: 1,
  journal: {
    directory: '',
    firstSeq: 1,
    nextSeq: 1,
    durableSeq: 1,
    segments: 1,
    bytes: 1,
    expired: 1,
    tornBytes: 1,
  },
  processTable: { entries: 1, bytes: 1, maxBytes: 1, evicted: 1 },
  counters: {},
};
const SOURCES: readonly SourceSnapshot[] = [{ kind: '', source: '', wanted: true, asked: true, unseen: [''] }];
const EXCEPTIONS: AgentStatus['exceptions'] = { applies: 1, unbound: 1, expired: 1, disabled: 1, refused: 1 };
const LEARNING: LearningReport = { rules: 1, untilMs: 1 };
const SELFTESTS: readonly SelftestReport[] = [{ id: '', alerts: [{ rule_id: '', uuid: '', matchedMs: 1 }] }];
const PROCESS: ProcessReport = {
  cpuSeconds: 1,
  residentBytes: 1,
  heapBytes: 1,
  heapUsedBytes: 1,
  externalBytes: 1,
  loopDelay: { p50Ms: 1, p99Ms: 1, maxMs: 1, minuteMaxMs: 1 },
};
const COST: RuleCostFigures = { sketches: 1, evaluations: 1, matches: 1, alerts: 1, seconds: 1 };
const COSTS: RuleCostReport = { rules: [{ rule_id: '', name: '', ...COST }], all: { rules: 1, ...COST } };

/** in: text of status.json; out: the snapshot, or undefined when it is not one of this schema. */
export function parseAgentStatus(text: string): AgentStatus | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!hasShape(value, SHAPE) || value.schema !== STATUS_SCHEMA) return undefined;
    if (value.sensor.sources !== undefined && !hasShape(value.sensor.sources, SOURCES)) return undefined;
    if (value.exceptions !== undefined && !hasShape(value.exceptions, EXCEPTIONS)) return undefined;
    if (value.process !== undefined && !isProcessReport(value.process)) return undefined;
    if (value.ruleCosts !== undefined && !hasShape(value.ruleCosts, COSTS)) return undefined;
    if (value.canary !== undefined && !isCanaryReport(value.canary)) return undefined;
    if (value.terms.learning !== undefined && !hasShape(value.terms.learning, LEARNING)) return undefined;
    return value.selftests === undefined || hasShape(value.selftests, SELFTESTS) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isProcessReport(value: unknown): value is ProcessReport {
  return hasShape(value, PROCESS);
}

function isCanaryReport({ seenMs = 0, blindSinceMs = 0, fault = '' }: CanaryReport): boolean {
  return hasShape({ seenMs, blindSinceMs, fault }, { seenMs: 1, blindSinceMs: 1, fault: '' });
}

function hasShape<T>(value: unknown, example: T): value is T {
  if (typeof value !== typeof example || value === null) return false;
  if (typeof example === 'number') return Number.isFinite(value);
  if (typeof example !== 'object' || example === null) return true;
  if (Array.isArray(example)) return Array.isArray(value) && value.every((item) => hasShape(item, example[0]));
  const members = Object.entries(example);
  // An open record (counters): every value a number.
  if (members.length === 0) return Object.values(value as object).every((item) => Number.isFinite(item));
  return members.every(
    ([name, part]) => Object.hasOwn(value as object, name) && hasShape(Reflect.get(value as object, name), part),
  );
}
