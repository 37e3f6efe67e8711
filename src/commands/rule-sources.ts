// Where rules and exceptions come from, the same for every command that runs or shows rules: --rules, --exceptions and
// --no-exceptions, else the configuration.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { RuleVerdict } from '../detect/compile-rule.ts';
import type { ExceptionVerdict } from '../detect/exceptions/exception-set.ts';
import type { RuleSources } from '../detect/load-rule-set-io.ts';
import { ForebearError } from '../errors.ts';

export interface SourceOptions {
  rules?: string[];
  /** false: --no-exceptions. */
  exceptions?: string[] | false;
}

/** Of an option that may be repeated. */
export const collect = (path: string, before: unknown) => [...(Array.isArray(before) ? before : []), path];

/** Adds --exceptions and --no-exceptions. */
export function withExceptionOptions(command: Command): Command {
  return command
    .option('--exceptions <path>', 'exception list or folder of them, repeatable (default: as configured)', collect)
    .option('--no-exceptions', 'no exceptions at all');
}

/** Adds --rules. */
export function withRuleOption(command: Command): Command {
  return command.option('--rules <path>', 'rule file or folder, repeatable (default: as configured)', collect);
}

/** Adds --rules, --exceptions and --no-exceptions. */
export function withSourceOptions(command: Command): Command {
  return withExceptionOptions(withRuleOption(command));
}

/** in: options of the command line, configuration; out: what is to be loaded. */
export function sourcesOf({ rules, exceptions }: SourceOptions, config: Config): RuleSources {
  const paths = rules ?? config.rules.paths;
  const common = { rules: paths, runDisabled: config.rules.disabled === 'run' };
  if (exceptions === false) return { ...common, exceptions: [], disabled: [], withoutExceptions: true };
  return {
    ...common,
    exceptions: Array.isArray(exceptions) ? exceptions : config.exceptions.paths,
    disabled: config.exceptions.disable,
  };
}

/** Throws FB_RULE_FILE. A rule file that cannot be read below a folder costs that file; a path that was named is an error. */
export function assertReadable(paths: readonly string[], verdicts: readonly RuleVerdict[]): void {
  const faults = verdicts.filter(({ file, error }) => error?.code === 'FB_RULE_FILE' && paths.includes(file));
  if (faults.length === 0) return;
  const messages = new Set(faults.map(({ file, error }) => `${file}: ${error!.message}`));
  const message = [...messages].join('; ');
  throw new ForebearError('FB_RULE_FILE', message, {
    hint: 'name rule files, folders of them, or - for standard input',
  });
}

/** The same of exception lists: without one that was named a rule would alert where it was told not to. Throws FB_EXCEPTION_FILE. */
export function assertListsReadable(
  paths: readonly string[] | false | undefined,
  verdicts: readonly ExceptionVerdict[] = [],
): void {
  if (paths === false || paths === undefined) return;
  const fault = verdicts.find(({ file, error }) => error?.code === 'FB_EXCEPTION_FILE' && paths.includes(file));
  if (fault === undefined) return;
  const hint = 'name exception lists as Kibana exports them (NDJSON), or folders of them';
  throw new ForebearError('FB_EXCEPTION_FILE', `${fault.file}: ${fault.error!.message}`, { hint });
}

/** All files and folders that rules and exceptions come from, absolute. */
export function pathsOf({ rules, exceptions }: RuleSources): string[] {
  return [...rules, ...exceptions].filter((path) => path !== '-').map((path) => resolve(path));
}

/** The place and the name of an item that was refused: `mine.ndjson:3 item-1`. Not escaped. */
export function placeOf({ file, line, item_id, list_id }: ExceptionVerdict): string {
  const id = item_id ?? list_id;
  return `${file}${line === undefined ? '' : `:${line}`}${id === undefined ? '' : ` ${id}`}`;
}
