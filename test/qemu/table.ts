// The table that the tests under qemu print: a line for each kernel.

import type { LoadedProgram, WholeRun } from './whole-run.ts';

const HEAD = ['kernel', 'attached', 'sources', 'records', 'lost', 'recursion misses', 'guest', 'verified instructions'];

export function tableOf(runs: ReadonlyMap<string, WholeRun>): string {
  const rows = [HEAD, ...[...runs].map(([suite, run]) => rowOf(suite, run))];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

function rowOf(suite: string, { guest, bySource, programs, status }: WholeRun): string[] {
  const { decoded, lost, recursionMisses } = status.sensor.counters;
  const { attached, failed } = countsOf(programs);
  return [
    `${suite} ${guest.release}`,
    failed.length > 0 ? `${attached.length}, not ${failed.join(' ')}` : String(attached.length),
    [...bySource.keys()].join(' and '),
    String(sum(decoded)),
    String(sum(lost)),
    String(recursionMisses),
    `${guest.seconds.toFixed(1)} s`,
    verifiedOf(programs),
  ];
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/** Each program once, by whichever source it came. */
function merged(programs: WholeRun['programs']): LoadedProgram[] {
  return [...new Map([...programs.values()].flat().map((program) => [program.program, program])).values()];
}

function countsOf(programs: WholeRun['programs']) {
  const names = (state: boolean) => merged(programs).flatMap((row) => (row.attached === state ? [row.program] : []));
  return { attached: names(true), failed: names(false) };
}

function verifiedOf(programs: WholeRun['programs']): string {
  return merged(programs)
    .map(({ program, verified_insns }) => `${program.replace('fb_', '')} ${verified_insns}`)
    .join(', ');
}
