// Where kernels, or the ways to look at them, differ in what they say of the same workload, and why: nothing else may differ.

import type { Process } from './same.ts';

/** Who saw it: a kernel by its suite (or this host's), and by which programs, or by the agent. */
export interface Observer {
  suite: string;
  by: 'agent' | 'trampolines' | 'syscalls';
}

interface Difference {
  applies: (observer: Observer) => boolean;
  cases: readonly string[];
  /** Member of a record that is not compared. */
  member: string;
  because: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    applies: ({ suite }) => suite === 'bullseye',
    cases: [
      ...['script-fd', 'memfd', 'deleted', 'deleted-name', 'execveat', 'outside-root', 'detached', 'chain'],
      ...['parent-memfd', 'parent-deleted'],
    ],
    member: 'comm',
    because: '5.10 names what is executed by descriptor by the number of that ("4"), newer kernels by the file',
  },
  {
    applies: ({ suite }) => suite === 'bullseye',
    cases: ['leader-left'],
    member: 'code',
    because: '5.10 tells wait(2) the code of a main thread that left first, newer kernels that of the last thread',
  },
];

/** in: what an observer saw of a case; out: the same without what may differ between these two. */
export function comparable(account: readonly Process[], name: string, observers: readonly Observer[]): Process[] {
  const differing = DIFFERENCES.filter((row) => row.cases.includes(name) && observers.some(row.applies));
  const members = new Set(differing.map(({ member }) => member));
  const kept = (record: Process[number]) =>
    Object.fromEntries(Object.entries(record).filter(([member]) => !members.has(member)));
  return account.map((process) => process.map(kept));
}

export function nameOf({ suite, by }: Observer): string {
  return `${suite}, ${by}`;
}
