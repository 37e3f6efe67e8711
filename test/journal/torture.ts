// npm run torture [-- ROUNDS]: the SIGKILL loop of real-disk.test.ts, longer, on one journal. The journal stays where a round
// failed, its place is printed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killInALoop } from './killed-writers.ts';
import { Ledger } from './ledger.ts';

const rounds = Number(process.argv[2] ?? 500);
const directory = mkdtempSync(join(tmpdir(), 'forebear-torture-'));
const ledger = new Ledger();
await killInALoop(directory, ledger, rounds, 'run');
const verdict = await ledger.verify(directory);
console.log(ledger.figure('SIGKILL', rounds, verdict));
if (verdict.lost.length + verdict.duplicated + verdict.faults.length === 0) rmSync(directory, { recursive: true });
else {
  console.error(`torture: see ${directory}`, verdict);
  process.exitCode = 1;
}
