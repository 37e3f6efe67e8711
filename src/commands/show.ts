// `forebear show`: one alert of the journal with everything that helps to judge it.

import type { Command } from 'commander';
import type { Alert } from '../detect/alert.ts';
import { loadRules } from '../detect/load-rules-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { JournalRecord } from '../journal/journal.ts';
import { foldAmend, foldText } from '../proto/fold-amend.ts';
import type { CompileQuery } from '../query/language.ts';
import { localTime } from './alert-line.ts';
import { amendmentsOf } from './amend-fold.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { formatError } from './error-output.ts';
import { languageOf } from './guide.ts';
import { findAlerts, type JournalView } from './journal-records.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { formatAlert, type GuideFacts } from './show-alert.ts';
import { escapeJson, escapeText, painter, terminalWidth, wantsColor } from './terminal.ts';

export interface ShowOptions extends ConfigOptions {
  json?: boolean;
  lang?: string;
}

/** Finds the rule of an alert among those that are loaded now. */
export type FindRule = (ruleId: string) => Promise<GuideFacts | undefined>;

const MOST_CANDIDATES = 10;

const HELP = `
ALERT is an alert's uuid, a beginning of it that fits only one, or its number in the journal. Shown are the reason, the
process tree, the process with its arguments one by one, what was new, the rule, and the rule's investigation guide with
the alert's values filled into its osquery steps. With --json: the alert's ECS document. What became known after the alert
(the hash of its executable) is in both.

Exit status: 0 shown, 1 there is no such alert, 2 usage, configuration or run-time error.

Examples:
  forebear show "$(forebear tail -n 1 --json | jq -r .kibana.alert.uuid)"      the last alert
  forebear show 17 --lang zh                                                   number 17 of the journal
  forebear show 5f2c3a --json | jq .process.parent                             the one whose uuid begins so`;

export const registerShow: Register = (program, io, done) => {
  const command = program
    .command('show')
    .description('Shows everything about one alert.')
    .argument('<alert>', 'uuid, unique beginning of it, or number in the journal')
    .option('--lang <tag>', 'language of the investigation guide: en, zh, ... (default: that of the locale)')
    .option('--json', 'print the document as one JSON object');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (reference: string, options: ShowOptions) => {
    const config = loadConfig(options);
    const view = openJournalView(config.state.directory, io);
    done(await show(view, reference, options, io, (ruleId) => ruleFrom(config.rules.paths, ruleId)));
  });
};

/** out: 0 shown, 1 not found. Throws FB_COMMAND_AMBIGUOUS. */
export async function show(
  view: JournalView,
  reference: string,
  options: ShowOptions,
  io: Io,
  findRule: FindRule,
): Promise<ExitStatus> {
  const found = await findAlerts(view, reference);
  if (found.length > 1) throw ambiguous(view, reference, found);
  const [record] = found;
  if (record === undefined) return sayNoAlert(reference, options, io);
  const { uuid } = view.envelope(record.payload);
  const amendments = await amendmentsOf(view, uuid, record.seq + 1);
  const text =
    options.json === true
      ? escapeJson(foldText(view.documentText(record.payload), amendments))
      : await textOf(amended(view.alert(record.payload), amendments), record.seq, options, io, findRule);
  io.out(`${text}\n`);
  return 0;
}

function amended(alert: Alert, amendments: readonly Readonly<Record<string, unknown>>[]): Alert {
  return { ...alert, document: amendments.reduce(foldAmend, alert.document) };
}

async function textOf(alert: Alert, seq: number, options: ShowOptions, io: Io, findRule: FindRule): Promise<string> {
  return formatAlert(alert, {
    seq,
    rule: await findRule(alert.rule_id),
    language: options.lang?.toLowerCase() ?? languageOf(io.env),
    paint: painter(wantsColor(io.env, io.outIsTerminal)),
    width: terminalWidth(io),
  });
}

/** out: the exit status. */
export function sayNoAlert(reference: string, { json }: Pick<ShowOptions, 'json'>, io: Io): 1 {
  const missing = new ForebearError('FB_COMMAND_NOT_FOUND', `no alert ${JSON.stringify(reference)} in the journal`);
  io.err(formatError(missing, json === true));
  return 1;
}

export function ambiguous(view: JournalView, reference: string, found: readonly JournalRecord[]): ForebearError {
  const lines = found.slice(-MOST_CANDIDATES).map((record) => {
    const { uuid, severity, ruleName } = view.envelope(record.payload);
    return `  ${uuid}  ${localTime(record.wallMs)}  ${severity}  ${escapeText(ruleName)}`;
  });
  const more = found.length > MOST_CANDIDATES ? [`  ... and ${found.length - MOST_CANDIDATES} older ones`] : [];
  const message = [`${found.length} alerts begin with ${JSON.stringify(reference)}:`, ...more, ...lines].join('\n');
  return new ForebearError('FB_COMMAND_AMBIGUOUS', message, { hint: 'give more of the uuid' });
}

/** Nothing runs here: no list is needed. */
const ANY = { has: () => true };

/** The texts of a rule; its query is not compiled. A rule that is refused or gone: undefined. */
async function ruleFrom(paths: readonly string[], ruleId: string): Promise<GuideFacts | undefined> {
  const unused: CompileQuery = () => ({ matches: () => false, fields: [], tree: undefined });
  const { rules } = await loadRules(paths, {
    fields: new FieldTable(),
    languages: { kuery: unused },
    exceptionLists: ANY,
  });
  return rules.find((rule) => rule.rule_id === ruleId);
}
