// event.id = hash(boot id, boot ns, tgid, action): the same event has the same id for ever, in the live run and in each
// replay of its recording, so that an alert made from it has too.

import { hash } from 'node:crypto';

/** in: boot id, CLOCK_BOOTTIME in ns, pid in the initial namespace, event.action; out: 22 characters (128 bits). */
export function eventId(bootId: string, bootNs: bigint, tgid: number, action: string): string {
  return hash('sha256', `${bootId} ${bootNs} ${tgid} ${action}`, 'base64url').slice(0, 22);
}
