// All exception items that were loaded, and for a rule those that are for it: asked by detector.ts for each event that
// matched, before new terms. An item hides an event when all its entries hold; one item is enough.
// Refused, disabled and expired items hide nothing.

import { createHash } from 'node:crypto';
import { nearest } from '../../config/nearest.ts';
import type { EcsEvent } from '../../ecs/event.ts';
import { ForebearError } from '../../errors.ts';
import type { HashOf } from '../hash-source.ts';
import type { RuleFacts } from '../rule.ts';
import { type CompiledItem, compileItem, declareNested, type ItemContext, isDoubted } from './compile-item.ts';
import type { ExceptionEntry, ItemFacts, ListFacts } from './exception-list.ts';
import type { ExceptionReader, ReadVerdict } from './read-exceptions.ts';

export type ActiveItem = ItemFacts & CompiledItem;

export interface ExceptionVerdict extends Omit<ReadVerdict, 'item'> {
  /** In force, unless it is expired. */
  readonly item?: ActiveItem;
  /** Switched off by exceptions.disable. */
  readonly disabled?: true;
}

export type ExceptionState = 'applies' | 'expired' | 'disabled' | 'refused';

type RuleIdentity = Pick<RuleFacts, 'rule_id' | 'exceptionLists'>;

export class ExceptionSet {
  readonly verdicts: readonly ExceptionVerdict[];
  readonly #items: readonly ActiveItem[];
  /** In the order of the files, by list, by the rule that tags name, and those for every rule. */
  readonly #byList = new Map<string, number[]>();
  readonly #byRule = new Map<string, number[]>();
  readonly #everywhere: number[] = [];
  #bound: { rules: readonly RuleIdentity[]; items: ReadonlySet<ActiveItem> } | undefined;

