// The rules that are to run and the exceptions to them, from files: lists first (a rule whose list is missing is refused),
// then rules, then the items, compiled against the fields that rules and events have. Called by the agent, replay and
// `forebear rules`.

import type { RuleContext } from './compile-rule.ts';
import { assertKnownItems, ExceptionSet } from './exceptions/exception-set.ts';
import { loadExceptions } from './exceptions/load-exceptions-io.ts';
import type { HostAbilities } from './host-abilities.ts';
import { loadRules, type RuleSet } from './load-rules-io.ts';

export interface RuleSources {
  /** Files or folders. */
  readonly rules: readonly string[];
  readonly exceptions: readonly string[];
  /** Ids of items that are switched off. */
  readonly disabled: readonly string[];
}

export interface LoadOptions {
  /** What the host can see, for items; default: as for the rules. */
  readonly itemAbilities?: HostAbilities | undefined;
  readonly stdin?: () => AsyncIterable<Uint8Array>;
}

/** As loadRules, with the exceptions. Throws FB_EXCEPTION_DISABLE for an id in `disabled` that no item has. */
export async function loadRuleSet(
  { rules, exceptions, disabled }: RuleSources,
  context: RuleContext,
  { itemAbilities = context.abilities, stdin }: LoadOptions = {},
): Promise<RuleSet & { readonly exceptions: ExceptionSet }> {
  const read = await loadExceptions(exceptions);
  assertKnownItems(disabled, read);
  const set = await loadRules(rules, { ...context, exceptionLists: new Set(read.lists.keys()) }, stdin);
  const itemContext = { fields: context.fields, ...(itemAbilities && { abilities: itemAbilities }) };
  return { ...set, exceptions: new ExceptionSet(read, itemContext, disabled) };
}
