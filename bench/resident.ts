// What the process table holds of memory: a process of its own under the agent's flags, before and after 100,000 processes
// with eight arguments each. The kernel's side (16 MiB of ring) is not in it; `start` measures the whole agent.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const FLAGS = ['--expose-gc', '--max-old-space-size=256', '--max-semi-space-size=2'];

/** Likewise the launcher's. */
const ENV = { ...process.env, MALLOC_ARENA_MAX: '1' };

export async function benchResident(): Promise<void> {
  const child = fork(join(import.meta.dirname, 'resident-table.ts'), { execArgv: FLAGS, env: ENV });
  await once(child, 'exit');
}
