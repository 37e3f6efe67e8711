// `forebear exceptions check | list | test` (suggest: exceptions-suggest.ts): of each exception item whether it applies here, the configured ones, and what
// each would have hidden among recorded documents. Reads files only; neither the agent nor root is needed.

import {
  type ActiveItem,
  type ExceptionVerdict,
  findException,
  judgeItems,
} from '../detect/exceptions/exception-set.ts';
import { loadExceptions } from '../detect/exceptions/load-exceptions-io.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { DocumentInput } from './document-input.ts';
import { registerSuggest } from './exceptions-suggest.ts';
import { exceptionJson, formatExceptions } from './exceptions-text.ts';
import { type ConfigOptions, EXCEPTIONS_FOLDER, loadConfig, withConfigOptions } from './load-config.ts';
import { checkReadable } from './ndjson.ts';
import {
  assertListsReadable,
  type SourceOptions,
  sourcesOf,
  withExceptionOptions,
  withRuleOption,
} from './rule-sources.ts';
import { escapeJson, escapeText, painter, wantsColor } from './terminal.ts';

const HELP = `
Examples:
  forebear exceptions check ${EXCEPTIONS_FOLDER}
  forebear exceptions list
  forebear exceptions suggest 17`;

const CHECK_HELP = `
FILE is an exception list in Kibana's export form (NDJSON), a folder of them, or - for standard input. Each item applies, is
expired, or is refused with a code and a reason; a refused item hides nothing. Items of value lists are refused, as the
values live in Elasticsearch. For which rules an item is: those whose exceptions_list names its list, and those that a tag
of the list or the item names: forebear:rule:RULE_ID or forebear:every-rule. With --json: one object a line.

Exit status: 0 no item is refused, 1 one is or there is none, 2 usage error, or a FILE cannot be read.

Examples:
  forebear exceptions check ${EXCEPTIONS_FOLDER}
  forebear exceptions check --json export.ndjson | jq -r 'select(.status == "refused") | .reason'`;

const LIST_HELP = `
Exit status: 0 listed, 1 there is no item, 2 usage, configuration or run-time error.

Example:
  forebear exceptions list --json | jq -r .item_id`;

const TEST_HELP = `
Of each item: how many of the documents that one of its rules matches it would have hidden. An item that another one
precedes is counted all the same.

Exit status: 0 something would have been hidden, 1 nothing, 2 usage error, or a file cannot be read.

Example:
  forebear exceptions test my-list.ndjson --events events.ndjson`;

interface JsonOption {
  json?: boolean;
}
interface ListOptions extends ConfigOptions, SourceOptions, JsonOption {}
interface TestOptions extends ConfigOptions, JsonOption {
  rules?: string[];
  events: string[];
}

export const registerExceptions: Register = (program, io, done) => {
  const exceptions = program.command('exceptions').description('Checks, lists and tries exceptions to rules.');
  exceptions.addHelpText('after', HELP);
  exceptions
    .command('check')
    .description('Says of each exception item whether it applies on this host, and why not.')
    .argument('<file...>', 'exception lists, folders of them, or -')
    .option('--json', 'print one JSON object for each item')
    .addHelpText('after', CHECK_HELP)
    .action(async (files: string[], options: JsonOption) => done(await check(files, options, io)));
  withConfigOptions(withExceptionOptions(exceptions.command('list')))
    .description('Lists the items that are configured.')
    .option('--json', 'print one JSON object for each item')
    .addHelpText('after', LIST_HELP)
    .action(async (options: ListOptions) => done(await list(options, io)));
  const test = exceptions.command('test').description('Says what each item would have hidden in documents.');
  test.argument('<file...>', 'exception lists, or folders of them');
  test.requiredOption('--events <file...>', 'NDJSON documents, one event a line');
  withConfigOptions(withRuleOption(test))
    .option('--json', 'print one JSON object for each item')
    .addHelpText('after', TEST_HELP)
    .action(async (files: string[], options: TestOptions) => done(await tryOut(files, options, io)));
  registerSuggest(exceptions, io, done);
};

/** out: 0 when no item is refused. Throws FB_EXCEPTION_FILE when one of the paths could not be read. */
export async function check(files: readonly string[], options: JsonOption, io: Io): Promise<ExitStatus> {
  const reader = await loadExceptions(files, { stdin: () => io.stdin() });
  reader.finish();
  const verdicts = [...judgeItems(reader, { fields: new FieldTable(), abilities: LINUX_HOST })];
  print(verdicts, options, io);
  assertListsReadable(files, verdicts);
  return verdicts.length > 0 && verdicts.every(({ error }) => error === undefined) ? 0 : 1;
}

/** out: 0 when there is an item. Throws FB_EXCEPTION_DISABLE. */
export async function list(options: ListOptions, io: Io): Promise<ExitStatus> {
  const sources = sourcesOf(options, loadConfig(options));
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  const { exceptions } = await loadRuleSet(sources, context);
  print(exceptions.verdicts, options, io);
  return exceptions.verdicts.some(({ item_id }) => item_id !== undefined) ? 0 : 1;
}

interface Tried {
  readonly item: ActiveItem;
  /** Documents that a rule of the item matched, and of those the ones that the item fits. */
  matched: number;
  hidden: number;
}

/** out: 0 when an item would have hidden something. Throws FB_EXCEPTION_FILE, errors of the file system. */
export async function tryOut(files: readonly string[], options: TestOptions, io: Io): Promise<ExitStatus> {
  await checkReadable(options.events);
  const fields = new FieldTable();
  const sources = { rules: options.rules ?? loadConfig(options).rules.paths, exceptions: files, disabled: [] };
  const { rules, exceptions } = await loadRuleSet(sources, { fields, languages: LANGUAGES });
  assertListsReadable(files, exceptions.verdicts);
  const bound = rules.map((rule) => ({ rule, items: exceptions.boundTo(rule) }));
  const tried = new Map<ActiveItem, Tried>();
  for (const { item } of exceptions.verdicts) if (item !== undefined) tried.set(item, { item, matched: 0, hidden: 0 });
  const input = new DocumentInput(io);
  for (const file of options.events) {
    for await (const documents of input.read(file)) {
      for (const { document } of documents) {
        const { event } = flattenDocument(document, fields, { unknown: 'skip' });
        const matching = bound.filter(({ rule, items }) => items.length > 0 && rule.compiled.matches(event.slots));
        for (const item of new Set(matching.flatMap(({ items }) => items))) {
          const entry = tried.get(item)!;
          entry.matched++;
          if (findException([item], event) !== undefined) entry.hidden++;
        }
      }
    }
  }
  printTried([...tried.values()], options, io);
  return [...tried.values()].some(({ hidden }) => hidden > 0) ? 0 : 1;
}

function print(verdicts: readonly ExceptionVerdict[], { json }: JsonOption, io: Io): void {
  const nowMs = Date.now();
  if (json === true) for (const verdict of verdicts) printJson(exceptionJson(verdict, nowMs), io);
  else io.out(`${formatExceptions(verdicts, nowMs, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
}

function printTried(tried: readonly Tried[], { json }: JsonOption, io: Io): void {
  for (const { item, matched, hidden } of tried) {
    const { item_id, name } = item;
    if (json === true) printJson({ item_id, name, matched, hidden }, io);
    else io.out(`${String(hidden).padStart(6)} of ${matched}  ${escapeText(`${item_id}  ${name}`)}\n`);
  }
}

function printJson(object: Record<string, unknown>, io: Io): void {
  io.out(`${escapeJson(JSON.stringify(object))}\n`);
}
