// The part of `forebear query` that needs no memory: each document that matches is printed as it comes. Called by query-kql.ts, and by
// query-eql.ts where neither order nor pipes nor a sequence ask for more.

import type { CompiledQuery } from '../query/language.ts';
import type { ExitStatus, Io } from './command.ts';
import { documentLine } from './document-line.ts';
import type { QueryOptions } from './query.ts';
import { QueryInput, type QueryInputOptions } from './query-input.ts';
import { terminalWidth } from './terminal.ts';

/** in: a query, what is read of the files. Errors: FB_QUERY_INPUT, FB_RECORD_*, of the file system. */
export async function printMatching(
  { matches }: Pick<CompiledQuery, 'matches'>,
  source: Omit<QueryInputOptions, 'matched'>,
  files: readonly string[],
  { json, timestampField }: QueryOptions,
  io: Io,
): Promise<ExitStatus> {
  const width = terminalWidth(io);
  let matched = 0;
  let output: string[] = [];
  const input = new QueryInput(io, { ...source, matched: () => matched });
  const flush = () => {
    if (output.length > 0) io.out(`${output.join('\n')}\n`);
    output = [];
  };
  await input.read(
    files,
    (item) => {
      if (!matches(item.event.slots)) return;
      matched++;
      output.push(json ? item.text : documentLine(item.document, item.text, timestampField, width));
    },
    flush,
  );
  const lines = json ? [] : [`${matched} of ${input.count} documents matched`];
  for (const line of [...lines, ...input.losses()]) io.err(`${line}\n`);
  return matched > 0 ? 0 : 1;
}
