// Parcels for the tests of outputs: alerts as the detector makes them, numbered; each part can be replaced.

import { createHash } from 'node:crypto';
import type { Parcel } from '../../../src/ship/output.ts';

export const WALL_MS = Date.UTC(2026, 10, 24, 10, 0, 3, 250);

export function documentOf(n: number, part: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    '@timestamp': '2026-11-24T10:00:03.125Z',
    event: { kind: 'alert', category: ['process'], action: ['exec'], sequence: n },
    host: { id: 'host-1', name: 'web-1' },
    process: {
      pid: 900 + n,
      executable: '/usr/bin/systemctl',
      args: ['systemctl', 'enable', '服务'],
      interactive: true,
    },
    user: { id: '1000', name: 'alice' },
    rule: { name: 'Systemd "Service" ] Started', id: 'b605f262' },
    threat: [{ framework: 'MITRE ATT&CK', tactic: { id: 'TA0003' } }],
    kibana: {
      alert: {
        uuid: idOf(n),
        severity: 'medium',
        risk_score: 47.5,
        reason: `process event ${n}`,
        rule: { rule_id: 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6', name: 'Systemd "Service" ] Started' },
      },
    },
    ...part,
  };
}

export function idOf(n: number): string {
  return createHash('sha256').update(`alert ${n}`).digest('hex').slice(0, 32);
}

export function parcel(n: number, part: Partial<Parcel> = {}, document: Record<string, unknown> = {}): Parcel {
  return {
    seq: n,
    journalId: '0123456789abcdef0123456789abcdef',
    kind: 'alert',
    rank: 1,
    wallMs: WALL_MS + n,
    id: idOf(n),
    document: Buffer.from(JSON.stringify(documentOf(n, document))),
    payload: Buffer.alloc(0),
    ...part,
  };
}

export function parcels(count: number, first = 1): Parcel[] {
  return Array.from({ length: count }, (_, i) => parcel(first + i));
}

/** A document of about so many bytes, most of them in one command line. */
export function largeParcel(n: number, bytes: number, filler = 'x'): Parcel {
  const command_line = filler.repeat(Math.ceil(bytes / Buffer.byteLength(JSON.stringify(filler).slice(1, -1))));
  return parcel(n, {}, { process: { pid: 900 + n, executable: '/bin/sh', command_line } });
}
