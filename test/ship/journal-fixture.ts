// A real journal for tests of the shipper: records as the agent writes them, appended in one life of the writer.

import { journalDirectory } from '../../src/config.ts';
import type { Alert } from '../../src/detect/alert.ts';
import type { RecordKindName } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { encodeAlert, RANK_OF } from '../../src/proto/alert-codec.ts';
import { encodeAmend, encodeGap } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';

export const T0 = 1_800_000_000_000;

export type Written = { kind: RecordKindName; payload: Uint8Array; rank: number; wallMs: number };

export function alert(uuid: string, atMs: number, more: Partial<Alert> = {}): Written {
  const severity = more.severity ?? 'medium';
  const payload = encodeAlert({
    ...{ uuid, rule_id: 'r', ruleName: 'R', ruleVersion: 1, severity, riskScore: 47, eventWallMs: atMs, reason: 'why' },
    ...{ detectedWallMs: atMs, eventBootId: 'b', eventBootNs: 1n, hostId: 'h', hostName: 'host', gaps: [] },
    document: { '@timestamp': new Date(atMs).toISOString(), kibana: { alert: { uuid } }, process: { pid: 1 } },
    ...more,
  });
  return { kind: 'alert', payload, rank: RANK_OF[severity], wallMs: atMs };
}

export function amend(uuid: string, atMs: number, rank = 1): Written {
  const document = { process: { hash: { sha256: 'aa' } } };
  return { kind: 'amend', payload: encodeAmend({ uuid, number: 1, document }), rank, wallMs: atMs };
}

export function gap(atMs: number): Written {
  return { kind: 'gap', payload: encodeGap({ kind: 'lost_records', detail: 'exec', count: 3 }), rank: 0, wallMs: atMs };
}

/** in: the state directory. */
export async function appendTo(base: string, records: readonly Written[], maxSegmentBytes = 1 << 20): Promise<void> {
  const journal = await openJournal({
    directory: journalDirectory(base),
    ...{
      hostIdentity: 'h',
      hostId: 'host-1',
      counters: new Counters(),
      nowMs: () => T0,
      reserveBytes: 0,
      maxSegmentBytes,
    },
  });
  for (const { payload, ...options } of records) await journal.append(payload, options);
  await journal.close();
}
