// A document as one line for a person: time, action, host, user, parent > process, command line, as far as it has them;
// any other document as its JSON. Called by the query command.

import { textAt, textsAt } from './document.ts';
import { cut, escapeText } from './terminal.ts';

type Json = Readonly<Record<string, unknown>>;

/** in: document, its JSON text, its time field, columns at most (undefined: no limit); out: an escaped line without line end. */
export function documentLine(document: Json, json: string, timeField: string, width: number | undefined): string {
  const line = ecsLine(document, timeField) ?? json;
  const escaped = escapeText(width === undefined ? line : line.slice(0, width * 2));
  return width === undefined ? escaped : cut(escaped, width);
}

function ecsLine(document: Json, timeField: string): string | undefined {
  const program = textAt(document, 'process.name') ?? textAt(document, 'process.executable');
  const action = textAt(document, 'event.action') ?? textAt(document, 'event.category');
  if (program === undefined && action === undefined) return undefined;
  const parent = textAt(document, 'process.parent.name');
  const args = textsAt(document, 'process.args').join(' ');
  return [
    textAt(document, timeField),
    action,
    textAt(document, 'host.name'),
    textAt(document, 'user.name'),
    parent === undefined || program === undefined ? program : `${parent} > ${program}`,
    textAt(document, 'process.command_line') ?? (args === '' ? textAt(document, 'message') : args),
  ]
    .filter((part) => part !== undefined)
    .join('  ');
}
