// What the canary runs: `true`, in an empty environment, without the agent's capabilities (service/manager-io.ts has emptied
// the ambient set, the only one that outlives an exec here). Used by agent.ts; when, and whether the sensor saw it, is
// canary.ts's.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CanaryProgram } from './canary.ts';

const run = promisify(execFile);
const OPTIONS = { env: {}, cwd: '/', timeout: 10_000, killSignal: 'SIGKILL' } as const;
const TRUE = ['/usr/bin/true', '/bin/true'] as const;

export function canaryProgram(program: string = TRUE.find(existsSync) ?? TRUE[0]): CanaryProgram {
  return {
    argsOf: (token) => [program, token],
    run: async (token) => {
      await run(program, [token], OPTIONS).catch(fail);
    },
  };
}

/** Its own words would hold the token, and so be new each time. */
function fail(error: unknown): never {
  const { syscall, code, signal } = error as { syscall?: unknown; code?: unknown; signal?: unknown };
  if (syscall !== undefined) throw error;
  throw new Error(typeof signal === 'string' ? `it was ended by ${signal}` : `it ended with status ${String(code)}`);
}
