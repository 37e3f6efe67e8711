// What a suggested exception would have hidden besides its alert: other alerts of the rule in the journal, recorded events, the rule's own
// test events. In: the rule, its exceptions, the items; out: counts, and sentences of them. Called by exceptions-suggest.ts.

import { environmentNames } from '../detect/environment-names.ts';
import { type ActiveItem, type ExceptionSet, findException } from '../detect/exceptions/exception-set.ts';
import type { Rule } from '../detect/rule.ts';
import { RuleTrial } from '../detect/rule-trial.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { attempt } from '../errors.ts';
import type { Io } from './command.ts';
import { documentLine } from './document-line.ts';
import { readEvents } from './event-source.ts';
import type { JournalView } from './journal-records.ts';
import { testEvents } from './rules-test.ts';
import { eventsOfAlert } from './why.ts';

export interface Effects {
  /** Other alerts of the rule in the journal; undecodable: alerts of it, or of nobody knows which rule, that cannot be read. */
  readonly journal: { readonly alerts: number; readonly hidden: number; readonly undecodable: number };
  /** Events that the rule's query matches and nothing hides yet, and the alerts that they bring. */
  readonly events?: {
    readonly matching: number;
    readonly hidden: number;
    readonly alerts_hidden: number;
    readonly examples: readonly string[];
  };
  /** Test events that have to fire. */
  readonly tests?: { readonly expected: number; readonly fired: number; readonly hidden: number };
}

type Bound = Pick<ExceptionSet, 'boundTo'>;

export interface EffectsOptions {
  readonly view: JournalView;
  readonly rule: Rule;
  /** In force before. */
  readonly exceptions: Bound;
  readonly items: readonly ActiveItem[];
  readonly fields: FieldTable;
  readonly events: readonly string[] | undefined;
  /** Of the alert itself. */
  readonly uuid: string | undefined;
}

export async function effectsOf(options: EffectsOptions, io: Io): Promise<Effects> {
  const { rule, exceptions, items, fields, events } = options;
  const withItems: Bound = { boundTo: (of) => [...exceptions.boundTo(of), ...items] };
  const before = await testEvents(rule, exceptions, fields, io);
  const { expected, fired } = await testEvents(rule, withItems, fields, io);
  return {
    journal: await journalEffect(options),
    ...(events && { events: await eventsEffect(options, events, io) }),
    ...(before.expected > 0 && { tests: { expected, fired, hidden: Math.max(0, before.fired - fired) } }),
  };
}

async function journalEffect({ view, rule, items, fields, uuid }: EffectsOptions): Promise<Effects['journal']> {
  const counts = { alerts: 0, hidden: 0, undecodable: 0 };
  for await (const { kindName, payload } of view.records({})) {
    if (kindName !== 'alert') continue;
    const envelope = attempt(() => view.envelope(payload));
    if (envelope !== undefined && (envelope.rule_id !== rule.rule_id || envelope.uuid === uuid)) continue;
    const alert = attempt(() => view.alert(payload));
    if (alert === undefined) {
      counts.undecodable++;
      continue;
    }
    counts.alerts++;
    const events = eventsOfAlert(alert.document, fields);
    if (events.every((event) => findException(items, event) !== undefined)) counts.hidden++;
  }
  return counts;
}

const MOST_EXAMPLES = 5;

async function eventsEffect(
  { rule, exceptions, items, fields }: EffectsOptions,
  files: readonly string[],
  io: Io,
): Promise<NonNullable<Effects['events']>> {
  const trial = new RuleTrial(rule, exceptions, fields);
  const counts = { matching: 0, hidden: 0, alerts_hidden: 0 };
  const examples: string[] = [];
  const envNames = environmentNames({ rules: [rule] });
  await readEvents(files, { table: fields, envNames }, io, ({ event, document }) => {
    const { probes, hiddenBy, alerts } = trial.take(event);
    if (probes.length === 0 || hiddenBy !== undefined) return;
    counts.matching++;
    if (findException(items, event) === undefined) return;
    counts.hidden++;
    counts.alerts_hidden += alerts.length;
    if (examples.length < MOST_EXAMPLES) examples.push(documentLine(document, '', '@timestamp', undefined));
  });
  return { ...counts, examples };
}

/** For a person, not escaped. */
export function effectTexts({ journal, events, tests }: Effects, warnings: readonly string[]): string[] {
  const { alerts, hidden, undecodable } = journal;
  const unread = undecodable === 0 ? '' : `; ${undecodable} alerts cannot be read: forebear journal check`;
  return [
    `journal: ${hidden} of ${alerts} other alerts of the rule would have been hidden${unread}`,
    ...(events === undefined
      ? []
      : [
          `events: ${events.hidden} of ${events.matching} that the rule matches would be hidden, and with them ${events.alerts_hidden} alerts`,
          ...events.examples.map((line) => `  ${line}`),
        ]),
    tests === undefined
      ? 'tests: the rule has no test events'
      : `tests: ${tests.fired} of ${tests.expected} events of the rule's own tests fire still${tests.hidden > 0 ? `: IT HIDES ${tests.hidden}` : ''}`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}
