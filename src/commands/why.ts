// `forebear why ALERT`: what made a rule fire: each predicate of its query with the value that it saw, for a sequence stage by stage;
// what was new; what was counted; and which exceptions were there and did not fit. Reads the journal and rule files.

import { compileQuery } from '../detect/compile-query.ts';
import { type ExceptionSet, findException } from '../detect/exceptions/exception-set.ts';
import { explainItems, explainRule, type ItemExplained, type QueryExplained } from '../detect/explain-rule.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { Rule } from '../detect/rule.ts';
import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { JournalRecord } from '../journal/journal.ts';
import { foldAmend } from '../proto/fold-amend.ts';
import { amendmentsOf } from './amend-fold.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { isObject, objectsAt, textAt, textsAt, valueAt } from './document.ts';
import { documentLine } from './document-line.ts';
import { findAlerts, type JournalView } from './journal-records.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { restoreBytes } from './raw-bytes.ts';
import { type SourceOptions, sourcesOf, withSourceOptions } from './rule-sources.ts';
import { ambiguous, sayNoAlert } from './show.ts';
import { escapeJson, escapeText, type Paint, painter, terminalWidth, wantsColor } from './terminal.ts';
import { itemJson, itemLines, queryJson, queryLines } from './why-text.ts';

const HELP = `
ALERT is an alert's uuid, a beginning of it that fits only one, or its number in the journal. Each predicate of the rule's query is
shown with the value that it saw; the query is the one that the alert was made by, whatever the rule says now. Of a sequence each
stage with its event, of new_terms what was new, of a threshold what was counted, and the exceptions for the rule with the entry
that does not fit.

Exit status: 0 shown, 1 there is no such alert, 2 usage, configuration or run-time error.

Examples:
  forebear why "$(forebear tail -n 1 --json | jq -r .kibana.alert.uuid)"
  forebear why 17 --json | jq '.queries[].decided'`;

type Json = Readonly<Record<string, unknown>>;

export interface WhyOptions extends ConfigOptions, SourceOptions {
  json?: boolean;
}

export const registerWhy: Register = (program, io, done) => {
  const command = program
    .command('why')
    .description('Explains an alert: each predicate of its rule with the value that it saw.')
    .argument('<alert>', 'uuid, unique beginning of it, or number in the journal')
    .option('--json', 'print one JSON object');
  withSourceOptions(withConfigOptions(command)).addHelpText('after', HELP);
  command.action(async (reference: string, options: WhyOptions) => {
    const view = openJournalView(loadConfig(options).state.directory, io);
    done(await why(view, reference, options, io));
  });
};

/** Throws FB_COMMAND_AMBIGUOUS, FB_WHY_RULE, FB_JOURNAL_*. */
export async function why(view: JournalView, reference: string, options: WhyOptions, io: Io): Promise<ExitStatus> {
  const document = await alertDocument(view, reference);
  if (document === undefined) return sayNoAlert(reference, options, io);
  const explained = await explainAlert(document, options);
  if (options.json === true) io.out(`${escapeJson(JSON.stringify(jsonOf(explained)))}\n`);
  else io.out(`${textOf(explained, io).join('\n')}\n`);
  return 0;
}

/** The document of one alert, with what became known later. Throws FB_COMMAND_AMBIGUOUS. */
export async function alertDocument(view: JournalView, reference: string): Promise<Json | undefined> {
  const found: readonly JournalRecord[] = await findAlerts(view, reference);
  if (found.length > 1) throw ambiguous(view, reference, found);
  const [record] = found;
  if (record === undefined) return undefined;
  const { uuid, document } = view.alert(record.payload);
  return (await amendmentsOf(view, uuid, record.seq + 1)).reduce(foldAmend, document);
}

interface ExplainedAlert {
  readonly document: Json;
  readonly rule: Rule;
  /** What of it is not as it was then. */
  readonly notes: readonly string[];
  /** One for each event: of a sequence its stages, in order. */
  readonly events: readonly { readonly event: EcsEvent; readonly queries: readonly QueryExplained[] }[];
  readonly items: readonly ItemExplained[];
}

