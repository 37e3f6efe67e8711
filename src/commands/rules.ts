// `forebear rules check | list | show`: which rules run on this host and which do not and why, the loaded set, one rule
// for a person. Reads rule files only; neither the agent nor root is needed. `rules cost`: rules-cost.ts, `rules test`: rules-test.ts.

import { join } from 'node:path';
import type { Command } from 'commander';
import { defaultConfig } from '../config.ts';
import type { RuleContext } from '../detect/compile-rule.ts';
import type { ExceptionVerdict } from '../detect/exceptions/exception-set.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Rule } from '../detect/rule.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { formatError } from './error-output.ts';
import { languageOf } from './guide.ts';
import { type ConfigOptions, loadConfig, PLACES, RULES_FOLDER, withConfigOptions } from './load-config.ts';
import {
  assertListsReadable,
  assertReadable,
  placeOf,
  type SourceOptions,
  sourcesOf,
  withExceptionOptions,
  withSourceOptions,
} from './rule-sources.ts';
import { registerCost } from './rules-cost.ts';
import { ruleJson, verdictJson } from './rules-json.ts';
import { registerTest } from './rules-test.ts';
import { formatCheck, formatList, type Look } from './rules-text.ts';
import { formatRule } from './show-rule.ts';
import { escapeJson, escapeText, painter, terminalWidth, wantsColor } from './terminal.ts';

const HELP = `
Examples:
  forebear rules check ${RULES_FOLDER}
  forebear rules list
  forebear rules show b605f262
  forebear rules cost
  forebear rules test ./my-rules`;

const CHECK_HELP = `
PATH is a rule file, a folder searched to the bottom for them, or - for standard input. Forms, told by their content: Elastic's
detection rules (TOML), Elastic Defend's behaviour rules (TOML), rules exported from Kibana (NDJSON, with their exception lists, or JSON).
Each rule either runs on this host or is refused with a code and a reason: a language, a rule type, a sensor or a field that
this version or this host does not have, an exception list that is not loaded, or a fault in the rule, with its place.
What can run and is exported as disabled is said to be so; the agent does not run it (unless rules.disabled = "run").
With --json: one object a line; refused exception items on stderr.

Exit status: 0 all rules run, 1 a rule or an exception item of PATH or --exceptions is refused, or there is no rule, 2 usage error, or
a PATH or exception list cannot be read.

Examples:
  forebear rules check ${RULES_FOLDER}
  forebear rules check --json ${RULES_FOLDER} | jq -r 'select(.status == "refused") | [.code, .file] | @tsv'`;

const LIST_HELP = `
Exit status: 0 listed, 1 no rule runs, 2 usage, configuration or run-time error.

Examples:
  forebear rules list
  forebear rules list --rules ${RULES_FOLDER} --json | jq -r .name`;

const SHOW_HELP = `
RULE is a rule's id, a beginning of it that fits only one, or its name. Shown are what the rule means and looks for, its
ATT&CK mapping, the investigation guide with its osquery steps, known false positives and related rules.

Exit status: 0 shown, 1 there is no such rule, 2 usage, configuration or run-time error.

Examples:
  forebear rules show b605f262
  forebear rules show b605f262 --lang zh`;

interface CheckOptions extends Pick<SourceOptions, 'exceptions'> {
  json?: boolean;
}

interface SetOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
  lang?: string;
}

export const registerRules: Register = (program, io, done) => {
  const rules = program.command('rules').description('Checks, lists and shows detection rules; what they cost.');
  rules.addHelpText('after', HELP);
  withExceptionOptions(rules.command('check'))
    .description('Says of each rule whether it runs on this host, and why not.')
    .argument('<path...>', 'rule files, folders of them, or -')
    .option('--json', 'print one JSON object for each rule')
    .addHelpText('after', CHECK_HELP)
    .action(async (paths: string[], options: CheckOptions) => done(await check(paths, options, io)));
  withSetOptions(rules.command('list').description('Lists the rules that run.'))
    .addHelpText('after', LIST_HELP)
    .action(async (options: SetOptions) => done(list(await loadedSet(options, io), options, io)));
  withSetOptions(rules.command('show').description('Shows one rule: what it means, its guide, its query.'))
    .argument('<rule>', 'id, unique beginning of it, or name')
    .option('--lang <tag>', 'language of the guide: en, zh, ... (default: that of the locale)')
    .addHelpText('after', SHOW_HELP)
    .action(async (wanted: string, options: SetOptions) =>
      done(show(await loadedSet(options, io), wanted, options, io)),
    );
  registerCost(rules, io, done);
  registerTest(rules, io, done);
};

function withSetOptions(command: Command): Command {
  return withConfigOptions(withSourceOptions(command).option('--json', 'print JSON'));
}

