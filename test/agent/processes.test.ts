// Processes as /proc has them.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ancestryOf } from '../../src/agent/processes-io.ts';

it('has a name with blanks whole, its arguments, and its ancestors before it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-process-'));
  const program = join(folder, 'two words');
  copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['60']);
  await new Promise((spawned) => child.once('spawn', spawned));
  const ancestry = ancestryOf(child.pid!);
  child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
  expect(ancestry.at(-1)).toMatchObject({
    pid: child.pid,
    name: 'two words',
    executable: program,
    args: [program, '60'],
  });
  expect(ancestry.at(-2)?.pid).toBe(process.pid);
});

it('knows nothing of one that is not there', () => {
  expect(ancestryOf(2 ** 30)).toEqual([]);
});
