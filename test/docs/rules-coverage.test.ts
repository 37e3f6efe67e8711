// docs/rules-coverage.md: how many of Elastic's public Linux rules run here, and for which reasons the others do not. Counts alone: no
// text of a rule. FOREBEAR_WRITE_DOCS=1 scripts/test test/docs/rules-coverage.test.ts writes it, where the rules are at hand.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RuleVerdict } from '../../src/detect/compile-rule.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet } from '../../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { TOP } from './pages.ts';

const CORPUS = join(TOP, '../shared/corpus');
const FILE = join(TOP, 'docs/rules-coverage.md');

const HEAD = `# Elastic's public rules on this host

<!-- Made from the rules by FOREBEAR_WRITE_DOCS=1 scripts/test test/docs/rules-coverage.test.ts: do not edit. -->

Counted over half of Elastic's public rules for Linux: detection rules (github.com/elastic/detection-rules, 14cf530f) and behaviour rules
of Elastic Defend (github.com/elastic/protections-artifacts, 9c334cf8). \`forebear rules check\` says of each rule whether it runs, and why
not.
`;

const SOURCES: readonly (readonly [string, string])[] = [
  ['detection rules', 'elastic-siem'],
  ['behaviour rules', 'elastic-behavior'],
];

function reasonOf({ error, sensors, language }: RuleVerdict): string {
  if (error === undefined) return '';
  if (error.code === 'FB_RULE_LANGUAGE')
    return `is written in ${language === 'esql' ? 'ES|QL' : language}, which runs in Elasticsearch`;
  if (error.code === 'FB_RULE_FIELD') return 'needs a field that this host never fills';
  if (error.code !== 'FB_RULE_SENSOR') return error.code;
  const own = new Set(LINUX_HOST.kinds.map(({ sensor }) => sensor));
  const lacking = sensors.filter((sensor) => !own.has(sensor));
  return `needs events of ${lacking.sort().join(' and ')}`;
}

function tally(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

const kindOf = ({ rule, type }: RuleVerdict) =>
  rule?.program === undefined || rule.program.kind === 'event' ? (type ?? '') : `${type}, ${rule.program.kind}`;

async function tablesOf([title, folder]: readonly [string, string]): Promise<string> {
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  const sources = { rules: [join(CORPUS, folder)], exceptions: [], disabled: [] };
  const { verdicts } = await loadRuleSet(sources, context);
  const running = verdicts.filter(({ error }) => error === undefined);
  const refused = verdicts.filter(({ error }) => error !== undefined);
  const limited = running.filter(({ rule }) => rule?.limits !== undefined).length;
  const rows = (words: readonly string[]) =>
    tally(words).map(([word, count]) => `| ${word.replaceAll('|', '\\|')} | ${count} |`);
  return [
    `## Of ${verdicts.length} ${title} ${running.length} run`,
    '',
    '| type | run |',
    '|---|---|',
    ...rows(running.map(kindOf)),
    '',
    ...(limited === 0
      ? []
      : [
          `${limited} of these also name a field that is never filled here, or events that are not seen, and do not depend on it.`,
          '',
        ]),
    ...(refused.length === 0
      ? []
      : ['| refused because it | rules |', '|---|---|', ...rows(refused.map(reasonOf)), '']),
  ].join('\n');
}

it('says what is so', async (ctx) => {
  if (!existsSync(CORPUS)) ctx.skip('the rule corpus is not on this machine (../shared/corpus)');
  const wanted = [HEAD, ...(await Promise.all(SOURCES.map(tablesOf)))].join('\n');
  if (process.env.FOREBEAR_WRITE_DOCS === '1') writeFileSync(FILE, wanted);
  expect(readFileSync(FILE, 'utf8')).toBe(wanted);
});
