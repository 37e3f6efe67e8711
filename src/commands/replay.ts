// `forebear replay`: recordings or documents through the whole right side (rules, exceptions, new terms, max_signals) on the events' own
// clock; alerts out as tail prints them. Same input, same output. Needs no kernel and no state; writes nothing.

import { InvalidArgumentError } from 'commander';
import { replayRecording } from '../agent/replay.ts';
import { SelftestGrants } from '../agent/selftest.ts';
import { lostBy } from '../agent/summary.ts';
import { parseDuration } from '../config/units.ts';
import type { Config } from '../config.ts';
import type { Alert } from '../detect/alert.ts';
import { Detector } from '../detect/detector.ts';
import { environmentNames } from '../detect/environment-names.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import { ForebearError } from '../errors.ts';
import { RecordingReader } from '../record/read-recording-io.ts';
import { Counters } from '../stats.ts';
import { formatAlertLine } from './alert-line.ts';
import { HeldAlerts, LOOK_AHEAD } from './amend-fold.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { DocumentIds } from './document-ids.ts';
import { DocumentInput } from './document-input.ts';
import { DroppedValues } from './dropped-values.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { checkReadable } from './ndjson.ts';
import { isRecording, turnOf } from './recording-file.ts';
import { ReplayProgress } from './replay-progress.ts';
import {
  assertListsReadable,
  assertReadable,
  placeOf,
  type SourceOptions,
  sourcesOf,
  withSourceOptions,
} from './rule-sources.ts';
import { escapeJson, escapeText, terminalWidth, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
FILE is a recording (forebear record, forebear agent --record FILE), or NDJSON documents, one event a line, plain or compressed by
zstd or gzip; - and pipes bring documents. On a terminal a line says how far it is.
Several files are one sequence of events, in that order. All time is the events' own, new terms begin empty; no
rule learns (detect.learn) unless --learn says so.

Of a damaged recording, what comes before the damage is replayed before the error.

Exit status: 0 there were alerts, 1 there were none, 2 usage error, a file or all rules cannot be read, or no line is a document.

Examples:
  forebear replay run.fbrec
  forebear replay --rules ./my-rules --json events.ndjson | jq -r '.kibana.alert.reason'`;

interface ReplayCommandOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
  learn?: number;
}

export const registerReplay: Register = (program, io, done) => {
  const command = program
    .command('replay')
    .description('Runs recorded events or documents through the rules and prints the alerts.')
    .argument('<file...>', 'recordings or NDJSON files, or -')
    .option('--json', 'print alerts as documents, one JSON object a line')
    .option(
      '--learn <duration>',
      'new_terms rules learn so long first, as with detect.learn (default: not at all)',
      duration,
    );
  withConfigOptions(withSourceOptions(command)).addHelpText('after', HELP);
  command.action(async (files: string[], options: ReplayCommandOptions) => done(await replay(files, options, io)));
};

/** Throws FB_REPLAY_NO_RULES, FB_RULE_FILE, FB_EXCEPTION_FILE, FB_RECORD_*, FB_COMMAND_INPUT, errors of the file system. */
export async function replay(files: readonly string[], options: ReplayCommandOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  await checkReadable(files);
  const fields = new FieldTable();
  // Items are judged as the live run did; rules run on whatever the events have.
  const itemAbilities = files.some(isRecording) ? LINUX_HOST : undefined;
  const configured = sourcesOf(options, config);
  // Whoever names rules wants to see them run, those that Kibana exported as disabled too.
  const sources = { ...configured, runDisabled: configured.runDisabled === true || options.rules !== undefined };
  const rules = await loadRuleSet(sources, { fields, languages: LANGUAGES }, { itemAbilities });
  sayRefused(rules, io);
  assertReadable(options.rules ?? [], rules.verdicts);
  assertListsReadable(options.exceptions, rules.exceptions?.verdicts);
  // Of what a JSON line says nothing may be missing that became known soon after.
  const amended = itemAbilities !== undefined || rules.rules.some(({ suppression }) => suppression !== undefined);
  const most = options.json === true && amended ? LOOK_AHEAD : 0;
  const run = new Run({ config, fields, rules, options, io, most });
  {
    using _progress = run.progress;
    for (const file of files) {
      if (io.signal.aborted) break;
      if (isRecording(file)) await run.recording(file);
      else await run.documents(file);
    }
    run.end();
  }
  run.summarize();
  return run.alerts > 0 ? 0 : 1;
}

/** Throws what commander makes a usage error of. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('a duration such as 24h is expected.');
  return ms;
}

function sayRefused({ rules, verdicts, exceptions }: RuleSet, io: Io): void {
  const refused = verdicts.flatMap(({ file, error }) =>
    error === undefined ? [] : [`${file}: ${error.code} ${error.message}`],
  );
  if (rules.length === 0) {
    const hint = refused[0] ?? 'name a rule file or a folder with --rules';
    throw new ForebearError('FB_REPLAY_NO_RULES', 'there is no rule to run', { hint });
  }
  for (const line of refused) io.err(`refused ${escapeText(line)}\n`);
  for (const verdict of exceptions?.verdicts ?? []) {
    const { error } = verdict;
    if (error !== undefined) io.err(`refused ${escapeText(`${placeOf(verdict)}: ${error.code} ${error.message}`)}\n`);
  }
}

interface RunParts {
  config: Config;
  fields: FieldTable;
  rules: RuleSet;
  options: ReplayCommandOptions;
  io: Io;
  /** Alerts that are kept for what amends them. */
  most: number;
}

class Run {
  alerts = 0;
  readonly progress: ReplayProgress;
  readonly #config: Config;
  readonly #fields: FieldTable;
  /** One for all files: they are one sequence of events. */
  readonly #detector: Detector;
  readonly #selftests: SelftestGrants;
  readonly #envNames: ReadonlySet<string>;
  readonly #json: boolean;
  readonly #io: Io;
  readonly #counters = new Counters();
  readonly #input: DocumentInput;
  /** Of the document before: one without a time of its own happened then. */
  #wallMs = 0;
  /** That is being read. */
  #file = '';

  readonly #dropped = new DroppedValues();
  readonly #held: HeldAlerts;

  constructor({ config, fields, rules, options, io, most }: RunParts) {
    this.#config = config;
    this.#fields = fields;
    this.#held = new HeldAlerts((alert) => this.#print(alert), most);
    this.#selftests = new SelftestGrants(fields);
    const isSelftest = (event: EcsEvent) => this.#selftests.of(event) !== undefined;
    this.#detector = new Detector({
      ...rules,
      fields,
      counters: this.#counters,
      isSelftest,
      learnMs: () => options.learn ?? 0,
      byteLimits: config.limits,
      onAmend: (amend) => this.#held.amend(amend),
    });
    this.#envNames = new Set([...config.sensor.environment, ...environmentNames(rules)]);
    this.#json = options.json === true;
    this.#io = io;
    this.#input = new DocumentInput(io, true);
    const events = () => this.#counters.get('detect_events_evaluated_total');
    this.progress = new ReplayProgress(io, () => `${this.#file}: ${events()} events, ${this.alerts} alerts`);
  }

  async recording(file: string): Promise<void> {
    this.#file = file;
    const reader = new RecordingReader(file);
    const counters = await replayRecording({
      frames: () => reader.frames(),
      version: VERSION,
      fields: this.#fields,
      detector: this.#detector,
      entryLeader: this.#config.enrich.entryLeader,
      envNames: this.#envNames,
      counters: this.#counters,
      selftests: this.#selftests,
      hashAll: this.#config.enrich.hash === 'all',
      onAlert: (alert) => this.#held.add(alert),
      onAmend: (amendment) => this.#held.amend(amendment),
      turn: () => turnOf(this.#io),
      signal: this.#io.signal,
    }).catch((error: unknown) => {
      this.#held.flush();
      throw error;
    });
    const [missing, { unanswered }] = [lostBy(counters), counters];
    if (missing > 0) this.#io.err(`${escapeText(file)}: ${missing} records were lost when it was recorded\n`);
    if (reader.tornBytes > 0) this.#io.err(`${escapeText(file)}: ends in ${reader.tornBytes} bytes of a torn frame\n`);
    if (unanswered > 0) this.#io.err(`${escapeText(file)}: ${unanswered} questions have no recorded answer\n`);
  }

  async documents(file: string): Promise<void> {
    this.#file = file;
    const ids = new DocumentIds();
    for await (const documents of this.#input.read(file)) {
      for (const { document, text } of documents) this.#document(document, text, ids);
      await this.#io.drained?.();
    }
  }

  /** No file is left: what sequences still waited for will not come. */
  end(): void {
    for (const alert of this.#detector.end()) this.#held.add(alert);
    this.#held.flush();
  }

  /** Said at the end: lines that are no documents, alerts that limits kept back. Throws FB_QUERY_INPUT when none was one. */
  summarize(): void {
    this.#input.assertSome();
    const { documents, faults } = this.#input;
    if (faults > 0) this.#io.err(`${faults} of ${documents + faults} lines could not be read\n`);
    for (const line of this.#dropped.lines()) this.#io.err(`${line}\n`);
    const learned = this.#counters.get('detect_alerts_learned_total');
    if (learned > 0) this.#io.err(`${learned} alerts were not made, as rules learned\n`);
    for (const { rule_id, count } of this.#detector.capped()) {
      this.#io.err(`${count} more alerts of ${escapeText(rule_id)} were kept back by max_signals\n`);
    }
    for (const { rule_id, count } of this.#detector.heldBack()) {
      this.#io.err(`${count} more alerts of ${escapeText(rule_id)} were held back by the byte rate\n`);
    }
  }

  #document(document: Record<string, unknown>, text: string, ids: DocumentIds): void {
    const { event, dropped } = flattenDocument(document, this.#fields, { unknown: 'skip' });
    this.#dropped.add(dropped);
    if (event.get('@timestamp') === undefined) event.wallMs = this.#wallMs;
    event.id = ids.of(event, text);
    this.#wallMs = event.wallMs;
    for (const alert of this.#detector.evaluate(event)) this.#held.add(alert);
  }

  #print(alert: Alert): void {
    this.alerts++;
    this.progress.clear();
    const line = this.#json
      ? escapeJson(JSON.stringify(alert.document))
      : formatAlertLine(alert, {
          color: wantsColor(this.#io.env, this.#io.outIsTerminal),
          width: terminalWidth(this.#io),
        });
    this.#io.out(`${line}\n`);
  }
}
