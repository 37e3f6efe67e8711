// What the last run wanted of the kernel, in <state>/load-plan.json: the next start has it loaded while it reads its rules, and loads again
// only if these want something else (load.ts compares). A guess: that it is missing, old or damaged costs a tenth of a second.
// Called by commands/agent.ts and agent-run.ts.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileFilter } from './file-filter.ts';
import { FILE_OP } from './layout.ts';
import type { LoadOptions } from './load.ts';
import { WANTED_KINDS, type WantedKind } from './sensor.ts';

const NAME = 'load-plan.json';

export type LoadPlan = Required<Pick<LoadOptions, 'wanted'>> & Pick<LoadOptions, 'files'>;

/** in: the state directory, whose files the plan leaves out; out: nothing where there is none that can be used. */
export function readLoadPlan(directory: string, ownPid: number): LoadPlan | undefined {
  try {
    return planIn(JSON.parse(readFileSync(join(directory, NAME), 'utf8')), ownPid);
  } catch {
    return undefined;
  }
}

/** Nothing is written where it is there already. Throws the system's error. */
export function writeLoadPlan(directory: string, { wanted, files }: LoadPlan): void {
  const path = join(directory, NAME);
  const { ownPid: _, ...kept } = files ?? { ownPid: 0 };
  const text = `${JSON.stringify({ wanted, files: files && kept }, (_, value) => (value instanceof Set ? [...value] : value))}\n`;
  if (textOf(path) === text) return;
  writeFileSync(`${path}.new`, text, { mode: 0o640 });
  renameSync(`${path}.new`, path);
}

function planIn(read: { wanted: unknown; files?: Record<string, unknown> }, ownPid: number): LoadPlan | undefined {
  const wanted = WANTED_KINDS.filter((kind) => strings(read.wanted).includes(kind));
  return { wanted: new Set<WantedKind>(wanted), ...(read.files && { files: filterIn(read.files, ownPid) }) };
}

function filterIn(read: Record<string, unknown>, ownPid: number): FileFilter {
  const known = Object.keys(FILE_OP) as (keyof typeof FILE_OP)[];
  const asked = strings(read.operations);
  const operations = new Set(known.filter((operation) => asked.includes(operation)));
  const [paths, except, exceptNames] = [read.paths, read.except, read.exceptNames].map(strings) as [
    string[],
    string[],
    string[],
  ];
  return { operations, paths, except, exceptNames, ownPid };
}

/** Throws where it is no list of texts. */
function strings(value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new TypeError('no list of texts');
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
