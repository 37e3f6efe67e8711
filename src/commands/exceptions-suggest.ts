// `forebear exceptions suggest ALERT`: the narrowest item that would silence an alert, in Kibana's form on stdout, and on stderr what it
// would have hidden besides: of the journal's alerts, of recorded events, of the rule's own test events. --write adds it to a file.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseDuration } from '../config/units.ts';
import type { ActiveItem } from '../detect/exceptions/exception-set.ts';
import { findException } from '../detect/exceptions/exception-set.ts';
import { activeItem, type SuggestedItem, suggestItem } from '../detect/exceptions/suggest-item.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { attempt, ForebearError, reasonOf } from '../errors.ts';
import type { Done, ExitStatus, Io } from './command.ts';
import { objectsAt, textAt } from './document.ts';
import { formatError } from './error-output.ts';
import { type Effects, effectsOf, effectTexts } from './exceptions-effects.ts';
import type { JournalView } from './journal-records.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { type SourceOptions, sourcesOf, withSourceOptions } from './rule-sources.ts';
import { sayNoAlert } from './show.ts';
import { parseSince } from './since.ts';
import { escapeJson, escapeText } from './terminal.ts';
import { alertDocument, eventsOfAlert } from './why.ts';

const HELP = `
ALERT is an alert's uuid, a beginning of it, or its number in the journal. The item names what ran, by what it was started, how and
as whom; what changes with each run (numbers, random names) becomes *. stdout has it in Kibana's form (NDJSON), stderr says what it
would have hidden besides: alerts of the rule in the journal, events of --events, and events of the rule's own tests. An alert of a
sequence falls away only when each of its events is hidden: there is an item for each.

--write FILE adds it to FILE (made where it is not there), and needs --owner and --expires. It is in force once FILE is below
exceptions.paths and loaded: the agent loads what changes.

Exit status: 0 suggested, 1 there is no such alert, nothing tells it from others, or test events of the rule would be hidden,
2 usage, configuration or run-time error.

Examples:
  forebear exceptions suggest 17 --events run.fbrec
  forebear exceptions suggest 5f2c3a --owner alice --expires 90d --write /etc/forebear/exceptions/ours.ndjson`;

type Json = Readonly<Record<string, unknown>>;

export interface SuggestOptions extends ConfigOptions, SourceOptions {
  events?: string[];
  owner?: string;
  expires?: string;
  write?: string;
  json?: boolean;
}

export function registerSuggest(exceptions: Command, io: Io, done: Done): void {
  const command = exceptions
    .command('suggest')
    .description('Suggests the narrowest exception that would silence an alert.')
    .argument('<alert>', 'uuid, unique beginning of it, or number in the journal')
    .option('--events <file...>', 'recordings or NDJSON: what of them it would have hidden')
    .option('--owner <name>', 'who answers for it')
    .option('--expires <time>', 'until when it applies: a duration from now (90d) or a date')
    .option('--write <file>', 'add it to that exception list')
    .option('--json', 'print item and effects as one JSON object');
  withConfigOptions(withSourceOptions(command)).addHelpText('after', HELP);
  command.action(async (reference: string, options: SuggestOptions) => {
    const view = openJournalView(loadConfig(options).state.directory, io);
    done(await suggest(view, reference, options, io, Date.now()));
  });
}

/** Throws FB_COMMAND_USAGE, FB_COMMAND_AMBIGUOUS, FB_COMMAND_TIME, FB_JOURNAL_*, errors of the file system. */
export async function suggest(
  view: JournalView,
  reference: string,
  options: SuggestOptions,
  io: Io,
  nowMs: number,
): Promise<ExitStatus> {
  if (options.write !== undefined && (options.owner === undefined || options.expires === undefined)) {
    const message = '--write needs --owner and --expires: an exception that nobody answers for stays for ever';
    throw new ForebearError('FB_COMMAND_USAGE', message);
  }
  const expires = options.expires === undefined ? undefined : expiryOf(options.expires, nowMs);
  const document = await alertDocument(view, reference);
  if (document === undefined) return sayNoAlert(reference, options, io);
  const fields = new FieldTable();
  const { rule, exceptions } = await ruleOf(document, options, fields);
  const items = itemsFor(
    document,
    eventsOfAlert(document, fields),
    { ...(options.owner !== undefined && { owner: options.owner }), expires },
    nowMs,
  );
  if (items.length === 0) {
    const nothing = 'nothing in the alert tells its event from others: no exception is suggested';
    io.err(formatError(new ForebearError('FB_COMMAND_NOT_FOUND', nothing), options.json === true));
    return 1;
  }
  const effects = await effectsOf(
    {
      ...{ view, rule, exceptions, fields, items: items.map(({ item }) => item), events: options.events },
      uuid: textAt(document, 'kibana.alert.uuid'),
    },
    io,
  );
  print(items, effects, options, io);
  if (options.write !== undefined) addTo(options.write, [listLine(), ...items.map(({ line }) => line)], io);
  return effects.tests !== undefined && effects.tests.hidden > 0 ? 1 : 0;
}

function print(items: readonly Suggested[], effects: Effects, { json }: SuggestOptions, io: Io): void {
  const list = listLine();
  const lines = items.map(({ line }) => line);
  const warnings = [...new Set(items.flatMap(({ suggested }) => suggested.warnings))];
  if (json === true) {
    io.out(`${escapeJson(JSON.stringify({ list, items: lines, warnings, ...effects }))}\n`);
    return;
  }
  for (const line of [list, ...lines]) io.out(`${escapeJson(JSON.stringify(line))}\n`);
  for (const text of effectTexts(effects, warnings)) io.err(`${escapeText(text)}\n`);
}

