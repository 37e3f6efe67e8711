// A small alert as the journal stores it. in: its uuid, time in ms since 1970.

import { encodeAlert } from '../../../src/proto/alert-codec.ts';

export function alertBytes(uuid: string, atMs: number): Uint8Array {
  const document = {
    '@timestamp': new Date(atMs).toISOString(),
    kibana: { alert: { uuid } },
    message: 'x'.repeat(300),
  };
  return encodeAlert({
    ...{ uuid, rule_id: 'r', ruleName: 'R', ruleVersion: 1, severity: 'medium', riskScore: 47, eventWallMs: atMs },
    ...{
      detectedWallMs: atMs,
      eventBootId: 'b',
      eventBootNs: 1n,
      hostId: 'host',
      hostName: 'host',
      reason: '',
      gaps: [],
    },
    document,
  });
}
