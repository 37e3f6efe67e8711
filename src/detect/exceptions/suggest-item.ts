// An alert's event -> the narrowest exception item that hides it and its like: what ran, by whom it was started, how, and as whom; parts of
// texts that change each time (numbers, random names) become `*`. In: the event, whose rule; out: an item in Kibana's form, undefined
// where nothing in the event could tell it from others. Pure; called by `forebear exceptions suggest`.

import type { EcsEvent } from '../../ecs/event.ts';
import { compileItem } from './compile-item.ts';
import { type ItemFacts, readExceptionLine } from './exception-list.ts';
import type { ActiveItem } from './exception-set.ts';

/** One of Kibana's entries. */
export interface SuggestedEntry {
  readonly field: string;
  readonly operator: 'included';
  readonly type: 'match' | 'wildcard';
  readonly value: string;
}

export interface SuggestedItem {
  readonly entries: readonly SuggestedEntry[];
  /** What a reader has to know before it is used. */
  readonly warnings: readonly string[];
}

/** From the most specific on; all that the event has are taken: none of them changes with each run of the same program. */
const FIELDS = [
  'process.executable',
  'process.command_line',
  'process.parent.executable',
  'process.parent.command_line',
  'file.path',
  'user.name',
  'process.entry_leader.entry_meta.type',
];
/** Without them an item says nothing of what was done. */
const TELLING = ['process.executable', 'process.command_line', 'process.parent.executable', 'file.path'];
const RUNS_ANYTHING =
  /\/(bash|dash|sh|zsh|ksh|fish|busybox|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|php[\d.]*|lua[\d.]*|env|xargs)$/;
/** Longer is not what a person wants to read in an exception. */
const MAX_VALUE = 1000;
/** A UUID is one word. */
const WORD = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[A-Za-z0-9]+/gi;
const DIGITS = /^\d{4,}$/;
const MIXED = /^(?=(?:\D*\d){2})(?=.*[A-Za-z]).{8,}$/;
/** What mktemp puts behind a name: /tmp/build.qKxTfa. */
const MKTEMP = /^(?=.*[a-z][A-Z]|.*[A-Z][a-z]|.*\d)(?:.{6}|.{8})$/;
const BEHIND_NAME = /[A-Za-z0-9][.-]$/;

/** in: the event of an alert; of a threshold's group the values that it has. extra: fields whose values count besides. */
export function suggestItem(event: EcsEvent, extra: readonly string[] = []): SuggestedItem | undefined {
  const entries = [...new Set([...FIELDS, ...extra])].flatMap((field) => entryOf(field, event) ?? []);
  if (!entries.some(({ field }) => TELLING.includes(field) || extra.includes(field))) return undefined;
  return { entries, warnings: warningsOf(entries) };
}

/** in: entries, whose they are; out: as it will be loaded. Throws FB_EXCEPTION_*. */
export function activeItem(line: Readonly<Record<string, unknown>>, event: EcsEvent): ActiveItem {
  const read = readExceptionLine(line);
  if (read.kind !== 'item') throw new Error('no item');
  const item: ItemFacts = read.item;
  return { ...item, ...compileItem(item, { fields: event.table }) };
}

function entryOf(field: string, event: EcsEvent): SuggestedEntry | undefined {
  const value = event.get(field);
  const [one, ...more] = Array.isArray(value) ? value : [value];
  if (one === undefined || typeof one === 'object' || more.length > 0) return undefined;
  const text = String(one);
  if (text === '' || text.length > MAX_VALUE || !text.isWellFormed()) return undefined;
  const pattern = typeof one === 'string' ? patternOf(text) : undefined;
  const common = { field, operator: 'included' } as const;
  return pattern === undefined
    ? { ...common, type: 'match', value: text }
    : { ...common, type: 'wildcard', value: pattern };
}

/** undefined: nothing in it changes. */
function patternOf(text: string): string | undefined {
  let last = 0;
  let pattern = '';
  for (const match of text.matchAll(WORD)) {
    if (!changes(match[0], text.slice(Math.max(0, match.index - 2), match.index))) continue;
    pattern += `${escaped(text.slice(last, match.index))}*`;
    last = match.index + match[0].length;
  }
  return last === 0 ? undefined : (pattern + escaped(text.slice(last))).replace(/\*{2,}/g, '*');
}

/** in: a word, the two characters before it; out: whether it is likely to be another one the next time. */
function changes(word: string, before: string): boolean {
  if (word.includes('-') || DIGITS.test(word) || MIXED.test(word)) return true;
  return BEHIND_NAME.test(before) && MKTEMP.test(word);
}

function escaped(text: string): string {
  return text.replace(/[\\*?]/g, '\\$&');
}

function warningsOf(entries: readonly SuggestedEntry[]): string[] {
  const has = (field: string) => entries.find((entry) => entry.field === field);
  const warnings = (['process', 'process.parent'] as const).flatMap((who) => {
    const executable = has(`${who}.executable`);
    if (executable === undefined || !RUNS_ANYTHING.test(executable.value) || has(`${who}.command_line`)) return [];
    return [
      `${executable.value} runs anything, and its command line is not known: this lets more through than it says`,
    ];
  });
  const loose = entries.filter(({ type, field }) => type === 'wildcard' && !field.endsWith('command_line'));
  return [
    ...warnings,
    ...loose.map(({ field, value }) => `${field} is a pattern, ${value}: whoever can make such a name fits`),
  ];
}
