// `forebear rules test`: each rule against the events beside it, on their own clock, and all of them against a baseline of daily work on
// which none may fire. Reads files only; no kernel, no state. What lines are expected to do: rules-test-files.ts.

import type { Command } from 'commander';
import type { RuleVerdict } from '../detect/compile-rule.ts';
import { environmentNames } from '../detect/environment-names.ts';
import type { ExceptionSet } from '../detect/exceptions/exception-set.ts';
import { explainRule } from '../detect/explain-rule.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { Rule } from '../detect/rule.ts';
import { RuleTrial } from '../detect/rule-trial.ts';
import { FieldTable } from '../ecs/fields.ts';
import type { Done, ExitStatus, Io } from './command.ts';
import { readEvents } from './event-source.ts';
import { type ConfigOptions, loadConfig, RULES_FOLDER, withConfigOptions } from './load-config.ts';
import { duration } from './replay.ts';
import { assertReadable, collect, type SourceOptions, sourcesOf, withExceptionOptions } from './rule-sources.ts';
import { type BaselineResult, baselineFiles, runBaseline } from './rules-test-baseline.ts';
import { type Expectation, eventFilesOf, expectationOf } from './rules-test-files.ts';
import { escapeJson, escapeText, type Paint, painter, wantsColor } from './terminal.ts';
import { reasonsOf } from './why-not-reasons.ts';

const HELP = `
PATH is a rule file or a folder of them (default: as configured). Beside NAME.toml stand its events, one JSON document a line:
  NAME.ndjson          each line brings an alert, unless it says "forebear":{"test":"silent"}, or "part": one of several that bring the
                       alert of a line below together (sequences, thresholds)
  NAME.silent.ndjson   no line brings one
Of rules that Kibana exported, the events are in RULE_ID.ndjson and RULE_ID.silent.ndjson. Lines run in order on their own
@timestamp; a sequence that ends in what must not come completes at the end of the file.

The baseline is daily work on which no rule may fire: recordings and NDJSON in the folder "baseline" of PATH, and baseline.ndjson
beside a rule; where there is none, Forebear's own (two boots, packages, logins, cron, compiling ...). The history of new_terms rules
begins empty with each file of it: what a rule finds new there is an alert, unless --learn gives it time to learn first.

A rule without events fails (--allow-untested: it does not), and so does one that is refused. Exceptions apply as on the host.

Exit status: 0 all pass, 1 one fails or there is none, 2 usage error, or a file cannot be read.

Examples:
  forebear rules test ${RULES_FOLDER}
  forebear rules test ./my-rules --json | jq -r 'select(.status != "ok") | [.file, .status] | @tsv'`;

interface TestOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
  baseline?: string[] | false;
  learn?: number;
  allowUntested?: boolean;
}

export function registerTest(rules: Command, io: Io, done: Done): void {
  const command = rules
    .command('test')
    .description('Runs each rule on the events beside it, and all on a baseline on which none may fire.')
    .argument('[path...]', 'rule files or folders')
    .option('--baseline <path>', 'recording, NDJSON file or folder of them, repeatable', collect)
    .option('--no-baseline', 'without a baseline')
    .option('--learn <duration>', 'on the baseline new_terms rules learn so long first', duration)
    .option('--allow-untested', 'a rule without events does not fail')
    .option('--json', 'print one JSON object for each rule');
  withConfigOptions(withExceptionOptions(command)).addHelpText('after', HELP);
  command.action(async (paths: string[], options: TestOptions) => done(await test(paths, options, io)));
}

export interface LineFault {
  readonly file: string;
  /** Absent: what the end of the file brought. */
  readonly line?: number;
  readonly expected: Expectation;
  readonly alerts: number;
  /** Why it was silent. */
  readonly reasons: readonly string[];
}

export interface RuleResult {
  readonly verdict: RuleVerdict;
  readonly status: 'ok' | 'failed' | 'untested' | 'refused';
  /** Lines that have to bring an alert, of them those that did, and lines that must not. */
  readonly expected: number;
  readonly fired: number;
  readonly silent: number;
  readonly faults: readonly LineFault[];
}

