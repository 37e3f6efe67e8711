// The table that the tests under qemu print, a line for each kernel; and docs/kernels.md, which npm run matrix -- --write makes of it.

import { resolve } from 'node:path';
import type { LoadedProgram, WholeRun } from './whole-run.ts';

const HEAD = ['kernel', 'sources', 'attached', 'not', 'records', 'lost', 'recursion misses', 'guest'];

export function tableOf(runs: ReadonlyMap<string, WholeRun>): string {
  const kernels = [HEAD, ...[...runs].map(([suite, run]) => rowOf(suite, run))];
  return `${aligned(kernels)}\n${aligned(verifiedTable(runs))}`;
}

export const DOCUMENT = resolve(import.meta.dirname, '../../docs/kernels.md');

const ABOUT = `# Kernels

What \`npm run matrix\` saw of the installed package (the files of the .deb, run by its own Node and by \`/etc/forebear\` alone) on
Debian's cloud kernels. On each of them the ground-truth workload of the kernel tests is run under the programs alone, by each source, and
under the agent: every exec, fork, exit, session and change of ids is compared with what the workload wrote down, and with the other
kernels. Then alice logs in at the serial console, and a program of hers enables a unit.

<!-- Made by npm run matrix -- --write: do not edit. -->

`;

/** in: runs of the package; out: docs/kernels.md. */
export function documentOf(runs: ReadonlyMap<string, WholeRun>): string {
  const head = ['kernel', 'attached', 'sources', 'records', 'lost', 'console login', 'first rule', 'start to attached'];
  const rows = [...runs].map(([suite, run]) => {
    const [, sources, attached, not, records, lost] = rowOf(suite, run);
    const [alert] = run.installed?.alerts ?? [];
    const entry = alert?.process as { entry_leader?: { entry_meta?: { type?: string } } } | undefined;
    const login = `entry leader ${entry?.entry_leader?.entry_meta?.type ?? 'UNKNOWN'}`;
    const kernel = `${run.guest.release} (${suite})`;
    const programs = `${attached} of ${Number(attached) + (not === '-' ? 0 : not!.split(' ').length)}`;
    const fired = alert === undefined ? 'NO' : 'fires';
    return [kernel, programs, sources!, records!, lost!, login, fired, `${run.installed?.startupMs ?? '?'} ms`];
  });
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${ABOUT}${lines.join('\n')}

The time of a start counts from the exec of the launcher until the agent is ready, on an emulated machine (qemu without KVM, two CPUs) that
shares its host with whatever else runs there: it says that the agent starts, and compares the kernels of one run at most. What a start
takes on a real machine is in README.md.

Instructions that each kernel's verifier goes through (its limit is 1,000,000 for each program):

${markdown(verifiedTable(runs))}
`;
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head, ...others] = rows;
  return [head!, head!.map(() => '---'), ...others].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
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
