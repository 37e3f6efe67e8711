// Where kernels, or the ways to look at them, differ in what they say of the same workload, and why: nothing else may differ.

import type { Process } from './same.ts';

/** Who saw it: a kernel by its suite (or this host's), and by which programs, or by the agent. */
export interface Observer {
  suite: string;
  by: 'agent' | 'trampolines' | 'syscalls';
  /** Kinds of records that it had no programs for. */
  without?: readonly string[];
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
    because:
      'what is executed by descriptor is named by its number there ("4"), and by its file since 6.14 and in 6.x stable',
  },
];

/** in: what an observer saw of a case; out: the same without what may differ between these two. */
export function comparable(account: readonly Process[], name: string, observers: readonly Observer[]): Process[] {
  const differing = DIFFERENCES.filter((row) => row.cases.includes(name) && observers.some(row.applies));
  const members = new Set(differing.map(({ member }) => member));
  const without = new Set(observers.flatMap((observer) => observer.without ?? []));
  const kept = (record: Process[number]) =>
    Object.fromEntries(Object.entries(record).filter(([member]) => !members.has(member)));
  return account.map((process) => process.filter(({ kind }) => !without.has(kind as string)).map(kept));
}

export function nameOf({ suite, by }: Observer): string {
  return `${suite}, ${by}`;
}
