// `forebear query`: search over NDJSON documents, line by line, in constant memory. In: query, files; out: the documents
// that match; for a person a line each and a count, with --json the very text that came in.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import { ForebearError } from '../errors.ts';
import { compileKql } from '../query/kql-compile.ts';
import type { CompiledQuery } from '../query/language.ts';
import type { Done, ExitStatus, Io, Register } from './command.ts';
import { DocumentInput, type InputDocument } from './document-input.ts';
import { documentLine } from './document-line.ts';
import { checkReadable } from './ndjson.ts';
import { escapeText, terminalWidth } from './terminal.ts';

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

Documents are JSON objects, one a line, ECS or not, with nested objects or dotted keys. Fields that ECS does not know
follow the JSON value: text, number, boolean. \`now\` in a query is the time at which the command started.
An array of objects is one object with arrays, as in Elasticsearch, but for a field that the query asks with braces,
\`field:{ a:1 and b:2 }\`: its objects stay apart.

A line that is no JSON object is reported on stderr with file and line, and left out.

Exit status: 0 a document matched; 1 none did; 2 the query is wrong, a file cannot be read, or no line is a document.`;

const PROGRESS_EVERY = 100_000;
const DROPPED = { depth: 'nested too deep', fields: 'beyond the number of fields that are kept' };

export const registerQuery: Register = (program: Command, io: Io, done: Done) => {
  program
    .command('query')
    .summary('search NDJSON documents with KQL')
    .description('Search over NDJSON documents with a query.')
    .addOption(new Option('--language <language>', 'query language').choices(['kql', 'eql']).makeOptionMandatory())
    .option('--event-category-field <field>', 'field of the event category (EQL)', fieldName, 'event.category')
    .option('--timestamp-field <field>', 'field of the time, read as a date', fieldName, '@timestamp')
    .option('--tiebreaker-field <field>', 'field that orders events of the same time (EQL)', fieldName)
    .option('--json', 'print each matching document as it came')
    .argument('<query>', 'the query')
    .argument('<file...>', 'NDJSON files; - is standard input')
    .addHelpText('after', HELP)
    .action(async (query: string, files: string[], options: QueryOptions) => {
      done(await runQuery(query, files, options, io));
    });
};

function fieldName(text: string): string {
  if (text === '') throw new InvalidArgumentError('a field name is not empty.');
  return text;
}

/** Searches the files in order. Errors: FB_QUERY_*, FB_COMMAND_INPUT, errors of the file system. */
export async function runQuery(
  text: string,
  files: readonly string[],
  options: QueryOptions,
  io: Io,
): Promise<ExitStatus> {
  if (options.language === 'eql') {
    throw new ForebearError('FB_QUERY_LANGUAGE', 'EQL is not in this version', { hint: 'use --language kql' });
  }
  await checkReadable(files);
  const search = new Search(text, options, io);
  for (const file of files) {
    for await (const documents of search.input.read(file)) {
      for (const document of documents) search.take(document);
      search.flush();
      await io.drained?.();
    }
    if (io.signal.aborted) break;
  }
  return search.finish();
}

class Search {
  readonly #options: QueryOptions;
  readonly #io: Io;
  readonly #width: number | undefined;
  readonly #table = new FieldTable();
  readonly #query: CompiledQuery;
  readonly #dropped = new Map<string, number>();
  readonly input: DocumentInput;
  #documents = 0;
  #matched = 0;
  #output: string[] = [];

  constructor(text: string, options: QueryOptions, io: Io) {
    this.#options = options;
    this.#io = io;
    this.input = new DocumentInput(io, true);
    this.#width = terminalWidth(io);
    this.#table.add(options.timestampField, 'date');
    const startMs = systemClock.wallMs();
    this.#query = compileKql(text, this.#table, { now: () => startMs, unknown: 'dynamic' });
  }

  take({ document, text }: InputDocument): void {
    this.#documents++;
    if (this.#documents % PROGRESS_EVERY === 0) this.#progress();
    if (!this.#query.matches(this.#flatten(document).slots)) return;
    this.#matched++;
    const { json, timestampField } = this.#options;
    this.#output.push(json ? text : documentLine(document, text, timestampField, this.#width));
  }

  /** Hands what matched so far to stdout. */
  flush(): void {
    if (this.#output.length === 0) return;
    this.#io.out(`${this.#output.join('\n')}\n`);
    this.#output = [];
  }

  finish(): ExitStatus {
    this.flush();
    if (this.#io.errIsTerminal && this.#documents >= PROGRESS_EVERY) this.#io.err('\r\x1b[K');
    this.input.assertSome();
    this.#summarize();
    return this.#matched > 0 ? 0 : 1;
  }

  /** Fields that the query cannot read are not even given a slot. */
  #flatten(document: Record<string, unknown>): EcsEvent {
    const { event, dropped } = flattenDocument(document, this.#table, { unknown: this.#query.open ? 'add' : 'skip' });
    for (const { field, reason } of dropped) {
      const name = reason === 'type' ? field : DROPPED[reason];
      const what = this.#dropped.size < 1000 || this.#dropped.has(name) ? name : 'other fields';
      this.#dropped.set(what, (this.#dropped.get(what) ?? 0) + 1);
    }
    return event;
  }

  #progress(): void {
    if (this.#io.errIsTerminal) this.#io.err(`\r\x1b[K${this.#documents} documents, ${this.#matched} matched`);
  }

  #summarize(): void {
    const lines: string[] = [];
    if (!this.#options.json) lines.push(`${this.#matched} of ${this.#documents} documents matched`);
    const { faults } = this.input;
    if (faults > 0) lines.push(`${faults} ${faults === 1 ? 'line' : 'lines'} could not be read`);
    const values = [...this.#dropped].sort((a, b) => b[1] - a[1]);
    if (values.length > 0) {
      const named = values.slice(0, 5).map(([what, count]) => `${escapeText(what)} (${count})`);
      const more = values.length > 5 ? ', ...' : '';
      lines.push(`values left out because they do not fit their field: ${named.join(', ')}${more}`);
    }
    if (lines.length > 0) this.#io.err(`${lines.join('\n')}\n`);
  }
}
