// What the canary runs: `true`, in an empty environment, without the agent's capabilities where setpriv is there to take
// them (an ambient capability outlives an exec; inherited ones would too). Used by agent.ts; when, and whether the sensor saw
// it, is canary.ts's.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CanaryProgram } from './canary.ts';

const run = promisify(execFile);
const OPTIONS = { env: {}, cwd: '/', timeout: 10_000, killSignal: 'SIGKILL' } as const;
const TRUE = ['/usr/bin/true', '/bin/true'] as const;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'] as const;
/** What those that had to be had for it: none is inherited. */
const NO_CAPABILITIES = ['--inh-caps=-all', '--ambient-caps=-all', '--'];

/** in: what to run, and through what ("": directly). */
export function canaryProgram(
  program: string = TRUE.find(existsSync) ?? TRUE[0],
  setpriv: string = SETPRIV.find(existsSync) ?? '',
): CanaryProgram {
  const own = (token: string) => [program, token];
  const whole = (token: string) => (setpriv === '' ? own(token) : [setpriv, ...NO_CAPABILITIES, ...own(token)]);
  return {
    execsOf: (token) => (setpriv === '' ? [own(token)] : [whole(token), own(token)]),
    run: async (token) => {
      const [file, ...args] = whole(token);
      await run(file!, args, OPTIONS).catch(fail);
    },
  };
}

/** Its own words would hold the token, and so be new each time. */
function fail(error: unknown): never {
  const { syscall, code, signal } = error as { syscall?: unknown; code?: unknown; signal?: unknown };
  if (syscall !== undefined) throw error;
  throw new Error(typeof signal === 'string' ? `it was ended by ${signal}` : `it ended with status ${String(code)}`);
}
