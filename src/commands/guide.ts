// The investigation guide of a rule for a person: the language asked for, osquery steps with their placeholders filled
// from the alert. Guides are Markdown; in Elastic's form a line holds `$osquery_N` (the rule's N-th step) or, once rendered,
// `!{osquery{"label":...,"query":...}}`. Called by show-alert.ts.

import { textAt } from './document.ts';

export interface GuideStep {
  label: string;
  query: string;
}

/** Locale of the user, as the environment has it: `zh_CN.UTF-8` -> zh. Order of POSIX: LC_ALL, LC_MESSAGES, LANG. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): string {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value !== undefined && value !== '') ?? '';
  const language = /^[a-z]{2,3}(?=[_.@-]|$)/i.exec(locale)?.[0].toLowerCase();
  return language ?? 'en';
}

/** in: texts by language tag, the one asked for; out: that one, else English, else any; undefined when all are empty. */
export function pickLanguage(texts: Readonly<Record<string, string>>, language: string): string | undefined {
  const has = (tag: string) => Object.hasOwn(texts, tag) && texts[tag]!.trim() !== '';
  const near = Object.keys(texts).find((tag) => tag.split('-', 1)[0] === language.split('-', 1)[0] && has(tag));
  const tag = [language, near, 'en', ...Object.keys(texts)].find((tag) => tag !== undefined && has(tag));
  return tag === undefined ? undefined : texts[tag]!.trim();
}

/**
 * Fills `{{user.name}}` and the like with the alert's values. A quote in a value is doubled, as SQL wants it: the value
 * may be the attacker's. A placeholder without a value stays as it is.
 */
export function fillPlaceholders(text: string, document: unknown): string {
  return text.replace(/\{\{\s*([A-Za-z0-9_.@]+)\s*\}\}/g, (whole, field: string) => {
    return textAt(document, field)?.replaceAll("'", "''") ?? whole;
  });
}

/** One line of a guide: text as it is, or a step that stands there. */
export type GuideLine = string | { indent: string; step: GuideStep };

const STEP_LINE = /^(\s*)(?:[-*]\s+)?(?:\$osquery_(\d{1,3})|!\{osquery(\{.*\})\})\s*$/;
const OTHER_PLUGIN = /!\{(?:investigate|insight)\{.*?\}\}/g;

/** in: Markdown, the rule's steps (what $osquery_N stands for); out: its lines, steps in their places. */
export function guideLines(markdown: string, steps: readonly GuideStep[]): GuideLine[] {
  return markdown.split(/\r?\n/).map((line) => {
    const [, indent, index, json] = STEP_LINE.exec(line) ?? [];
    const step = index === undefined ? parseStep(json) : steps[Number(index)];
    return step === undefined ? line.replace(OTHER_PLUGIN, '') : { indent: indent ?? '', step };
  });
}

function parseStep(json: string | undefined): GuideStep | undefined {
  if (json === undefined) return undefined;
  try {
    const step: unknown = JSON.parse(json);
    const query = textAt(step, 'query');
    return query === undefined ? undefined : { label: textAt(step, 'label') ?? 'osquery', query };
  } catch {
    return undefined;
  }
}
