// The stages' own figures -> the snapshot that `forebear status` reads. Pure; called by agent.ts each second.

import { hostname, release } from 'node:os';
import {
  type AgentStatus,
  type CanaryReport,
  type LearningReport,
  type ProcessReport,
  type SelftestReport,
  STATUS_SCHEMA,
} from '../agent-status.ts';
import type { Detector } from '../detect/detector.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { MemoryTermStore } from '../detect/term-store.ts';
import type { Enricher } from '../enrich/enricher.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Sensor, WantedKind } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { withAsked } from './wanted-kinds.ts';

export interface SnapshotParts {
  version: string;
  startedMs: number;
  hostId: string;
  maxTableBytes: number;
  sensor: Sensor;
  /** Kinds of records that rules ask for. */
  asked: ReadonlySet<WantedKind>;
  rules: RuleSet;
  terms: MemoryTermStore;
  enricher: Enricher;
  detector: Detector;
  journal: JournalWriter;
  counters: Counters;
  learning?: { report(): LearningReport | undefined };
  canary?: { report(): CanaryReport | undefined };
  process?: { report(): ProcessReport };
  selftest: { readonly reports: readonly SelftestReport[] };
}

/** Rules whose cost is told one by one. */
const COSTS_TOLD = 50;

/** in: the stages, now (ms since 1970); out: plain data, ready for JSON. */
export function snapshotOf(parts: SnapshotParts, nowMs: number): AgentStatus {
  const { counters, sensor, rules, journal } = parts;
  const { source, ringBytes, programs, sources } = sensor.status();
  const canary = parts.canary?.report();
  return {
    schema: STATUS_SCHEMA,
    version: parts.version,
    pid: process.pid,
    startedMs: parts.startedMs,
    nowMs,
    host: { id: parts.hostId, name: hostname() },
    kernel: release(),
    sensor: {
      source,
      ringBytes,
      programs,
      ...(sources && { sources: withAsked(sources, parts.asked) }),
      counters: sensor.counters(),
    },
    rules: { running: rules.rules.length, refused: refusedOf(rules) },
    ...(rules.exceptions && { exceptions: rules.exceptions.summary(rules.rules, nowMs) }),
    terms: termsOf(parts),
    alerts: counters.get('agent_alerts_journalled_total'),
    journal: journal.status(),
    processTable: tableOf(parts),
    counters: Object.fromEntries(counters.entries()),
    ...(parts.selftest.reports.length > 0 && { selftests: parts.selftest.reports }),
    ...(canary && { canary }),
    ...(parts.process && { process: parts.process.report() }),
    ruleCosts: parts.detector.costs(COSTS_TOLD),
  };
}

function refusedOf({ verdicts }: RuleSet): AgentStatus['rules']['refused'] {
  return verdicts.flatMap(({ file, error, rule_id, name, kept }) => {
    if (error === undefined) return [];
    const reason = kept === true ? `runs as it was before: ${error.message}` : error.message;
    return [{ file, code: error.code, reason, ...defined({ rule_id, name }) }];
  });
}

function termsOf({ terms, counters, learning }: SnapshotParts): AgentStatus['terms'] {
  const report = learning?.report();
  const known = { known: terms.size, evicted: counters.get('detect_terms_evicted_total') };
  return { ...known, ...(report && { learning: report }) };
}

function tableOf({ enricher, counters, maxTableBytes }: SnapshotParts): AgentStatus['processTable'] {
  const { count, bytes } = enricher.processes;
  const reasons = ['exited', 'referred', 'live'];
  const evicted = reasons.reduce((sum, reason) => sum + counters.get('enrich_processes_evicted_total', reason), 0);
  return { entries: count, bytes, maxBytes: maxTableBytes, evicted };
}

function defined<T extends object>(object: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
