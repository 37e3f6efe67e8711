// `forebear why-not RULE EVENT`: what kept a rule silent on an event: each predicate with the event's value, the exclusion or the
// missing field that decided, exceptions, terms that are known, counts, the stage of a sequence that was never reached. Reads files only.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { RuleVerdict } from '../detect/compile-rule.ts';
import { environmentNames } from '../detect/environment-names.ts';
import { findException } from '../detect/exceptions/exception-set.ts';
import { explainItems, explainRule } from '../detect/explain-rule.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { isJoined } from '../detect/kinds/make-kind.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { Rule } from '../detect/rule.ts';
import { type Distance, ruleDistances } from '../detect/rule-distance.ts';
import { RuleTrial, type Trial } from '../detect/rule-trial.ts';
import { stageReach } from '../detect/stage-reach.ts';
import { readHistories } from '../detect/term-history-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import {
  type EventReference,
  isAt,
  noSuchEvent,
  type PlacedEvent,
  parseReference,
  readEvents,
} from './event-source.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { type SourceOptions, sourcesOf, withSourceOptions } from './rule-sources.ts';
import { findRule } from './rules.ts';
import { StageCandidates } from './stage-candidates.ts';
import { escapeText } from './terminal.ts';
import { type Found, type Nearest, print } from './why-not-output.ts';
import { type Reason, reasonsOf, stageReason } from './why-not-reasons.ts';

const HELP = `
RULE is a rule's id, a beginning of it, its name, or a file with one rule. EVENT is a file of NDJSON documents, a recording
("forebear record"), or - for standard input; FILE:PLACE is one event of it: its line, its number in a recording, or its event.id.
The events before it count: they are what is known, counted and under way when it comes. Without a PLACE the rule is asked of all
events, and told of is the one that came nearest, or the stage of a sequence that was never reached.

Marks: + as the rule wants it, - not so, "<-- decided": without it the event would have matched. --history: what the agent on this
host knows of a new_terms rule counts as seen before.

Exit status: 0 it was silent, and why is shown; 1 it fires: nothing stands against it; 2 usage error, no such rule or event.

Examples:
  forebear why-not b605f262 events.ndjson:3
  forebear why-not "Systemd Service Started by Unusual Parent Process" run.fbrec --json
  forebear why-not ./my-rule.toml events.ndjson`;

interface WhyNotOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
  history?: boolean;
}

export const registerWhyNot: Register = (program, io, done) => {
  const command = program
    .command('why-not')
    .description('Says why a rule was silent on an event.')
    .argument('<rule>', 'id, unique beginning of it, name, or a file with one rule')
    .argument('<event>', 'FILE, FILE:PLACE, or -')
    .option('--history', 'new_terms: what the agent on this host knows counts as seen')
    .option('--json', 'print one JSON object');
  withConfigOptions(withSourceOptions(command as unknown as Command)).addHelpText('after', HELP);
  command.action(async (rule: string, event: string, options: WhyNotOptions) =>
    done(await whyNot(rule, event, options, io)),
  );
};

/** Throws FB_COMMAND_NOT_FOUND, FB_COMMAND_AMBIGUOUS, FB_RECORD_*, errors of the file system. */
export async function whyNot(wanted: string, event: string, options: WhyNotOptions, io: Io): Promise<ExitStatus> {
  const fields = new FieldTable();
  const { rule, verdict, exceptions } = await ruleOf(wanted, options, fields);
  const refusal = refusalOf(rule, verdict);
  if (rule === undefined) {
    print(io, options.json === true, { verdict, reasons: refusal }, 'refused');
    return 0;
  }
  const reference = parseReference(event);
  const history = options.history === true ? historyOf(rule, loadConfig(options).state.directory, io) : undefined;
  const asked = new Asked(rule, new RuleTrial(rule, exceptions, fields, history), reference, fields);
  const envNames = environmentNames({ rules: [rule], exceptions });
  await readEvents([reference.file], { table: fields, envNames }, io, (placed) => asked.take(placed));
  const found = asked.end();
  if (found.count === 0 || (reference.place !== undefined && found.nearest === undefined))
    throw noSuchEvent(reference, found.count);
  const { nearest } = found;
  const items =
    nearest === undefined
      ? []
      : explainItems(
          exceptions.boundTo(rule),
          nearest.placed.event,
          (item) => findException([item], nearest.placed.event) !== undefined,
        );
  const reasons = [...refusal, ...found.reasons];
  print(
    io,
    options.json === true,
    { rule, verdict, reference, items, ...found, reasons },
    reasons.length > 0 ? 'silent' : 'fires',
  );
  return reasons.length > 0 ? 0 : 1;
}

function historyOf({ rule_id }: Rule, stateDirectory: string, io: Io) {
  const [history] = readHistories(stateDirectory, rule_id);
  const none = `there is no history of the rule in ${stateDirectory}: nothing counts as seen before`;
  if (history === undefined) io.err(`forebear: ${escapeText(none)}\n`);
  return history;
}

