// Writes the agent's snapshot to <state>/status.json so that a reader sees the old one or the new one, never half of one.
// Called by agent.ts each second. Not synced: after a crash of the machine it would be stale anyway.

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentStatus } from '../agent-status.ts';

/** Throws the system's error; a snapshot that cannot be written stops nothing, the caller counts it. */
export function writeStatus(directory: string, status: AgentStatus): void {
  const file = join(directory, 'status.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(status)}\n`, { mode: 0o640 });
  renameSync(`${file}.new`, file);
}
