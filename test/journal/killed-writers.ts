// Writers that are killed with SIGKILL, one after the other, on one journal. Used by real-disk.test.ts and `npm run torture`.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RUNTIME_FLAGS } from '../../vitest.config.ts';
import { COMPILED_ONCE } from '../common/compiled-once.ts';
import type { Ledger } from './ledger.ts';
import type { ChildOptions } from './writer-child.ts';

/** in: words before the runtime, to run it under another program; out: the child, its lines on stdout. */
export function startWriter(
  directory: string,
  run: string,
  options: ChildOptions = {},
  before: readonly string[] = [],
): ChildProcess {
  const script = [join(import.meta.dirname, 'writer-child.ts'), directory, run, JSON.stringify(options)];
  const [program, ...words] = [...before, process.execPath, ...RUNTIME_FLAGS, ...script];
  return spawn(program!, words, { stdio: ['ignore', 'pipe', 'inherit'], env: COMPILED_ONCE });
}

/** Takes all that a writer says until it has ended. out: its exit status or the signal that ended it. */
export async function listen(child: ChildProcess, ledger: Ledger, onLine?: () => void): Promise<number | string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    ledger.take(line);
    onLine?.();
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode ?? 'gone';
}

/** Kills a writer once it has acknowledged so many records; what it has on its way then is in doubt. */
export async function runAndKill(directory: string, ledger: Ledger, run: string, kill: number): Promise<void> {
  const child = startWriter(directory, run);
  let lines = 0;
  const end = await listen(child, ledger, () => {
    if (++lines === kill) child.kill('SIGKILL');
  });
  if (end !== 'SIGKILL') throw new Error(`the writer ended with ${end}, not when it was killed`);
}

/** Rounds on one journal, killed after 1 to 150 records; round n of every call is alike. */
export async function killInALoop(directory: string, ledger: Ledger, rounds: number, name: string): Promise<void> {
  for (let n = 1; n <= rounds; n++) await runAndKill(directory, ledger, `${name}${n}`, 1 + ((n * 37) % 150));
}
