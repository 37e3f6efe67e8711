// A rule with all that the event path needs of it ready: its exceptions, its new terms as slots, the hashes that it cannot
// do without. Made once, by detector.ts.

import { createHash } from 'node:crypto';
import type { Field, FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { CompiledQuery } from '../query/language.ts';
import { type ActiveItem, itemsHash } from './exceptions/exception-set.ts';
import type { HashOf } from './hash-source.ts';
import { hashesNeeded } from './hash-waits.ts';
import type { Rule } from './rule.ts';
import type { TermRule } from './term-store.ts';

export interface LoadedRule {
  readonly rule: Rule;
  readonly compiled: CompiledQuery;
  readonly items: readonly ActiveItem[];
  /** Whose hashes its query or its new terms need. */
  readonly needs: readonly HashOf[];
  readonly terms?: TermRule & { readonly slots: readonly Field[]; readonly historyMs: number };
}

/** in: rule, the exceptions bound to it, the table of the events, how long it learns. */
export function loadRule(rule: Rule, items: readonly ActiveItem[], fields: FieldTable, learnMs: number): LoadedRule {
  const { rule_id, compiled } = rule;
  const loaded = { rule, compiled, items, needs: hashesNeeded(rule, compiled) };
  if (rule.newTerms === undefined) return loaded;
  const slots = rule.newTerms.fields.map((name) => fields.add(name, ecsType(name) ?? 'keyword'));
  const queryHash = createHash('sha256')
    .update(rule.query.trim() + itemsHash(items))
    .digest('base64url');
  return {
    ...loaded,
    terms: { rule_id, fields: rule.newTerms.fields, queryHash, learnMs, slots, historyMs: rule.newTerms.historyMs },
  };
}
