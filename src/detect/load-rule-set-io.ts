// The rules that are to run and the exceptions to them, from files: lists first (a rule whose list is missing is refused), those among
// the rules too (a Kibana export holds both), then rules, then the items, compiled against the fields that rules and events have.
// Called by the agent, replay and `forebear rules`.

import type { RuleContext } from './compile-rule.ts';
import { assertKnownItems, ExceptionSet, type ExceptionVerdict, judgeItems } from './exceptions/exception-set.ts';
import { loadExceptions } from './exceptions/load-exceptions-io.ts';
import type { HostAbilities } from './host-abilities.ts';
import { findSources, judgeSources, type RuleSet } from './load-rules-io.ts';
import { Pace } from './pace-io.ts';

export interface RuleSources {
  /** Files or folders. */
  readonly rules: readonly string[];
  readonly exceptions: readonly string[];
  /** Ids of items that are switched off. */
  readonly disabled: readonly string[];
  /** Nothing silences anything: lists that rules name count as there, and empty. */
  readonly withoutExceptions?: true;
  /** Rules that are `enabled = false` run too. */
  readonly runDisabled?: boolean;
}

export interface LoadOptions {
  /** What the host can see, for items; default: as for the rules. */
  readonly itemAbilities?: HostAbilities | undefined;
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  /** At a reload: the set that runs, of the same table of fields. */
  readonly before?: RuleSet | undefined;
  /** Who counts how long events were held up. */
  readonly pace?: Pace;
}

/** As loadRules, with the exceptions. Throws FB_EXCEPTION_DISABLE for an id in `disabled` that no item has. */
export async function loadRuleSet(
  sources: RuleSources,
  context: RuleContext,
  { itemAbilities = context.abilities, stdin, before, pace = new Pace() }: LoadOptions = {},
): Promise<RuleSet & { readonly exceptions: ExceptionSet }> {
  const { disabled, withoutExceptions = false, runDisabled = false } = sources;
  const read = await loadExceptions(sources.exceptions, { pace });
  const besideRules = withoutExceptions ? undefined : (file: string) => read.lines(file, true);
  const options = { stdin, pace, before, exceptions: besideRules, runDisabled };
  const found = await findSources(sources.rules, options);
  assertKnownItems(disabled, read);
  const lists = withoutExceptions ? EVERYTHING : new Set(read.lists.keys());
  const set = await judgeSources(found, { ...context, exceptionLists: lists }, options);
  const unused = new Set(read.dropUnnamed(new Set(set.rules.flatMap(({ exceptionLists = [] }) => exceptionLists))));
  const others = set.others?.filter(({ file, holds }) => holds !== 'exceptions' || unused.has(file)) ?? [];
  read.finish();
  const itemContext = { fields: context.fields, ...(itemAbilities && { abilities: itemAbilities }) };
  const verdicts: ExceptionVerdict[] = [];
  for (const verdict of judgeItems(read, itemContext, disabled)) {
    verdicts.push(verdict);
    await pace.step();
  }
  return { ...set, others, exceptions: new ExceptionSet(read, verdicts) };
}

const EVERYTHING = { has: () => true };
