// `forebear query --language kql`: document by document, in constant memory. Called by query.ts.

import { systemClock } from '../clock.ts';
import { FieldTable } from '../ecs/fields.ts';
import { compileKql } from '../query/kql-compile.ts';
import type { ExitStatus, Io } from './command.ts';
import type { QueryOptions } from './query.ts';
import { variablesOf } from './query-input.ts';
import { printMatching } from './query-stream.ts';

/** Prints what matches as it comes. Errors: FB_QUERY_*, FB_RECORD_*, of the file system. */
export async function queryKql(
  text: string,
  files: readonly string[],
  options: QueryOptions,
  io: Io,
): Promise<ExitStatus> {
  const table = new FieldTable();
  table.add(options.timestampField, 'date');
  const startMs = systemClock.wallMs();
  const query = compileKql(text, table, { now: () => startMs, unknown: 'dynamic' });
  const source = { table, open: query.open === true, envNames: variablesOf({ compiled: query }) };
  return printMatching(query, source, files, options, io);
}
