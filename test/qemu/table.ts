// The table that the tests under qemu print: a line for each kernel.

import type { LoadedProgram, WholeRun } from './whole-run.ts';

const HEAD = ['kernel', 'sources', 'attached', 'not', 'records', 'lost', 'recursion misses', 'guest'];

export function tableOf(runs: ReadonlyMap<string, WholeRun>): string {
  const kernels = [HEAD, ...[...runs].map(([suite, run]) => rowOf(suite, run))];
  return `${aligned(kernels)}\n${aligned(verifiedTable(runs))}`;
}

function rowOf(suite: string, { guest, bySource, programs, stopped }: WholeRun): string[] {
  const { decoded, lost, recursionMisses } = stopped.sensor.counters;
  const names = (attached: boolean) =>
    merged(programs).flatMap((row) => (row.attached === attached ? [row.program] : []));
  return [
    `${suite} ${guest.release}`,
    [...bySource.keys()].join(', '),
    String(names(true).length),
    names(false).join(' ') || '-',
    String(sum(decoded)),
    String(sum(lost)),
    String(recursionMisses),
    `${guest.seconds.toFixed(1)} s`,
  ];
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/** Each program once: where both sources load it, as the second has it. What a kernel is not asked for is left out. */
function merged(programs: WholeRun['programs']): LoadedProgram[] {
  return [...new Map([...programs.values()].flat().map((program) => [program.program, program])).values()];
}

/** A line for each program: the instructions that each kernel's verifier went through. */
function verifiedTable(runs: ReadonlyMap<string, WholeRun>): string[][] {
  const columns = [...runs.values()].map(
    ({ programs }) => new Map(merged(programs).map((row) => [row.program, String(row.verified_insns)])),
  );
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  const rows = names.map((name) => [name, ...columns.map((column) => column.get(name) ?? '-')]);
  return [['verified instructions', ...runs.keys()], ...rows];
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
