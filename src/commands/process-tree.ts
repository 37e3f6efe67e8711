// The ancestors of an alert's process as a tree for a person: one process a line, the alert's own last.

import { textAt } from './document.ts';
import { type Ancestor, labelOf, lineageOf } from './lineage.ts';
import { cut, escapeText, type Paint } from './terminal.ts';

/** in: the alert's document, columns of the terminal; out: lines, coloured. Never throws. */
export function processTree(document: unknown, paint: Paint, width: number | undefined): string[] {
  const leader = textAt(document, 'process.entry_leader.pid');
  const entry = textAt(document, 'process.entry_leader.entry_meta.type');
  const lineage = lineageOf(document);
  return lineage.map((process, depth) => {
    const branch = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `;
    const name = escapeText(nameOf(process));
    const isLeader = leader !== undefined && process.pid === leader;
    const facts = factsOf(process, isLeader ? `entry leader${entry === undefined ? '' : `, ${entry}`}` : undefined);
    const room = width === undefined ? Number.POSITIVE_INFINITY : width - branch.length - name.length - 2;
    const rest = room === Number.POSITIVE_INFINITY ? facts : cut(facts, Math.max(room, 0));
    const own = depth === lineage.length - 1;
    return `${paint('dim', branch)}${paint(own ? ['bold', 'yellow'] : 'bold', name)}  ${paint('dim', rest)}`.trimEnd();
  });
}

/** Name and pid; `?` where the ancestor is unknown. */
function nameOf(process: Ancestor): string {
  return process.pid === undefined ? labelOf(process) : `${labelOf(process)} (${process.pid})`;
}

/** What was run, by whom, and where it is known from when not from the kernel. */
function factsOf(process: Ancestor, leader: string | undefined): string {
  const source = process.source === undefined || process.source === 'kernel' ? undefined : `from ${process.source}`;
  const user = process.userId === undefined ? undefined : `uid ${process.userId}`;
  const remarks = [user, leader, source].filter((remark) => remark !== undefined).join('; ');
  return escapeText(
    [process.commandLine, remarks === '' ? undefined : `[${remarks}]`].filter((text) => text !== undefined).join('  '),
  );
}
