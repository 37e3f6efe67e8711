// What `rules check` and `rules list` print for a person: a line for each rule, and what was refused grouped by reason.
// In: verdicts and rules; out: text without a line end after the last line. Pure; called by rules.ts.

import type { RuleVerdict } from '../detect/compile-rule.ts';
import type { Rule, Severity } from '../detect/rule.ts';
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

/** Faults first to last as the files are, then the figures: what one looks for stands at the end of the screen. */
export function formatCheck(verdicts: readonly RuleVerdict[], look: Look): string {
  if (verdicts.length === 0) return 'no rules found';
  return [...verdicts.flatMap((verdict) => verdictLines(verdict, look)), '', ...figures(verdicts, look)].join('\n');
}

function verdictLines(verdict: RuleVerdict, { paint }: Look): string[] {
  const { error, rule, file } = verdict;
  const name = verdict.name === undefined ? '' : `  ${escapeText(verdict.name)}`;
  if (error === undefined) {
    const limits = (rule?.limits ?? []).map((limit) => `         ${escapeText(limit)}`);
    return [`${paint('green', 'runs')}     ${escapeText(file)}${name}`, ...limits];
  }
  const column = error.column === undefined ? '' : `:${error.column}`;
  const place = error.line === undefined ? '' : `:${error.line}${column}`;
  const reason = escapeLines(`${error.code}: ${error.message}`).split('\n');
  const hint = error.hint === undefined ? [] : [escapeText(error.hint)];
  return [
    `${paint('red', 'refused')}  ${escapeText(file)}${place}${name}`,
    ...[...reason, ...hint].map((line) => `         ${line}`),
  ];
}

function figures(verdicts: readonly RuleVerdict[], { paint }: Look): string[] {
  const refused = verdicts.filter(({ error }) => error !== undefined);
  const total = `${verdicts.length} rule${verdicts.length === 1 ? '' : 's'}`;
  const head = `${total}: ${verdicts.length - refused.length} run, ${refused.length} refused`;
  const groups = tally(refused.map(({ error }) => error!.code)).map(([code, count]) => {
    const about = tally(refused.filter(({ error }) => error!.code === code).flatMap(subjectOf));
    const words = about.map(([word, times]) => `${escapeText(word)} ${times}`).join(', ');
    return `${String(count).padStart(6)}  ${code.padEnd(18)}  ${words}`.trimEnd();
  });
  return [paint('bold', head), ...groups];
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

/** The rules that run, by severity and name, and how many were refused. */
export function formatList(rules: readonly Rule[], verdicts: readonly RuleVerdict[], { paint, width }: Look): string {
  const rank: Severity[] = ['critical', 'high', 'medium', 'low'];
  const sorted = rules.toSorted(
    (a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity) || (a.name < b.name ? -1 : 1),
  );
  const lines = sorted.map((rule) => {
    const severity = paint(SEVERITY_STYLES[rule.severity], rule.severity.padEnd(9));
    const rest = `${rule.type.padEnd(10)}${escapeText(rule.rule_id)}  ${escapeText(rule.name)}`;
    return `${severity}${width === undefined ? rest : cut(rest, width - 9)}`;
  });
  const refused = verdicts.length - rules.length;
  const more = refused === 0 ? [] : [paint('dim', `${refused} refused: forebear rules check says why`)];
  return [...lines, ...(lines.length === 0 ? ['no rule runs'] : []), ...more].join('\n');
}
