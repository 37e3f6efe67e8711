// `forebear learn status | export | import`: the history of new_terms rules, out of <state>/terms.db. status and export read
// beside a running agent; import (learn-import.ts) needs it stopped.

import { closeSync, openSync, writeFileSync } from 'node:fs';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { remainingMs } from '../detect/learning.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { Rule } from '../detect/rule.ts';
import { readHistories } from '../detect/term-history-io.ts';
import { isoTime, termLine } from '../detect/term-lines.ts';
import type { RuleTerms } from '../detect/term-store.ts';
import { FieldTable } from '../ecs/fields.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { importTerms } from './learn-import.ts';
import { formatLearn, type LearnReport } from './learn-text.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { STDIN } from './ndjson.ts';
import { type SourceOptions, sourcesOf, withSourceOptions } from './rule-sources.ts';
import { escapeJson, painter, wantsColor } from './terminal.ts';

const HELP = `
Examples:
  forebear learn status
  forebear learn export baseline.ndjson`;

const STATUS_HELP = `
Of each new_terms rule: how many terms are known, since when, and until when it only learns (detect.learn). Reads what the
agent has written, which may lack the last minute.

Exit status: 0 there is a history, 1 there is none, 2 usage, configuration or run-time error.

Example:
  forebear learn status --json | jq -r 'select(.learning == "learning") | .name'`;

const EXPORT_HELP = `
One term a line (NDJSON): rule_id, fields, values, last_seen, and since when the rule has been watching. A value that is not
UTF-8 is {"base64": its bytes}. Terms of more than 256 characters are kept as a SHA-256 only: they have sha256 in place of
values. FILE must not exist; without it, or with -, lines go to standard output.

Exit status: 0 exported, 1 there is nothing to export or a term could not be read, 2 usage or run-time error.

Examples:
  forebear learn export baseline.ndjson
  forebear learn export | jq -r .values[]`;

const IMPORT_HELP = `
Takes what "learn export" wrote, of this host or another: of each term the later sighting holds, so importing twice changes
nothing more. Lines that are none, that lie in the future, or whose fields are not those of the rule are named and left out.
The agent on this state must be stopped. Imported terms make no alert within the window of their rule; the rule's history
then counts from where the imported one began.

Exit status: 0 all lines taken, 1 some were not or there is none, 2 usage or run-time error, or no line is a term.

Example:
  forebear learn export - --state ./old-state | forebear learn import - --state ./new-state`;

interface JsonOption {
  json?: boolean;
}
interface StatusOptions extends ConfigOptions, SourceOptions, JsonOption {}
interface ExportOptions extends ConfigOptions {
  rule?: string;
}
interface ImportOptions extends ConfigOptions, SourceOptions, JsonOption {}

export const registerLearn: Register = (program, io, done) => {
  const learn = program.command('learn').description('Shows, exports and imports what new_terms rules know.');
  learn.addHelpText('after', HELP);
  withConfigOptions(withSourceOptions(learn.command('status')))
    .description('Says of each new_terms rule what it knows, and whether it learns still.')
    .option('--json', 'print one JSON object for each rule')
    .addHelpText('after', STATUS_HELP)
    .action(async (options: StatusOptions) => done(await status(options, io)));
  withConfigOptions(learn.command('export'))
    .description('Writes the terms that are known as NDJSON.')
    .argument('[file]', 'a new file, or - for standard output', STDIN)
    .option('--rule <id>', 'the terms of this rule alone')
    .addHelpText('after', EXPORT_HELP)
    .action(async (file: string, options: ExportOptions) => done(await exportTerms(file, options, io)));
  withConfigOptions(withSourceOptions(learn.command('import')))
    .description('Adds terms that were exported.')
    .argument('<file>', 'what "learn export" wrote, or -')
    .option('--json', 'print the counts as one JSON object')
    .addHelpText('after', IMPORT_HELP)
    .action(async (file: string, options: ImportOptions) => done(await importTerms(file, options, io)));
};

/** out: 0 when there is a history. Throws FB_TERMS_NEWER, FB_TERMS_OPEN, FB_TERMS_READ. */
export async function status(options: StatusOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  const { rules } = await loadRuleSet(sourcesOf(options, config), context);
  const waiting = new Map(rules.filter(({ newTerms }) => newTerms !== undefined).map((rule) => [rule.rule_id, rule]));
  const reports: LearnReport[] = [];
  for (const history of readHistories(config.state.directory)) {
    reports.push(reportOf(history, waiting.get(history.rule_id), Date.now()));
    waiting.delete(history.rule_id);
  }
  const known = reports.length > 0;
  for (const rule of waiting.values()) reports.push(withoutHistory(rule));
  if (options.json === true) for (const report of reports) io.out(`${escapeJson(JSON.stringify(report))}\n`);
  else io.out(formatLearn(reports, painter(wantsColor(io.env, io.outIsTerminal))));
  return known ? 0 : 1;
}

/** out: 0 when all was exported. Throws FB_TERMS_NEWER, FB_TERMS_OPEN, FB_TERMS_READ, errors of the file system. */
export async function exportTerms(file: string, options: ExportOptions, io: Io): Promise<ExitStatus> {
  const { directory } = loadConfig(options).state;
  const target = file === STDIN ? undefined : openSync(file, 'wx', 0o640);
  let lines = 0;
  let unreadable = 0;
  try {
    for (const history of readHistories(directory, options.rule)) {
      const { text, count, faults } = linesOf(history);
      if (target === undefined) io.out(text);
      else writeFileSync(target, text);
      lines += count;
      unreadable += faults;
      await io.drained?.();
      if (io.signal.aborted) break;
    }
  } finally {
    if (target !== undefined) closeSync(target);
  }
  if (unreadable > 0) io.err(`${unreadable} terms could not be read and are left out\n`);
  if (target !== undefined) io.err(`${lines} terms exported\n`);
  return lines > 0 && unreadable === 0 ? 0 : 1;
}

function linesOf(history: RuleTerms): { text: string; count: number; faults: number } {
  const lines = [...history.seen.keys()].map((key) => termLine(history, key));
  const good = lines.filter((line) => line !== undefined);
  const text = good.map((line) => `${escapeJson(JSON.stringify(line))}\n`).join('');
  return { text, count: good.length, faults: lines.length - good.length };
}

function reportOf(history: RuleTerms, rule: Rule | undefined, nowMs: number): LearnReport {
  const { rule_id, start, changed, learning, seen } = history;
  const until = learning === undefined || learning.ms === 0 ? undefined : learning.begin.wallMs + learning.ms;
  const left = learning === undefined ? 0 : remainingMs(learning, { bootId: '', bootNs: 0n, wallMs: nowMs });
  return {
    rule_id,
    name: rule?.name ?? null,
    fields: history.fields.split(' '),
    terms: seen.size,
    history_since: isoTime(start.wallMs),
    learning: until === undefined ? 'off' : left > 0 ? 'learning' : 'ended',
    learning_until: until === undefined ? null : isoTime(until),
    changed: changed === undefined ? null : isoTime(changed.wallMs),
  };
}

function withoutHistory({ rule_id, name, newTerms }: Rule): LearnReport {
  const nothing = { terms: 0, history_since: null, learning_until: null, changed: null };
  return { rule_id, name, fields: [...(newTerms?.fields ?? [])], learning: 'off', ...nothing };
}
