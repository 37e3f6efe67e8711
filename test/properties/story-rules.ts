// The rules that run over story.ts: the first of those that are shipped, and one for each thing that the detector keeps: terms of one field,
// of several, of lists; limits; learning; exceptions with and without an end. Rules are compiled against one table of fields.

import { resolve } from 'node:path';
import { ExceptionSet, judgeItems } from '../../src/detect/exceptions/exception-set.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules, type RuleSet } from '../../src/detect/load-rules-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { entry, item, LIST, read } from '../detect/exceptions/lists.ts';
import { makeRule, makeThresholdRule } from '../detect/rules.ts';
import { START } from '../enrich/fake-host.ts';

const SHIPPED = resolve(
  import.meta.dirname,
  '../../rules/linux/persistence_systemd_service_started_by_unusual_parent.toml',
);
const HOUR_MS = 3_600_000;
/** Between the second and the third `wget --ok` of the story. */
export const EXPIRES_MS = START.wallOffsetMs + HOUR_MS;

export interface StoryRules {
  fields: FieldTable;
  set: RuleSet;
  learnMs: (rule_id: string) => number;
}

export async function storyRules(): Promise<StoryRules> {
  const fields = new FieldTable();
  const shipped = await loadRules([SHIPPED], { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  const rules = [...shipped.rules, ...ownRules(fields)];
  const lists = read(
    LIST,
    item([entry('match', 'process.args', '--ok')], {
      item_id: 'until',
      expire_time: new Date(EXPIRES_MS).toISOString(),
      tags: ['rule:excepted'],
    }),
    item([entry('match', 'process.args', 'never')], { item_id: 'other' }),
  );
  const exceptions = new ExceptionSet(lists, [...judgeItems(lists, { fields, abilities: LINUX_HOST })]);
  const learnMs = (rule_id: string) => (rule_id === 'learning' ? HOUR_MS : 0);
  return { fields, set: { ...shipped, rules, exceptions }, learnMs };
}

function ownRules(fields: FieldTable): Rule[] {
  const rule = (rule_id: string, query: string, over: Partial<Rule> = {}, terms?: string[]) =>
    makeRule(fields, query, { rule_id, name: `Rule ${rule_id}`, ...over }, terms);
  const hour = { fields: ['process.args'], historyMs: HOUR_MS, historyWindowStart: 'now-1h' };
  return [
    rule('capped', 'process.name:curl and event.action:exec', { max_signals: 3 }),
    rule('list', 'process.name:nc and event.action:exec', { newTerms: hour, type: 'new_terms' }),
    rule('pair', 'process.name:(curl or nc) and event.type:start', { max_signals: 2 }, [
      'process.parent.name',
      'process.args',
    ]),
    rule('learning', 'process.executable:/opt/* and event.action:exec', {}, ['process.executable']),
    rule(
      'session',
      'process.entry_leader.entry_meta.type:(sshd or unknown) and process.name:(payload or late) and event.action:exec',
    ),
    rule('parent', 'process.parent.args:"--daemon" and process.name:systemctl and event.action:exec'),
    rule('excepted', 'process.name:wget and event.action:exec', { exceptionLists: ['list-1'] }, ['process.args']),
  ];
}

/** Rules that count and suppress, over the same story. */
export async function groupRules(): Promise<StoryRules> {
  const rules = await storyRules();
  const { fields } = rules;
  const suppression = {
    groupBy: ['process.name', 'process.args'],
    durationMs: HOUR_MS,
    missingFields: 'suppress',
  } as const;
  const execs = 'process.name:(curl or nc or wget or systemctl) and event.action:exec';
  const counts = { fields: ['process.name'], value: 3, cardinality: [{ field: 'process.args', value: 2 }] };
  const own = [
    makeRule(fields, execs, { rule_id: 'suppressed', name: 'Rule suppressed', suppression }),
    makeThresholdRule(fields, execs, counts, { rule_id: 'counted', name: 'Rule counted', from: 'now-2h' }),
    makeThresholdRule(fields, execs, { value: 2 }, { rule_id: 'both', name: 'Rule both', suppression }),
  ];
  return { ...rules, set: { ...rules.set, rules: own } };
}