/** out: 0 when every rule passes. Throws FB_RULE_FILE, FB_RULE_TEST_EXPECTATION, FB_RECORD_*, errors of the file system. */
export async function test(paths: readonly string[], options: TestOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  const fields = new FieldTable();
  const named = sourcesOf(paths.length === 0 ? options : { ...options, rules: [...paths] }, config);
  const set = await loadRuleSet(
    { ...named, runDisabled: true },
    { fields, languages: LANGUAGES, abilities: LINUX_HOST },
  );
  assertReadable(named.rules, set.verdicts);
  const results: RuleResult[] = [];
  for (const verdict of set.verdicts) results.push(await resultOf(verdict, set.exceptions, fields, io));
  const files = options.baseline === false ? [] : baselineFiles(options.baseline, named.rules, set.rules);
  const baseline = await runBaseline(
    { files, set, fields, learnMs: options.learn ?? 0, entryLeader: config.enrich.entryLeader },
    io,
  );
  const failed = results.filter((result) => isFailure(result, baseline, options)).length;
  if (options.json === true)
    for (const result of results) io.out(`${escapeJson(JSON.stringify(jsonOf(result, baseline)))}\n`);
  else
    io.out(`${textOf(results, baseline, failed, options, painter(wantsColor(io.env, io.outIsTerminal))).join('\n')}\n`);
  return results.length > 0 && failed === 0 ? 0 : 1;
}

function isFailure({ status, verdict }: RuleResult, baseline: BaselineResult, { allowUntested }: TestOptions): boolean {
  if (status === 'untested' ? allowUntested !== true : status !== 'ok') return true;
  return (baseline.alerts.get(verdict.rule_id ?? '')?.length ?? 0) > 0;
}

async function resultOf(
  verdict: RuleVerdict,
  exceptions: ExceptionSet,
  fields: FieldTable,
  io: Io,
): Promise<RuleResult> {
  const { rule } = verdict;
  const nothing = { verdict, expected: 0, fired: 0, silent: 0, faults: [] };
  if (rule === undefined) return { ...nothing, status: 'refused' };
  const { expected, fired, silent, faults } = await testEvents(rule, exceptions, fields, io);
  const status = faults.length > 0 ? 'failed' : expected === 0 ? 'untested' : 'ok';
  return { verdict, status, expected, fired, silent, faults };
}

/** A line that has to bring an alert and has brought none yet. */
interface Waiting {
  readonly line: number;
  readonly reasons: readonly string[];
}

/** The rule's own events, with these exceptions. */
export async function testEvents(
  rule: Rule,
  exceptions: Pick<ExceptionSet, 'boundTo'>,
  fields: FieldTable,
  io: Io,
): Promise<Pick<RuleResult, 'expected' | 'fired' | 'silent' | 'faults'>> {
  const run = new RuleRun(rule, exceptions, fields);
  for (const { file, expect } of eventFilesOf(rule.file, rule.rule_id)) await run.file(file, expect, io);
  return run;
}

class RuleRun {
  expected = 0;
  fired = 0;
  silent = 0;
  readonly faults: LineFault[] = [];
  readonly #rule: Rule;
  readonly #exceptions: Pick<ExceptionSet, 'boundTo'>;
  readonly #fields: FieldTable;

  constructor(rule: Rule, exceptions: Pick<ExceptionSet, 'boundTo'>, fields: FieldTable) {
    this.#rule = rule;
    this.#exceptions = exceptions;
    this.#fields = fields;
  }

