// process.entity_id: names one image of one process, new at each exec. PROCESS.EXEC, where PROCESS is 22 characters of
// base64url(sha256(boot id, pid, start time)) and EXEC the boot time of the exec in base 36, 0 before the first exec.
//
// Across a restart of the agent PROCESS stays the same for ever; EXEC of a process found at start-up is not known (the
// kernel does not keep it), so it is 0 there, but for entry leaders (saved-leaders.ts). Within one run ids are exact; only
// joins across a restart lose the exec.

import { hash } from 'node:crypto';

const PROCESS_LENGTH = 22;
const scratch = Buffer.alloc(64);

/**
 * The id of a process that has not exec'd since it was forked, or of one found at start-up.
 * in: boot id, pid in the initial namespace, start_boottime in ns; out: 24 characters.
 */
export function entityId(bootId: string, pid: number, startNs: bigint): string {
  return flat(hash('sha256', `${bootId} ${pid} ${startNs}`, 'base64url'), '0');
}

/** The id of the same process after an exec at that boot time. */
export function entityIdAfterExec(id: string, execNs: bigint): string {
  return flat(id, execNs.toString(36));
}

/** The id of the same process in an image whose EXEC is known. */
export function entityIdWithExec(id: string, exec: string): string {
  return flat(id, exec);
}

/** The EXEC of an id. */
export function execOfEntityId(id: string): string {
  return id.slice(PROCESS_LENGTH + 1);
}

/** The id that the process had when it was forked: a part of any of its ids. */
export function entityIdAtFork(id: string): string {
  return flat(id, '0');
}

/** One flat string: a sliced or joined one would keep its sources alive for as long as the process lives. */
function flat(id: string, exec: string): string {
  scratch.write(id, 0, PROCESS_LENGTH, 'latin1');
  scratch.write(`.${exec}`, PROCESS_LENGTH, 'latin1');
  return scratch.toString('latin1', 0, PROCESS_LENGTH + 1 + exec.length);
}
