// The shipper's snapshot: written to <ship>/status.json each second, read by `status` and the metrics. Times: milliseconds since 1970.

import { isProcessReport, type ProcessReport } from '../agent-status.ts';
import { LANE_STATES, type LaneReport } from './lane-state.ts';

export interface ShipStatus {
  schema: number;
  version: string;
  pid: number;
  startedMs: number;
  nowMs: number;
  /** Set by a clean stop. */
  stoppedMs?: number;
  /** Newest record of the journal; absent while there is none. */
  newest?: { seq: number; wallMs: number };
  outputs: readonly OutputStatus[];
  counters: Readonly<Record<string, number>>;
  process?: ProcessReport;
}

export interface OutputStatus extends LaneReport {
  /** Records behind the newest; age of the oldest of them. */
  lagRecords: number;
  lagSeconds: number;
  deadLetters: number;
}

export const SHIP_STATUS_SCHEMA = 1;

/** in: a lane's report, the newest record, its dead letters, now; out: with its lag. */
export function withLag(
  report: LaneReport,
  newest: ShipStatus['newest'],
  deadLetters: number,
  nowMs: number,
): OutputStatus {
  const lagRecords = Math.max(0, (newest?.seq ?? 0) - report.cursorSeq);
  const oldestMs = report.pendingMs ?? report.cursorMs ?? report.sinceMs;
  const lagSeconds = lagRecords === 0 ? 0 : Math.max(0, (nowMs - oldestMs) / 1000);
  return { ...report, lagRecords, lagSeconds, deadLetters };
}

/** in: text of status.json; out: undefined when it is not one of this version. */
export function parseShipStatus(text: string): ShipStatus | undefined {
  try {
    const value = JSON.parse(text) as Partial<ShipStatus> | null;
    if (value?.schema !== SHIP_STATUS_SCHEMA || !Array.isArray(value.outputs)) return undefined;
    const numbers = [value.pid, value.nowMs, value.startedMs];
    if (value.process !== undefined && !isProcessReport(value.process)) return undefined;
    return numbers.every(Number.isFinite) && value.outputs.every(isOutput) ? (value as ShipStatus) : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever reads it may be root, and trusts the shipper no more than the network. */
function isOutput(value: unknown): boolean {
  const output = value as Partial<OutputStatus> | null;
  const numbers = [output?.cursorSeq, output?.lagRecords, output?.lagSeconds, output?.deadLetters, output?.delivered];
  const { cursorMs = 0, lastAnswerMs = 0, lastDeliveredMs = 0, nextAttemptMs = 0, lastAnswer = '' } = output ?? {};
  numbers.push(cursorMs, lastAnswerMs, lastDeliveredMs, nextAttemptMs);
  const areTexts = [output?.name, output?.type, lastAnswer].every((text) => typeof text === 'string');
  return areTexts && LANE_STATES.includes(output?.state as LaneReport['state']) && numbers.every(Number.isFinite);
}