  /** State begins anew with each file. */
  async file(file: string, otherwise: Expectation, io: Io): Promise<void> {
    const trial = new RuleTrial(this.#rule, this.#exceptions, this.#fields);
    const waiting: Waiting[] = [];
    const from = { table: this.#fields, envNames: environmentNames({ rules: [this.#rule] }) };
    await readEvents([file], from, io, ({ event, number, document }) => {
      const expected = expectationOf(document, otherwise, `${file}:${number}`);
      const one = trial.take(event);
      let alerts = one.alerts.length;
      if (expected !== 'alert') {
        if (expected === 'silent') this.silent++;
        // Time that passed has completed what a line before waited for.
        for (; alerts > 0 && waiting.length > 0; alerts--) this.#came(waiting);
        if (alerts > 0) this.faults.push({ file, line: number, expected, alerts, reasons: [] });
        return;
      }
      this.expected++;
      if (alerts > 0) this.fired++;
      else
        waiting.push({
          line: number,
          reasons: reasonsOf(this.#rule, one, explainRule(this.#rule, event)).map(({ text }) => text),
        });
    });
    for (let late = trial.end().length; late > 0; late--) {
      if (waiting.length > 0) this.#came(waiting);
      else this.faults.push({ file, expected: 'silent', alerts: 1, reasons: [] });
    }
    for (const { line, reasons } of waiting) this.faults.push({ file, line, expected: 'alert', alerts: 0, reasons });
  }

  #came(waiting: Waiting[]): void {
    waiting.shift();
    this.fired++;
  }
}

function jsonOf(
  { verdict, status, expected, fired, silent, faults }: RuleResult,
  { alerts, events, files }: BaselineResult,
) {
  const { file, rule_id, name, error } = verdict;
  const fires = alerts.get(rule_id ?? '') ?? [];
  return {
    ...{ file, rule_id: rule_id ?? null, name: name ?? null },
    status: status === 'ok' && fires.length > 0 ? 'failed' : status,
    ...(error && { code: error.code, reason: error.message }),
    events: { expected, fired, silent },
    faults,
    baseline: { files, events, alerts: fires.length, reasons: fires.slice(0, 10).map(({ reason }) => reason) },
  };
}

const STYLES = { ok: 'green', failed: 'red', untested: 'yellow', refused: 'red' } as const;

function textOf(
  results: readonly RuleResult[],
  baseline: BaselineResult,
  failed: number,
  options: TestOptions,
  paint: Paint,
): string[] {
  const lines = results.flatMap((result) => ruleLines(result, baseline, paint));
  const { files, events } = baseline;
  const what = files.length === 0 ? 'no baseline' : `baseline: ${events} events of ${files.map(escapeText).join(', ')}`;
  const untested = results.filter(({ status }) => status === 'untested').length;
  const note = untested > 0 && options.allowUntested === true ? `, ${untested} untested` : '';
  const rules = `${results.length} ${results.length === 1 ? 'rule' : 'rules'}`;
  return [...lines, '', `${rules}: ${results.length - failed} pass, ${failed} fail${note}; ${what}`];
}

function ruleLines(
  { verdict, status, expected, fired, silent, faults }: RuleResult,
  baseline: BaselineResult,
  paint: Paint,
): string[] {
  const { file, name, rule_id, error } = verdict;
  const fires = baseline.alerts.get(rule_id ?? '') ?? [];
  const shown = status === 'ok' && fires.length > 0 ? 'failed' : status;
  const head = `${paint(STYLES[shown], shown.padEnd(8))}  ${escapeText(file)}  ${escapeText(name ?? '')}`;
  const counts = status === 'refused' ? '' : `  ${fired} of ${expected} fire${silent > 0 ? `, ${silent} silent` : ''}`;
  return [
    `${head}${counts}`,
    ...(error === undefined ? [] : [`    ${escapeText(`${error.code}: ${error.message.split('\n', 1)[0]}`)}`]),
    ...faults.flatMap(faultLines),
    ...(fires.length === 0
      ? []
      : [`    fires ${fires.length} times on the baseline, first: ${escapeText(fires[0]!.reason)}`]),
  ];
}

function faultLines({ file, line, expected, alerts, reasons }: LineFault): string[] {
  const place = escapeText(line === undefined ? `${file}, at its end` : `${file}:${line}`);
  if (alerts > 0)
    return [
      `    ${place}: ${alerts === 1 ? 'an alert' : `${alerts} alerts`}, expected was ${expected === 'part' ? 'none yet' : 'none'}`,
    ];
  return [`    ${place}: no alert`, ...reasons.slice(0, 5).map((reason) => `      ${escapeText(reason)}`)];
}