/** Throws FB_WHY_RULE when the query of the alert cannot be compiled any more. */
async function explainAlert(document: Json, options: WhyOptions): Promise<ExplainedAlert> {
  const fields = new FieldTable();
  const context = { fields, languages: LANGUAGES };
  const sources = { ...sourcesOf(options, loadConfig(options)), runDisabled: true };
  const { verdicts, exceptions } = await loadRuleSet(sources, context);
  const id = textAt(document, 'kibana.alert.rule.rule_id');
  const loaded = verdicts.find(({ rule }) => rule !== undefined && rule.rule_id === id)?.rule;
  const rule = ruleThen(document, loaded, fields);
  const events = eventsOfAlert(document, fields);
  return {
    ...{ document, rule, notes: notesOf(document, rule, loaded) },
    events: rule.threshold === undefined ? explainedEvents(rule, events) : [],
    items: itemsOf(rule, exceptions, events),
  };
}

/** The rule with the query that made the alert. */
function ruleThen(document: Json, loaded: Rule | undefined, fields: FieldTable): Rule {
  const query = textAt(document, 'kibana.alert.rule.parameters.query') ?? loaded?.query;
  if (loaded !== undefined && query?.trim() === loaded.query.trim()) return loaded;
  const own = ownFacts(document, query ?? '');
  const facts = { ...loaded, ...own, filters: [], file: '' } as unknown as Rule;
  try {
    return { ...facts, ...compileQuery(facts, LANGUAGES, fields) };
  } catch (cause) {
    throw new ForebearError('FB_WHY_RULE', `the query of the alert cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function ownFacts(document: Json, query: string): Partial<Rule> {
  const at = (name: string) => textAt(document, `kibana.alert.rule.${name}`);
  const isEql = at('parameters.language') === 'eql';
  const isBehavior = valueAt(document, 'kibana.alert.rule.parameters.os_list') !== undefined;
  const threshold = valueAt(document, 'kibana.alert.rule.parameters.threshold') as Json | undefined;
  return {
    rule_id: at('rule_id') ?? '',
    name: at('name') ?? '',
    version: Number(at('version') ?? 0),
    ...{ query, language: isEql ? 'eql' : 'kuery', type: (at('type') ?? 'query') as Rule['type'] },
    ...(isBehavior && { dialect: 'endpoint' as const }),
    ...(threshold && {
      threshold: {
        fields: textsAt(threshold, 'field'),
        value: Number(textAt(threshold, 'value') ?? 1),
        cardinality: objectsAt(threshold, 'cardinality') as unknown as NonNullable<Rule['threshold']>['cardinality'],
      },
    }),
  };
}

/** As they were before they became an alert. Of a sequence: its blocks. */
export function eventsOfAlert(document: Json, fields: FieldTable): EcsEvent[] {
  const blocks = objectsAt(document, 'forebear.sequence');
  return (blocks.length > 0 ? blocks : [document]).map((one) => {
    const original = valueAt(one, 'kibana.alert.original_event');
    const { kibana: _kibana, rule: _rule, threat: _threat, ...rest } = one;
    const source = { ...rest, ...(isObject(original) && { event: original }) };
    const { event } = flattenDocument(source, fields, { unknown: 'skip' });
    restoreBytes(one, event);
    return event;
  });
}

/** Of a sequence each event for its own stage, the events before as what it may refer to. */
function explainedEvents(rule: Rule, events: readonly EcsEvent[]) {
  const { program } = rule;
  if (program === undefined || program.kind === 'event') {
    return events.map((event) => ({ event, queries: explainRule(rule, event) }));
  }
  const tree = program.tree.kind === 'event' ? [] : program.tree.stages;
  const stages = tree.flatMap((stage, i) => (stage.missing ? [] : new Array<number>(stage.runs).fill(i)));
  const earlier = new Map<string, readonly SlotValue[]>();
  return events.map((event, i) => {
    const stage = stages[i] ?? 0;
    const queries = explainRule(rule, event, new Map(earlier));
    earlier.set(tree[stage]?.name ?? `event${stage}`, event.slots);
    return { event, queries: queries.filter((query, at) => at === stage || query.name === 'filter') };
  });
}

function itemsOf(rule: Rule, exceptions: ExceptionSet, events: readonly EcsEvent[]): ItemExplained[] {
  const [first] = events;
  if (first === undefined) return [];
  return explainItems(exceptions.boundTo(rule), first, (item) =>
    events.every((event) => findException([item], event) !== undefined),
  );
}

function notesOf(document: Json, rule: Rule, loaded: Rule | undefined): string[] {
  const version = textAt(document, 'kibana.alert.rule.version');
  const cut = objectsAt(document, 'forebear.gaps').filter((gap) => gap.kind === 'document_cut');
  return [
    ...(loaded === undefined ? ['the rule is not loaded any more: shown is the query of the alert'] : []),
    ...(loaded !== undefined && loaded !== rule
      ? [
          `the rule is another one now (version ${loaded.version}, the alert is of ${version}): shown is the query of the alert`,
        ]
      : []),
    ...(cut.length > 0
      ? [`the document was cut (${cut.map((gap) => String(gap.detail)).join(', ')}): what is gone counts as no value`]
      : []),
  ];
}

interface Facts {
  readonly new_terms?: {
    readonly fields: readonly string[];
    readonly values: readonly string[];
    readonly history: string;
  };
  readonly threshold?: unknown;
  readonly suppression?: unknown;
}

function factsOf({ document }: ExplainedAlert): Facts {
  const values = textsAt(document, 'kibana.alert.new_terms');
  const fields = textsAt(document, 'kibana.alert.rule.parameters.new_terms_fields');
  const threshold = valueAt(document, 'kibana.alert.threshold_result');
  const suppression = valueAt(document, 'kibana.alert.suppression');
  return {
    ...(values.length > 0 && {
      new_terms: { fields, values, history: textAt(document, 'forebear.new_terms.history') ?? '' },
    }),
    ...(threshold !== undefined && { threshold }),
    ...(suppression !== undefined && { suppression }),
  };
}

function jsonOf(alert: ExplainedAlert) {
  const { document, rule, notes, events, items } = alert;
  return {
    uuid: textAt(document, 'kibana.alert.uuid'),
    ...{ rule_id: rule.rule_id, rule_name: rule.name, notes },
    queries: events.flatMap(({ event, queries }) =>
      queries.map((query) => ({ event: { id: event.get('event.id') ?? null }, ...queryJson(query) })),
    ),
    ...factsOf(alert),
    exceptions: items.map(itemJson),
  };
}

function textOf(alert: ExplainedAlert, io: Io): string[] {
  const { document, rule, notes, events, items } = alert;
  const paint = painter(wantsColor(io.env, io.outIsTerminal));
  const head = [
    `${paint('bold', escapeText(rule.name))}  ${escapeText(rule.rule_id)}`,
    escapeText(textAt(document, 'kibana.alert.reason') ?? ''),
    ...notes.map((note) => paint('yellow', escapeText(`note: ${note}`))),
  ];
  const queries = events.flatMap(({ event, queries: own }) => [
    '',
    ...(events.length > 1 ? [documentLine(event.source ?? {}, '', '@timestamp', terminalWidth(io))] : []),
    ...own.flatMap((query) => queryLines(query, paint)),
  ]);
  const bound = items.flatMap((item) => itemLines(item, paint));
  return [...head, ...queries, ...factLines(alert, paint), ...(bound.length > 0 ? ['', ...bound] : [])];
}

function factLines(alert: ExplainedAlert, paint: Paint): string[] {
  const { new_terms, threshold, suppression } = factsOf(alert);
  const heading = (text: string) => ['', paint('bold', text)];
  const terms = new_terms?.values.map(
    (value, i) => `  + ${new_terms.fields[i] ?? ''}: ${JSON.stringify(value)}: ${new_terms.history}`,
  );
  return [
    ...(terms === undefined ? [] : [...heading('new terms'), ...terms.map(escapeText)]),
    ...(isObject(threshold) ? [...heading('threshold'), ...thresholdLines(threshold, alert.rule).map(escapeText)] : []),
    ...(isObject(suppression) ? [...heading('suppression'), escapeText(`  ${suppressionText(suppression)}`)] : []),
  ];
}

function thresholdLines(result: Json, { threshold }: Rule): string[] {
  const terms = objectsAt(result, 'terms').map(({ field, value }) => `  ${String(field)}: ${JSON.stringify(value)}`);
  const different = objectsAt(result, 'cardinality').map(({ field, value }) => {
    const needed = threshold?.cardinality.find((one) => one.field === field)?.value;
    return `  + ${String(value)} different values of ${String(field)} (${needed ?? '?'} needed)`;
  });
  const count = `  + ${String(result.count)} events since ${String(result.from)} (${threshold?.value ?? '?'} needed)`;
  return [...terms, count, ...different, '  (the alert is of the group; its events are not kept in it)'];
}

function suppressionText(suppression: Json): string {
  const terms = objectsAt(suppression, 'terms').map(({ field, value }) => `${String(field)} ${JSON.stringify(value)}`);
  return `${terms.join(', ')}: ${String(suppression.docs_count ?? 0)} more events counted in this alert`;
}
