// Who did what the agent found out about itself, in the fields of an alert and in words. In: an exec that the sensor saw (witness.ts),
// else a process of /proc with its ancestors (processes-io.ts). Pure; used by protection.ts.

import type { LineageEntry } from '../ecs/event.ts';
import type { Finding } from './own-alert.ts';
import type { SeenProcess } from './processes-io.ts';

/** Of a command line, in a sentence; the alert has it whole. */
const WORDS = 200;

type Subject = Pick<Finding, 'witness' | 'values' | 'lineage'>;

/** Whose doing it is: an exec that the sensor saw, else a process of /proc. */
export function subjectOf(witness: Finding['witness'], ancestry: readonly SeenProcess[]): Subject {
  if (witness !== undefined) return { witness };
  const [self, parent] = [ancestry.at(-1), ancestry.at(-2)];
  if (self === undefined) return {};
  return {
    values: { ...valuesOf('process', self), ...(parent && valuesOf('process.parent', parent)), 'user.id': uidOf(self) },
    lineage: ancestry.map(lineageEntry),
  };
}

function valuesOf(prefix: 'process' | 'process.parent', { pid, name, executable, args }: SeenProcess) {
  return {
    [`${prefix}.pid`]: pid,
    [`${prefix}.name`]: executable === undefined ? name : executable.slice(executable.lastIndexOf('/') + 1),
    [`${prefix}.executable`]: executable,
    [`${prefix}.args`]: args.length === 0 ? undefined : args,
    [`${prefix}.command_line`]: args.length === 0 ? undefined : args.join(' '),
  };
}

function lineageEntry(process: SeenProcess): LineageEntry {
  const { pid, name, executable, args } = process;
  const user_id = uidOf(process);
  return {
    pid,
    name,
    ...(executable !== undefined && { executable }),
    ...(args.length > 0 && { command_line: args.join(' ') }),
    ...(user_id !== undefined && { user_id }),
    source: 'procfs',
  };
}

function uidOf({ uid }: SeenProcess): string | undefined {
  return uid === undefined ? undefined : String(uid);
}

/** "systemctl stop forebear, pid 71 of root"; "" when nobody is known. */
export function wordsOf(witness: Finding['witness'], ancestry: readonly SeenProcess[]): string {
  if (witness !== undefined) {
    const text = (name: string) => String(witness.get(name) ?? '');
    return `${text('process.command_line').slice(0, WORDS)}, pid ${text('process.pid')} of ${text('user.name') || `uid ${text('user.id')}`}`;
  }
  const self = ancestry.at(-1);
  if (self === undefined) return '';
  return `${self.args.join(' ').slice(0, WORDS) || self.name}, pid ${self.pid} of uid ${self.uid ?? '?'}`;
}