  /** in: what was read, the verdicts of judgeItems. */
  constructor({ lists }: Pick<ExceptionReader, 'lists'>, verdicts: readonly ExceptionVerdict[]) {
    this.verdicts = verdicts;
    this.#items = verdicts.flatMap(({ item }) => item ?? []);
    for (const [place, item] of this.#items.entries()) this.#enter(place, item, lists.get(item.list_id));
  }

  #enter(place: number, item: ActiveItem, list: ListFacts | undefined): void {
    add(this.#byList, item.list_id, place);
    for (const rule_id of [...item.ruleIds, ...(list?.ruleIds ?? [])]) add(this.#byRule, rule_id, place);
    if (item.everyRule || list?.everyRule) this.#everywhere.push(place);
  }

  /** Asked once a second for the same rules. */
  #boundToAny(rules: readonly RuleIdentity[]): ReadonlySet<ActiveItem> {
    if (this.#bound?.rules !== rules) {
      this.#bound = { rules, items: new Set(rules.flatMap((rule) => this.boundTo(rule))) };
    }
    return this.#bound.items;
  }

  /** The items that are for a rule: of the lists that it names, and those whose tags name it. */
  boundTo({ rule_id, exceptionLists = [] }: RuleIdentity): readonly ActiveItem[] {
    const places = [
      ...exceptionLists.flatMap((list) => this.#byList.get(list) ?? []),
      ...(this.#byRule.get(rule_id) ?? []),
      ...this.#everywhere,
    ];
    return [...new Set(places)].sort((a, b) => a - b).map((place) => this.#items[place]!);
  }

  /** Of all items in force, bound or not. */
  entries(): ExceptionEntry[] {
    return this.#items.flatMap(({ entries }) => entries);
  }

  /** in: the rules that run, now (ms since 1970); out: figures for people; unbound: in force, but for none of the rules. */
  summary(rules: readonly RuleIdentity[], nowMs: number): Record<ExceptionState | 'unbound', number> {
    const bound = this.#boundToAny(rules);
    const counts = { applies: 0, expired: 0, disabled: 0, refused: 0, unbound: 0 };
    for (const verdict of this.verdicts) {
      const state = stateOf(verdict, nowMs);
      counts[state]++;
      if (state === 'applies' && !bound.has(verdict.item!)) counts.unbound++;
    }
    return counts;
  }
}

function add(map: Map<string, number[]>, key: string, place: number): void {
  const places = map.get(key);
  if (places === undefined) map.set(key, [place]);
  else places.push(place);
}

/**
 * Item by item, as an iterator: there may be thousands. in: what was read, the table of the events (after the rules were compiled), ids
 * of items that are switched off.
 */
export function* judgeItems(
  { verdicts }: Pick<ExceptionReader, 'verdicts'>,
  context: ItemContext,
  disabled: readonly string[] = [],
): Generator<ExceptionVerdict> {
  declareNested(
    verdicts.flatMap(({ item }) => item ?? []),
    context.fields,
  );
  const off = new Set(disabled);
  for (const verdict of verdicts) yield judge(verdict, context, off);
}

function judge(verdict: ReadVerdict, context: ItemContext, off: ReadonlySet<string>): ExceptionVerdict {
  const { item, ...rest } = verdict;
  if (item === undefined) return rest;
  if (off.has(item.item_id)) return { ...rest, disabled: true };
  try {
    return { ...rest, item: { ...item, ...compileItem(item, context) } };
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    const line = verdict.line === undefined ? {} : { line: verdict.line };
    return { ...rest, error: new ForebearError(error.code, error.message, { ...line, cause: error }) };
  }
}

/** in: verdict, time (ms since 1970); out: what has become of the item then. */
export function stateOf({ item, disabled, error }: ExceptionVerdict, nowMs: number): ExceptionState {
  if (disabled) return 'disabled';
  if (error !== undefined || item === undefined) return 'refused';
  return isExpired(item, nowMs) ? 'expired' : 'applies';
}

function isExpired({ expiresMs }: ItemFacts, nowMs: number): boolean {
  return expiresMs !== undefined && nowMs >= expiresMs;
}

/** Throws FB_EXCEPTION_DISABLE for an id in exceptions.disable that no file has. */
export function assertKnownItems(disabled: readonly string[], { verdicts }: ExceptionReader): void {
  const known = verdicts.flatMap(({ item_id }) => item_id ?? []);
  const strange = disabled.find((id) => !known.includes(id));
  if (strange === undefined) return;
  const near = nearest(strange, known);
  const hint = near === undefined ? 'forebear exceptions list names them' : `did you mean ${near}?`;
  throw new ForebearError('FB_EXCEPTION_DISABLE', `exceptions.disable: there is no item ${strange}`, { hint });
}

/**
 * The first item that hides the event. A time that is not known (0) is taken for late: nothing that expires applies. An
 * item that names a hash applies only where that is known and proven.
 * in: items of the rule, an event that the rule matched, whether such a hash is. Never throws.
 */
export function findException(
  items: readonly ActiveItem[],
  event: EcsEvent,
  isKnown: (of: HashOf) => boolean = () => true,
): ActiveItem | undefined {
  return items.find((item) => item.matches(event.slots) && isInForce(item, event) && item.hashes.every(isKnown));
}

/** Whose hashes decide whether the event is hidden: those of items all of whose other entries hold. */
export function hashesAwaited(items: readonly ActiveItem[], event: EcsEvent): readonly HashOf[] {
  const awaited = new Set<HashOf>();
  for (const item of items) {
    if (item.hashes.every((of) => awaited.has(of))) continue;
    if (item.matchesBesides(event.slots) && isInForce(item, event)) for (const of of item.hashes) awaited.add(of);
  }
  return [...awaited];
}

function isInForce({ expiresMs, osTypes, excludedFields }: ActiveItem, event: EcsEvent): boolean {
  return (
    (expiresMs === undefined || (event.wallMs > 0 && event.wallMs < expiresMs)) &&
    (osTypes.length === 0 || osTypes.includes(String(event.get('host.os.type')))) &&
    !(event.gaps.length > 0 && isDoubted(excludedFields, event.gaps))
  );
}

/** Equal for items that hide the same, in whatever order; '' for none. */
export function itemsHash(items: readonly ActiveItem[]): string {
  if (items.length === 0) return '';
  const lines = items.map(({ entries, osTypes, expiresMs }) => JSON.stringify([entries, osTypes, expiresMs ?? null]));
  return createHash('sha256').update(lines.sort().join('\n')).digest('base64url');
}
