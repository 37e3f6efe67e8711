// `forebear query`: search over NDJSON documents and recordings, with KQL (query-kql.ts) or EQL (query-eql.ts). In: query, files;
// out: the documents that match; for a person a line each and a count, with --json the very text that came in.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Done, ExitStatus, Io, Register } from './command.ts';
import { checkReadable } from './ndjson.ts';
import { queryEql } from './query-eql.ts';
import { queryKql } from './query-kql.ts';

export interface QueryOptions {
  language: 'kql' | 'eql';
  timestampField: string;
  eventCategoryField: string;
  tiebreakerField?: string;
  json?: boolean;
}

const HELP = `
Examples:
  echo '{"process":{"args":["systemctl","enable","x"]}}' | forebear query --language kql 'process.args:(enable or start)' -
  forebear query --language kql 'process.name:systemctl and not user.name:root' events.ndjson
  zcat old.ndjson.gz | forebear query --language kql --json 'not user.id:0' -
  forebear query --language eql 'process where process.name : "ssh*" and process.args_count > 2 | head 5' events.ndjson
  forebear query --language eql --json \\
    'sequence by user.id with maxspan=1m [process where process.name == "sudo"] [process where true]' run.fbrec

FILE is NDJSON, or a recording (forebear record). Documents are JSON objects, one a line, ECS or not, with
nested objects or dotted keys. Fields that ECS does not know follow the JSON value: text, number, boolean. \`now\` in a query
is the time at which the command started.
KQL: an array of objects is one object with arrays, as in Elasticsearch, but for a field that the query asks with braces,
\`field:{ a:1 and b:2 }\`: its objects stay apart.
EQL: documents are ordered by time (to the nanosecond), tiebreaker and place in the files; recordings alone are in the
order of the kernel. All results are given, not only the last 10 as by Elasticsearch: end the query with \`| head 10\` or
\`| tail 10\`. A sequence is an array of its documents, in order; samples are one for each key. What matches a part of
the query is kept in memory until the end; 100,000 sequences or samples may be in progress. Events of recordings have no
hashes.

A line that is no JSON object is reported on stderr with file and line, and left out.

Exit status: 0 something matched; 1 nothing did; 2 the query is wrong, a file cannot be read, or no line is a document.`;

export const registerQuery: Register = (program: Command, io: Io, done: Done) => {
  program
    .command('query')
    .summary('search NDJSON documents and recordings with KQL or EQL')
    .description('Searches NDJSON documents and recordings with a query.')
    .addOption(new Option('--language <language>', 'query language').choices(['kql', 'eql']).makeOptionMandatory())
    .option('--event-category-field <field>', 'field of the event category (EQL)', fieldName, 'event.category')
    .option('--timestamp-field <field>', 'field of the time, read as a date', fieldName, '@timestamp')
    .option('--tiebreaker-field <field>', 'field that orders events of the same time (EQL)', fieldName)
    .option('--json', 'print each matching document as it came; a sequence or sample as one array')
    .argument('<query>', 'the query')
    .argument('<file...>', 'NDJSON files or recordings; - is standard input')
    .addHelpText('after', HELP)
    .action(async (query: string, files: string[], options: QueryOptions) => {
      done(await runQuery(query, files, options, io));
    });
};

function fieldName(text: string): string {
  if (text === '') throw new InvalidArgumentError('a field name is not empty.');
  return text;
}

/** Searches the files in order. Errors: FB_QUERY_*, FB_RECORD_*, FB_COMMAND_INPUT, errors of the file system. */
async function runQuery(text: string, files: readonly string[], options: QueryOptions, io: Io): Promise<ExitStatus> {
  await checkReadable(files);
  return options.language === 'kql' ? queryKql(text, files, options, io) : queryEql(text, files, options, io);
}
