// Where kernels differ in what they say of the same workload, and why that is so: nothing else may differ.

import type { Process } from './same.ts';

interface Difference {
  /** Kernels that say something else than the others. */
  suites: readonly string[];
  cases: readonly string[];
  member: string;
  because: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    suites: ['bullseye'],
    cases: [
      ...['script-fd', 'memfd', 'deleted', 'deleted-name', 'execveat', 'outside-root', 'detached', 'chain'],
      ...['parent-memfd', 'parent-deleted'],
    ],
    member: 'comm',
    because:
      'what is executed by descriptor is named by its number there ("4"), and by its file since 6.14 and in 6.x stable',
  },
];

/** in: what a kernel saw of a case; out: the same without what may differ between these two suites. */
export function comparable(account: readonly Process[], name: string, suites: readonly string[]): Process[] {
  const differing = DIFFERENCES.filter((row) => row.cases.includes(name) && row.suites.some((s) => suites.includes(s)));
  const members = new Set(differing.map(({ member }) => member));
  const kept = (record: Process[number]) =>
    Object.fromEntries(Object.entries(record).filter(([member]) => !members.has(member)));
  return account.map((process) => process.map(kept));
}