/** The rule as it would run here, or, where it is refused here, as it would run on any documents. */
async function ruleOf(wanted: string, options: WhyNotOptions, fields: FieldTable) {
  const isFile = existsSync(wanted);
  const sources = {
    ...sourcesOf(isFile ? { ...options, rules: [wanted] } : options, loadConfig(options)),
    runDisabled: true,
  };
  const context = { fields, languages: LANGUAGES };
  const here = await loadRuleSet(sources, { ...context, abilities: LINUX_HOST });
  const named = ({ rule_id, name }: RuleVerdict) => [rule_id, name].includes(wanted);
  const runs = here.verdicts.flatMap(({ rule }) => rule ?? []);
  const rule = isFile && runs.length === 1 ? runs[0] : findRule(runs, wanted);
  if (rule !== undefined) return { rule, verdict: undefined, exceptions: here.exceptions };
  const verdict = here.verdicts.find((one) => one.error !== undefined && (isFile || named(one)));
  if (verdict === undefined) {
    const message = `no rule ${JSON.stringify(wanted)} among the ${runs.length} that can run`;
    throw new ForebearError('FB_COMMAND_NOT_FOUND', message, { hint: 'name its id, its name, or its file' });
  }
  const anywhere = await loadRuleSet(sources, context);
  const found = anywhere.rules.find(({ rule_id }) => rule_id === verdict.rule_id);
  return { rule: found, verdict, exceptions: anywhere.exceptions };
}

function refusalOf(rule: Rule | undefined, verdict: RuleVerdict | undefined): Reason[] {
  const error = verdict?.error;
  const refused: Reason[] =
    error === undefined
      ? []
      : [{ code: 'refused', text: `it does not run on this host: ${error.code}: ${error.message}` }];
  return rule?.disabled === true
    ? [...refused, { code: 'disabled', text: 'it is disabled (enabled = false): the agent does not run it' }]
    : refused;
}

class Asked {
  readonly #rule: Rule;
  readonly #trial: RuleTrial;
  readonly #reference: EventReference;
  readonly #distances: readonly Distance[];
  readonly #candidates = new StageCandidates();
  /** Probes that an event has matched. */
  readonly #matched = new Set<number>();
  #count = 0;
  #fired = 0;
  #nearest: Nearest | undefined;
  #over = false;

  constructor(rule: Rule, trial: RuleTrial, reference: EventReference, fields: FieldTable) {
    this.#rule = rule;
    this.#distances = ruleDistances(rule, fields);
    this.#trial = trial;
    this.#reference = reference;
  }

  take(placed: PlacedEvent): void {
    this.#count++;
    if (this.#over) return;
    const trial = this.#trial.take(placed.event);
    this.#fired += trial.alerts.length;
    for (const probe of trial.probes) this.#matched.add(probe);
    if (isJoined(this.#rule)) this.#candidates.add(placed.event, trial.probes);
    if (this.#reference.place !== undefined) {
      if (!isAt(this.#reference, placed)) return;
      this.#over = true;
      this.#nearest = this.#explained(placed, trial);
      if (trial.alerts.length === 0) this.#fired = 0;
    } else if ((this.#nearest?.distance ?? 1) > 0) this.#near(placed, trial);
  }

  end(): Found {
    if (!this.#over || isJoined(this.#rule)) this.#fired += this.#trial.end().length;
    const common = { count: this.#count, fired: this.#fired, nearest: this.#nearest };
    if (isJoined(this.#rule)) {
      const { kept, left } = this.#candidates;
      const reach = stageReach(this.#rule.program!, kept, (probe) => this.#candidates.countOf(probe));
      return { ...common, reach, left, reasons: this.#fired > 0 ? [] : stageReason(this.#rule, reach) };
    }
    if (this.#fired > 0 || this.#nearest === undefined) return { ...common, reasons: [] };
    return { ...common, reasons: reasonsOf(this.#rule, this.#nearest.trial, this.#nearest.queries) };
  }

  /** Of a sequence the one that is nearest to a stage that nothing has matched yet. */
  #near(placed: PlacedEvent, trial: Trial): void {
    const distances = this.#distances.map((distance) => distance(placed.event.slots));
    const open = isJoined(this.#rule) ? distances.filter((_distance, i) => !this.#matched.has(i)) : [];
    const distance = open.length > 0 ? Math.min(...open) : distances.reduce((sum, one) => sum + one, 0);
    if (this.#nearest === undefined || distance < this.#nearest.distance) {
      this.#nearest = { ...this.#explained(placed, trial), distance };
    }
  }

  #explained(placed: PlacedEvent, trial: Trial): Nearest {
    return { placed, trial, queries: explainRule(this.#rule, placed.event), distance: 0 };
  }
}
