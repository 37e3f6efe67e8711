// `forebear query --language kql`: document by document, in constant memory. Called by query.ts.

import { systemClock } from '../clock.ts';
import { FieldTable } from '../ecs/fields.ts';
import { compileKql } from '../query/kql-compile.ts';
import type { ExitStatus, Io } from './command.ts';
import { documentLine } from './document-line.ts';
import type { QueryOptions } from './query.ts';
import { QueryInput, variablesOf } from './query-input.ts';
import { terminalWidth } from './terminal.ts';

/** Prints what matches as it comes. Errors: FB_QUERY_*, FB_RECORD_*, of the file system. */
export async function queryKql(
  text: string,
  files: readonly string[],
  { json, timestampField }: QueryOptions,
  io: Io,
): Promise<ExitStatus> {
  const table = new FieldTable();
  table.add(timestampField, 'date');
  const startMs = systemClock.wallMs();
  const query = compileKql(text, table, { now: () => startMs, unknown: 'dynamic' });
  const width = terminalWidth(io);
  let matched = 0;
  let output: string[] = [];
  const input = new QueryInput(io, {
    table,
    open: query.open === true,
    envNames: variablesOf({ compiled: query }),
    matched: () => matched,
  });
  const flush = () => {
    if (output.length > 0) io.out(`${output.join('\n')}\n`);
    output = [];
  };
  await input.read(
    files,
    (item) => {
      if (!query.matches(item.event.slots)) return;
      matched++;
      output.push(json ? item.text : documentLine(item.document, item.text, timestampField, width));
    },
    flush,
  );
  const lines = json ? [] : [`${matched} of ${input.count} documents matched`];
  for (const line of [...lines, ...input.losses()]) io.err(`${line}\n`);
  return matched > 0 ? 0 : 1;
}
