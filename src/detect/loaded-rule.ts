// A rule with all that the event path needs of it ready: its probes, its exceptions, its new terms as slots, the hashes that it
// cannot do without, and what decides about its matches, which has state. Made by rule-book.ts, at the start and at each reload: the
// state of a rule that counts and joins as before goes on.

import { createHash } from 'node:crypto';
import type { Field } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { Tracked } from '../query/eql-program.ts';
import type { CompiledQuery } from '../query/language.ts';
import { type ActiveItem, itemsHash } from './exceptions/exception-set.ts';
import { type HashOf, hashesNamed } from './hash-source.ts';
import { hashFieldsOf } from './hash-waits.ts';
import type { RuleKind } from './kinds/kind.ts';
import { type KindContext, makeKind } from './kinds/make-kind.ts';
import type { Rule } from './rule.ts';
import { type SuppressionRule, suppressionOf } from './suppression-rule.ts';
import type { TermRule } from './term-store.ts';

export interface LoadedRule {
  readonly rule: Rule;
  /** Of several probes: any of them. */
  readonly compiled: CompiledQuery;
  readonly probes: readonly CompiledQuery[];
  /** Probes that are asked for what they remember. */
  readonly tracked: readonly Tracked[];
  readonly kind: RuleKind;
  /** What its state is of: another text, another state. "": it has none. */
  readonly signature: string;
  readonly items: readonly ActiveItem[];
  /** Whose hashes its query or its new terms need. */
  readonly needs: readonly HashOf[];
  readonly terms?: TermRule & { readonly slots: readonly Field[]; readonly historyMs: number };
  readonly suppression?: SuppressionRule;
}

export interface LoadContext extends KindContext {
  readonly learnMs: (rule_id: string) => number;
}

/** in: rule, the exceptions bound to it, the rule of that id before, if there was one. */
export function loadRule(
  rule: Rule,
  items: readonly ActiveItem[],
  context: LoadContext,
  before: LoadedRule | undefined,
): LoadedRule {
  const signature = signatureOf(rule, items);
  const terms = termsOf(rule, items, context);
  const suppression = suppressionOf(rule, context.fields);
  const needs = hashesNamed(hashFieldsOf(rule));
  const found = { items, needs, ...(terms && { terms }), ...(suppression && { suppression }) };
  if (before !== undefined && signature !== '' && before.signature === signature) {
    const { compiled, probes, tracked, kind } = before;
    return { rule, signature, compiled, probes, tracked, kind, ...found };
  }
  const newTerms = terms && { rule_id: rule.rule_id, fields: terms.slots, historyMs: terms.historyMs };
  const kind = makeKind(rule, newTerms, signature, context);
  return { rule, signature, compiled: rule.compiled, ...partsOf(rule), kind, ...found };
}

function partsOf({ compiled, program }: Rule): Pick<LoadedRule, 'probes' | 'tracked'> {
  if (program === undefined || (program.kind === 'event' && program.tracked.length === 0)) {
    return { probes: [compiled], tracked: [] };
  }
  return { probes: program.probes, tracked: program.tracked };
}

function termsOf({ rule_id, query, filters, newTerms }: Rule, items: readonly ActiveItem[], context: LoadContext) {
  if (newTerms === undefined) return undefined;
  const { fields, historyMs } = newTerms;
  const slots = fields.map((name) => context.fields.add(name, ecsType(name) ?? 'keyword'));
  const queryHash = createHash('sha256')
    .update(query.trim() + itemsHash(items) + (filters === undefined ? '' : JSON.stringify(filters)))
    .digest('base64url');
  return { rule_id, fields, queryHash, learnMs: context.learnMs(rule_id), slots, historyMs };
}

/** Rules that count, join or remember. */
function signatureOf(rule: Rule, items: readonly ActiveItem[]): string {
  const { query, language, dialect, eqlFields, filters, threshold, from, program } = rule;
  const joins = program !== undefined && (program.kind !== 'event' || program.tracked.length > 0);
  if (threshold === undefined && !joins) return '';
  const said = [query.trim(), language, dialect, eqlFields, filters, threshold, threshold && from, itemsHash(items)];
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url');
}
