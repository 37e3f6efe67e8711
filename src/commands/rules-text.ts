// What `rules check` and `rules list` print for a person: a line for each rule, and what was refused grouped by reason.
// In: verdicts and rules; out: text without a line end after the last line. Pure; called by rules.ts.

import type { RuleVerdict } from '../detect/compile-rule.ts';
import { type ExceptionVerdict, stateOf } from '../detect/exceptions/exception-set.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Severity } from '../detect/rule.ts';
import type { OtherContent } from '../detect/rule-source.ts';
import { placeOf as exceptionPlace } from './rule-sources.ts';
import { cut, escapeLines, escapeText, type Paint, type Style } from './terminal.ts';

export interface Look {
  readonly paint: Paint;
  /** Columns of the terminal; undefined: nothing is cut. */
  readonly width: number | undefined;
}

export const SEVERITY_STYLES: Record<Severity, Style> = {
  low: 'cyan',
  medium: 'yellow',
  high: 'red',
  critical: 'magenta',
};

/** in: exceptions that came with the rules. Faults first to last as the files are, then the figures: what one looks for stands at the end of the screen. */
export function formatCheck(set: RuleSet, exceptions: readonly ExceptionVerdict[], look: Look): string {
  const { verdicts } = set;
  const besides = [...exceptionLines(exceptions), ...otherLines(set)];
  if (verdicts.length === 0) return ['no rules found', ...besides].join('\n');
  const lines = verdicts.flatMap((verdict) => verdictLines(verdict, look));
  return [...lines, '', ...figures(verdicts, look), ...besides].join('\n');
}

function verdictLines(verdict: RuleVerdict, { paint }: Look): string[] {
  const { error, rule, notes = [] } = verdict;
  const name = verdict.name === undefined ? '' : `  ${escapeText(verdict.name)}`;
  const said = [...(rule?.limits ?? []), ...notes].map((text) => `          ${escapeText(text)}`);
  if (error === undefined) {
    const word = rule?.disabled === true ? paint('dim', 'disabled') : `${paint('green', 'runs')}    `;
    return [`${word}  ${placeOf(verdict)}${name}`, ...said];
  }
  const reason = escapeLines(`${error.code}: ${error.message}`).split('\n');
  const hint = error.hint === undefined ? [] : [escapeText(error.hint)];
  return [
    `${paint('red', 'refused')}   ${placeOf(verdict)}${name}`,
    ...[...reason, ...hint].map((line) => `          ${line}`),
    ...said,
  ];
}

/** The fault's place, else the rule's. */
function placeOf({ file, line: first, error }: RuleVerdict): string {
  const line = error?.line ?? first;
  const column = error?.column === undefined ? '' : `:${error.column}`;
  return `${escapeText(file)}${line === undefined ? '' : `:${line}${column}`}`;
}

function figures(verdicts: readonly RuleVerdict[], { paint }: Look): string[] {
  const refused = verdicts.filter(({ error }) => error !== undefined);
  const disabled = verdicts.filter(({ rule, error }) => error === undefined && rule?.disabled === true).length;
  const total = `${verdicts.length} rule${verdicts.length === 1 ? '' : 's'}`;
  const off = disabled === 0 ? '' : `, ${disabled} could but ${disabled === 1 ? 'is' : 'are'} disabled`;
  const head = `${total}: ${verdicts.length - refused.length - disabled} run${off}, ${refused.length} refused`;
  const groups = tally(refused.map(({ error }) => error!.code)).map(([code, count]) => {
    const about = tally(refused.filter(({ error }) => error!.code === code).flatMap(subjectOf));
    const words = about.map(([word, times]) => `${escapeText(word)} ${times}`).join(', ');
    return `${String(count).padStart(6)}  ${code.padEnd(18)}  ${words}`.trimEnd();
  });
  return [paint('bold', head), ...groups];
}

function exceptionLines(items: readonly ExceptionVerdict[]): string[] {
  if (items.length === 0) return [];
  const counts = tally(items.map((item) => stateOf(item, Date.now()))).map(
    ([state, count]) => `${count} ${state === 'applies' ? 'in force' : state}`,
  );
  const faults = items.flatMap((item) => {
    if (item.error === undefined) return [];
    return [`        ${escapeText(exceptionPlace(item))}: ${escapeText(`${item.error.code}: ${item.error.message}`)}`];
  });
  return [`${items.length} exception item${items.length === 1 ? '' : 's'}: ${counts.join(', ')}`, ...faults];
}

const OTHER: Record<OtherContent, string> = {
  exceptions: 'with exceptions for no rule here (--exceptions applies them)',
  events: 'with events',
  'something else': 'with something else',
};
const MOST_NAMED = 5;

/** Files that hold no rule: named, so that nobody wonders. */
function otherLines({ others = [] }: RuleSet): string[] {
  return Object.entries(OTHER).flatMap(([holds, words]) => {
    const files = others.filter((other) => other.holds === holds).map(({ file }) => escapeText(file));
    if (files.length === 0) return [];
    const more = files.length > MOST_NAMED ? [`and ${files.length - MOST_NAMED} more`] : [];
    const names = [...files.slice(0, MOST_NAMED), ...more].join(', ');
    return [`${files.length} file${files.length === 1 ? '' : 's'} ${words}: ${names}`];
  });
}

/** What the refusal is about, in a word, where its code has one. */
function subjectOf({ error, language, type, sensors }: RuleVerdict): string[] {
  if (error?.code === 'FB_RULE_LANGUAGE') return [language ?? 'unknown'];
  if (error?.code === 'FB_RULE_TYPE') return [type ?? 'unknown'];
  return error?.code === 'FB_RULE_SENSOR' ? [sensors.join('+') || 'other'] : [];
}

/** Most frequent first. */
function tally(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

/** The rules that run, by severity and name, those that are disabled, and how many were refused. */
export function formatList({ rules, verdicts }: RuleSet, { paint, width }: Look): string {
  const rank: Severity[] = ['critical', 'high', 'medium', 'low'];
  const off = verdicts.flatMap(({ rule }) => (rule === undefined || rules.includes(rule) ? [] : [rule]));
  const lines = [...rules, ...off]
    .toSorted((a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity) || (a.name < b.name ? -1 : 1))
    .map((rule) => {
      const severity = paint(SEVERITY_STYLES[rule.severity], rule.severity.padEnd(9));
      const state = off.includes(rule) ? ' (disabled)' : rule.buildingBlock === undefined ? '' : ' (building block)';
      const rest = `${rule.type.padEnd(10)}${escapeText(rule.rule_id)}  ${escapeText(rule.name)}${state}`;
      return `${severity}${width === undefined ? rest : cut(rest, width - 9)}`;
    });
  const kept = verdicts.filter((verdict) => verdict.kept === true).length;
  const refused = verdicts.filter(({ error }) => error !== undefined).length - kept;
  const more = refused === 0 ? [] : [paint('dim', `${refused} refused: forebear rules check says why`)];
  return [...lines, ...(rules.length === 0 ? ['no rule runs'] : []), ...more].join('\n');
}
