// Runs bench/execs.c, which is compiled when it is first asked for.

import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './peers.ts';

const SOURCE = join(ROOT, 'bench/execs.c');
const PROGRAM = join(ROOT, 'build/bench/execs');
export const LEAF = join(ROOT, 'build/test/leaf');

export interface ExecsOptions {
  workers: number;
  /** Per worker. */
  number: number;
  /** Execs per second and worker; default: as fast as they go. */
  rate?: number;
  file?: string;
}

/** out: microseconds per exec, workers beside each other counted as one. Throws when an exec fails. */
export async function runExecs({ workers, number, rate = 0, file = LEAF }: ExecsOptions): Promise<number> {
  compile();
  const { stdout } = await promisify(execFile)(PROGRAM, [workers, number, rate, file].map(String));
  return Number(stdout) / 1000 / (workers * number);
}

function compile(): void {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return;
  mkdirSync(join(ROOT, 'build/bench'), { recursive: true });
  const { status, stderr } = spawnSync('gcc', ['-static', '-O2', '-Wall', SOURCE, '-o', PROGRAM], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`gcc: ${stderr}`);
}
