// process.entity_id: names one image of one process, new at each exec. PROCESS.EXEC, where PROCESS is 22 characters of
// base64url(sha256(boot id, pid, start time)) and EXEC the boot time of the exec in base 36, 0 before the first exec.
//
// Across a restart of the agent PROCESS stays the same for ever; EXEC of a process found at start-up is not known (the
// kernel does not keep it), so it is 0 there, but for what saved-leaders.ts keeps. Within one run ids are exact; only
// joins across a restart lose the exec. Made when first asked for: most processes never stand in an event.

import { hash } from 'node:crypto';

const PROCESS_LENGTH = 22;
const scratch = Buffer.alloc(PROCESS_LENGTH);

/**
 * in: boot id, pid in the initial namespace, start_boottime in ns.
 * out: PROCESS, one flat string: a sliced one would keep its source alive for as long as the process lives.
 */
export function processPart(bootId: string, pid: number, startNs: bigint): string {
  scratch.write(hash('sha256', `${bootId} ${pid} ${startNs}`, 'base64url'), 0, PROCESS_LENGTH, 'latin1');
  return scratch.toString('latin1', 0, PROCESS_LENGTH);
}

/** in: PROCESS, boot time of the exec in ns (0n: none, or not known); out: the id. */
export function entityId(process: string, execNs: bigint): string {
  return execNs === 0n ? `${process}.0` : `${process}.${execToText(execNs)}`;
}

/** The EXEC of an id. */
export function execToText(execNs: bigint): string {
  return execNs.toString(36);
}

/** in: an EXEC, lower-case base 36; out: nanoseconds since boot. */
export function execFromText(text: string): bigint {
  let execNs = 0n;
  for (const digit of text) execNs = execNs * 36n + BigInt(Number.parseInt(digit, 36));
  return execNs;
}