/** out: 0 when every rule runs and no exception item of these paths is refused, else 1. Throws FB_RULE_FILE when one of the paths could not be read. */
export async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<ExitStatus> {
  const sources = sourcesOf({ ...options, rules: [...paths] }, defaultConfig(PLACES));
  const set = await loadRuleSet(sources, hostContext(), { stdin: () => io.stdin() });
  const { verdicts } = set;
  const items = named(set, [...paths, ...(options.exceptions || [])]);
  if (options.json === true) printJson(verdicts.map(verdictJson), io);
  else io.out(`${formatCheck(set, items, lookOf(io))}\n`);
  assertReadable(paths, verdicts);
  assertListsReadable(options.exceptions, set.exceptions?.verdicts);
  if (options.json === true) sayRefused(items, io);
  return verdicts.length > 0 && [...verdicts, ...items].every(({ error }) => error === undefined) ? 0 : 1;
}

/** Objects on stdout are rules. */
function sayRefused(items: readonly ExceptionVerdict[], io: Io): void {
  for (const item of items) {
    if (item.error === undefined) continue;
    const { code, message } = item.error;
    io.err(formatError(new ForebearError(code, `${placeOf(item)}: ${message}`), true));
  }
}

/** The exceptions of these paths, not those of the configuration. */
function named({ exceptions }: RuleSet, paths: readonly string[]): ExceptionVerdict[] {
  const isBelow = (file: string) => paths.some((path) => file === path || file.startsWith(join(path, '/')));
  return exceptions?.verdicts.filter(({ file }) => isBelow(file)) ?? [];
}

/** out: 0 when there is a rule to list. */
export function list(set: RuleSet, options: SetOptions, io: Io): ExitStatus {
  if (options.json === true) printJson(judgedRules(set).map(ruleJson), io);
  else io.out(`${formatList(set, lookOf(io))}\n`);
  return set.rules.length > 0 ? 0 : 1;
}

/** out: 0 shown, 1 not found. Throws FB_COMMAND_AMBIGUOUS. */
export function show(set: RuleSet, wanted: string, options: SetOptions, io: Io): ExitStatus {
  const rules = judgedRules(set);
  const rule = findRule(rules, wanted);
  if (rule === undefined) {
    const message = `no rule ${JSON.stringify(wanted)} among the ${rules.length} that can run`;
    const hint = refusedHint(set, wanted);
    io.err(formatError(new ForebearError('FB_COMMAND_NOT_FOUND', message, hint), options.json === true));
    return 1;
  }
  const language = options.lang?.toLowerCase() ?? languageOf(io.env);
  if (options.json === true) printJson([ruleJson(rule)], io);
  else io.out(`${formatRule(rule, set.exceptions?.boundTo(rule) ?? [], language, lookOf(io))}\n`);
  return 0;
}

/** Those that run, and those that could but are disabled. */
function judgedRules({ verdicts }: RuleSet): Rule[] {
  return verdicts.flatMap(({ rule }) => rule ?? []);
}

/** Of a rule that is there, and refused. */
function refusedHint({ verdicts }: RuleSet, wanted: string): { hint?: string } {
  const refused = verdicts.find(({ rule_id, name, error }) => error !== undefined && [rule_id, name].includes(wanted));
  const [line] = refused?.error?.message.split('\n', 1) ?? [];
  return refused === undefined ? {} : { hint: `it is refused: ${refused.error!.code}: ${line}` };
}

/** By the whole id, else the name, else the beginning of an id. Throws FB_COMMAND_AMBIGUOUS. */
export function findRule(rules: readonly Rule[], wanted: string): Rule | undefined {
  const tests: ((rule: Rule) => boolean)[] = [
    ({ rule_id }) => rule_id === wanted,
    ({ name }) => name.toLowerCase() === wanted.toLowerCase(),
    ({ rule_id }) => wanted !== '' && rule_id.startsWith(wanted),
  ];
  const found = tests.map((test) => rules.filter(test)).find(({ length }) => length > 0) ?? [];
  if (found.length <= 1) return found[0];
  const lines = found.slice(0, 10).map(({ rule_id, name }) => `  ${escapeText(rule_id)}  ${escapeText(name)}`);
  const message = [`${found.length} rules are ${JSON.stringify(wanted)} or begin so:`, ...lines].join('\n');
  throw new ForebearError('FB_COMMAND_AMBIGUOUS', message, { hint: 'give more of the id' });
}

function hostContext(): RuleContext {
  return { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
}

async function loadedSet(options: SetOptions, io: Io): Promise<RuleSet> {
  const sources = sourcesOf(options, loadConfig(options));
  const set = await loadRuleSet(sources, hostContext(), { stdin: () => io.stdin() });
  assertReadable(sources.rules, set.verdicts);
  assertListsReadable(options.exceptions, set.exceptions?.verdicts);
  return set;
}

function printJson(objects: readonly Record<string, unknown>[], io: Io): void {
  for (const object of objects) io.out(`${escapeJson(JSON.stringify(object))}\n`);
}

function lookOf(io: Io): Look {
  return { paint: painter(wantsColor(io.env, io.outIsTerminal)), width: terminalWidth(io) };
}
