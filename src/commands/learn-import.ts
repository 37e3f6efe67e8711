// `forebear learn import`: lines are read and judged first, then merged into <state>/terms.db in one transaction, under the
// journal's lock, which a running agent holds.

import { join } from 'node:path';
import { journalDirectory } from '../config.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import { type ImportResult, importHistories } from '../detect/term-history-io.ts';
import { readTermLine, type TermLine } from '../detect/term-lines.ts';
import { collect, type ImportedHistory } from '../detect/term-merge.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { sqliteLock } from '../journal/lock-io.ts';
import type { ExitStatus, Io } from './command.ts';
import { type ConfigOptions, loadConfig } from './load-config.ts';
import { checkReadable, type Line, readLines, STDIN } from './ndjson.ts';
import { type SourceOptions, sourcesOf } from './rule-sources.ts';
import { makeStateDirectory } from './state-directory.ts';
import { escapeText } from './terminal.ts';

interface ImportOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
}

/** Faulty lines that are shown one by one; the rest is counted. */
const SHOWN_FAULTS = 20;

/**
 * out: 0 when every line was taken. Throws FB_LEARN_AGENT_RUNS, FB_LEARN_INPUT (no line is a term), FB_STATE_DIRECTORY,
 * FB_TERMS_*, FB_COMMAND_INPUT, errors of the file system.
 */
export async function importTerms(file: string, options: ImportOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  await checkReadable([file]);
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  const { rules } = await loadRuleSet(sourcesOf(options, config), context);
  const loaded = new Map(rules.map((rule) => [rule.rule_id, rule.newTerms?.fields.join(' ')]));
  const input = new TermInput(loaded, Date.now());
  for await (const lines of readLines(file, io)) for (const line of lines) input.take(line);
  input.report(file === STDIN ? 'standard input' : file, io);
  if (input.histories.size === 0) return 1;
  const maxTerms = config.detect.maxTermsPerRule;
  const result = underLock(config.state.directory, () =>
    importHistories(config.state.directory, input.histories.values(), {
      maxTerms,
      mayReplace: (rule_id) => loaded.has(rule_id),
    }),
  );
  sayRefused(result, io);
  const unused = [...input.histories.keys()].filter((rule_id) => !loaded.has(rule_id)).length;
  print({ ...result, faults: input.faults, unused }, options, io);
  return input.faults === 0 && result.refused.length === 0 ? 0 : 1;
}

class TermInput {
  readonly histories = new Map<string, ImportedHistory>();
  faults = 0;
  readonly #shown: string[] = [];
  readonly #loaded: ReadonlyMap<string, string | undefined>;
  readonly #nowMs: number;

  /** loaded: the fields of each rule that is loaded, as the store joins them; undefined: it is no new_terms rule. */
  constructor(loaded: ReadonlyMap<string, string | undefined>, nowMs: number) {
    this.#loaded = loaded;
    this.#nowMs = nowMs;
  }

  take({ number, text, fault }: Line): void {
    try {
      if (fault !== undefined) throw new ForebearError('FB_LEARN_LINE', fault);
      const line = readTermLine(text, this.#nowMs);
      this.#check(line);
      if (!collect(this.histories, line)) throw new ForebearError('FB_LEARN_LINE', 'other fields than a line before');
    } catch (error) {
      this.faults++;
      if (this.#shown.length < SHOWN_FAULTS) this.#shown.push(`${number}: ${reasonOf(error).slice(0, 200)}`);
    }
  }

  /** Throws FB_LEARN_INPUT when there were lines and none is a term. */
  report(name: string, io: Io): void {
    if (this.faults > 0 && this.histories.size === 0) {
      const hint = 'what "forebear learn export" wrote is read';
      throw new ForebearError('FB_LEARN_INPUT', `no line is a term: ${name}:${this.#shown[0]}`, { hint });
    }
    for (const text of this.#shown) io.err(`${escapeText(`${name}:${text}`)}\n`);
    if (this.faults > this.#shown.length) io.err(`${this.faults - this.#shown.length} more such lines\n`);
  }

  #check({ rule_id, fields }: TermLine): void {
    if (!this.#loaded.has(rule_id)) return;
    const own = this.#loaded.get(rule_id);
    if (own === fields.join(' ')) return;
    const what = own === undefined ? 'is no new_terms rule' : `has the fields ${own}`;
    throw new ForebearError('FB_LEARN_LINE', `rule ${rule_id} ${what}`);
  }
}

/** Throws FB_LEARN_AGENT_RUNS. */
function underLock<T>(directory: string, work: () => T): T {
  makeStateDirectory(directory);
  const release = sqliteLock(join(journalDirectory(directory), 'lock'));
  if (release === undefined) {
    const hint = 'stop it (systemctl stop forebear), import, and start it again';
    throw new ForebearError('FB_LEARN_AGENT_RUNS', `an agent runs on ${directory}`, { hint });
  }
  try {
    return work();
  } finally {
    release();
  }
}

function sayRefused({ refused, damaged }: ImportResult, io: Io): void {
  for (const { rule_id, fields, terms } of refused) {
    io.err(`${escapeText(`${terms} terms of ${rule_id} left out: its history here is of ${fields}`)}\n`);
  }
  if (damaged !== undefined) io.err(`the history here was damaged: it is in ${escapeText(damaged)}\n`);
}

function print(
  { refused, damaged: _, ...counts }: ImportResult & { faults: number; unused: number },
  { json }: ImportOptions,
  io: Io,
): void {
  const left = refused.reduce((sum, { terms }) => sum + terms, 0);
  if (json === true) {
    const { added, renewed, known, forgotten, faults, unused } = counts;
    const object = { added, renewed, known, forgotten, refused: left, faulty_lines: faults, rules_not_loaded: unused };
    io.out(`${JSON.stringify(object)}\n`);
    return;
  }
  const some = (count: number, what: string) => (count > 0 ? [`${count} ${what}`] : []);
  const parts = [
    `${counts.added} terms added`,
    `${counts.renewed} seen later there`,
    `${counts.known} known already`,
    ...some(counts.forgotten, 'forgotten (detect.max_terms_per_rule)'),
    ...some(left, 'left out'),
    ...some(counts.faults, 'faulty lines'),
    ...some(counts.unused, 'rules that are not loaded'),
  ];
  io.out(`${parts.join(', ')}\n`);
}