/** The rule as it is now. Throws FB_COMMAND_NOT_FOUND. */
async function ruleOf(document: Json, options: SuggestOptions, fields: FieldTable) {
  const sources = { ...sourcesOf(options, loadConfig(options)), runDisabled: true };
  const { rules, exceptions } = await loadRuleSet(sources, { fields, languages: LANGUAGES });
  const id = textAt(document, 'kibana.alert.rule.rule_id');
  const rule = rules.find(({ rule_id }) => rule_id === id);
  if (rule === undefined) {
    if (textAt(document, 'kibana.alert.original_event.dataset') === OWN_DATASET) {
      const itself = 'the alert is of Forebear about itself: no exception silences it';
      throw new ForebearError('FB_COMMAND_NOT_FOUND', itself, { hint: 'forebear show ALERT has what to do about it' });
    }
    const hint = 'name its file with --rules';
    throw new ForebearError('FB_COMMAND_NOT_FOUND', `the rule of the alert, ${id}, is not loaded`, { hint });
  }
  return { rule, exceptions };
}

interface Suggested {
  readonly suggested: SuggestedItem;
  /** Kibana's form. */
  readonly line: Json;
  readonly item: ActiveItem;
}

/** One for each event, but for those that one of the others hides. */
function itemsFor(
  document: Json,
  events: readonly EcsEvent[],
  options: Pick<SuggestOptions, 'owner'> & { expires: string | undefined },
  nowMs: number,
): Suggested[] {
  const groupFields = objectsAt(document, 'kibana.alert.threshold_result.terms').map(({ field }) => String(field));
  const found: Suggested[] = [];
  for (const event of events) {
    if (found.some(({ item }) => findException([item], event) !== undefined)) continue;
    const suggested = suggestItem(event, groupFields);
    if (suggested === undefined) return [];
    const line = itemLine(document, suggested, found.length, options, nowMs);
    found.push({ suggested, line, item: activeItem(line, event) });
  }
  return found;
}

/** Of alerts of the agent's own (agent/own-alert.ts). */
const OWN_DATASET = 'forebear.agent';
const LATEST_MS = Date.UTC(10_000, 0);
const LIST_ID = 'forebear-suggested';

function listLine(): Json {
  return {
    ...{ list_id: LIST_ID, name: 'Suggested by forebear', type: 'detection', namespace_type: 'single' },
    description: 'Exceptions that were suggested from alerts; each names its rule, its owner and the alert.',
    os_types: ['linux'],
    tags: [],
  };
}

function itemLine(
  document: Json,
  { entries }: SuggestedItem,
  index: number,
  { owner, expires }: Pick<SuggestOptions, 'owner'> & { expires: string | undefined },
  nowMs: number,
): Json {
  const uuid = textAt(document, 'kibana.alert.uuid') ?? '';
  const ruleId = textAt(document, 'kibana.alert.rule.rule_id') ?? '';
  const what = entries.find(({ field }) => field === 'process.executable') ?? entries[0]!;
  return {
    item_id: `forebear-${uuid.slice(0, 12)}${index === 0 ? '' : `-${index}`}`,
    ...{ list_id: LIST_ID, type: 'simple', namespace_type: 'single' },
    name: `${what.value} (${textAt(document, 'kibana.alert.rule.name') ?? ruleId})`.slice(0, 200),
    description: `Suggested from alert ${uuid}.`,
    os_types: ['linux'],
    tags: [`forebear:rule:${ruleId}`, ...(owner === undefined ? [] : [`owner:${owner}`])],
    comments:
      owner === undefined
        ? []
        : [{ comment: `${owner}, ${new Date(nowMs).toISOString().slice(0, 10)}: alert ${uuid}` }],
    ...(expires !== undefined && { expire_time: expires }),
    entries,
  };
}

/** in: a duration from now, or a date; out: ISO 8601. Throws FB_COMMAND_TIME. */
function expiryOf(text: string, nowMs: number): string {
  const span = parseDuration(text);
  const hint = 'a duration from now such as 90d, or a date such as 2027-01-31';
  const moment = span === undefined ? parseSince(text, nowMs, hint) : nowMs + span;
  if (moment > nowMs && moment < LATEST_MS) return new Date(moment).toISOString();
  const fault = moment > nowMs ? 'later than the year 9999' : 'in the past';
  throw new ForebearError('FB_COMMAND_TIME', `--expires ${text} is ${fault}`, { hint });
}

/** The list first where it is not there; lines that are there stay. Throws FB_EXCEPTION_WRITE. */
function addTo(file: string, lines: readonly Json[], io: Io): void {
  try {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const known = before.split('\n').map((line) => attempt(() => JSON.parse(line) as Json));
    const isKnown = (line: Json) =>
      known.some((one) =>
        line.item_id === undefined
          ? one?.item_id === undefined && one?.list_id === line.list_id
          : one?.item_id === line.item_id,
      );
    const fresh = lines.filter((line) => !isKnown(line)).map((line) => `${escapeJson(JSON.stringify(line))}\n`);
    const end = before === '' || before.endsWith('\n') ? '' : '\n';
    // What is there stays as it is: an agent may be reading it.
    if (fresh.length > 0) appendFileSync(file, end + fresh.join(''), { mode: 0o644 });
    io.err(`${fresh.length === 0 ? 'is already in' : 'written to'} ${escapeText(file)}\n`);
  } catch (cause) {
    throw new ForebearError('FB_EXCEPTION_WRITE', `${file}: ${reasonOf(cause)}`, { cause });
  }
}
