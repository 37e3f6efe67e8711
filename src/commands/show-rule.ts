// One rule for a person, in sections; a section without content falls away. In: a rule; out: text without a line end after
// the last line. Pure; called by rules.ts. Guides are Markdown, $osquery_N stands for the rule's N-th step (guide.ts).

import type { Rule, Threat } from '../detect/rule.ts';
import { type GuideStep, guideLines, pickLanguage } from './guide.ts';
import { type Look, SEVERITY_STYLES } from './rules-text.ts';
import { escapeLines, escapeText, wrap } from './terminal.ts';

export function formatRule(rule: Rule, language: string, look: Look): string {
  const { paint, width } = look;
  const severity = paint(SEVERITY_STYLES[rule.severity], rule.severity);
  const head = `${severity}  ${paint('bold', escapeText(rule.name))}`;
  const about = wrap(escapeText(rule.description.replace(/\s+/g, ' ')), width);
  const sections: [string, string[]][] = [
    ['Rule', factLines(rule, look)],
    ['Query', escapeLines(rule.query.trim()).split('\n')],
    ['ATT&CK', rule.threat.flatMap(threatLines)],
    ['Limits on this host', bullets(rule.limits ?? [], look)],
    ['Investigation guide', guideSection(rule, language, look)],
    ['False positives', bullets(rule.false_positives, look)],
    ['Set-up', rule.setup.trim() === '' ? [] : prose(rule.setup.trim(), look)],
    [
      'Related rules',
      bullets(
        rule.related.map(({ name, rule_id }) => `${name}  ${rule_id}`),
        look,
      ),
    ],
    ['References', bullets(rule.references, look)],
  ];
  const bodies = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [paint(['bold', 'cyan'], title), ...lines.map((line) => `  ${line}`.trimEnd())]);
  return [[head, ...about], ...bodies].map((lines) => lines.join('\n')).join('\n\n');
}

function factLines(rule: Rule, { paint }: Look): string[] {
  const terms = rule.newTerms;
  const rows: [string, string][] = [
    ['id', `${rule.rule_id}, version ${rule.version}`],
    ['type', `${rule.type}, ${rule.language}`],
    ...(terms === undefined
      ? []
      : ([['new terms', `${terms.fields.join(', ')} since ${terms.historyWindowStart}`]] as [string, string][])),
    ['risk score', String(rule.risk_score)],
    ['at most', `${rule.max_signals} alerts per ${rule.interval}`],
    ['sensors', (rule.sensors ?? []).join(', ')],
    ['index', rule.index.join(', ')],
    ['tags', rule.tags.join(', ')],
    ['author', rule.author.join(', ')],
    ['license', rule.license],
    ['file', rule.file],
  ];
  return rows
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `${paint('dim', label.padEnd(12))}${escapeText(text)}`);
}

/** Persistence (TA0003): Create or Modify System Process (T1543), Systemd Service (T1543.002) */
function threatLines({ tactic, technique }: Threat): string[] {
  const named = ({ name, id }: { name: string; id: string }) => `${name} (${id})`;
  const techniques = technique.flatMap((one) => [named(one), ...one.subtechnique.map(named)]);
  return [escapeText([named(tactic), techniques.join(', ')].filter((text) => text !== '').join(': '))];
}

function guideSection(rule: Rule, language: string, look: Look): string[] {
  const guide = pickLanguage(rule.note, language);
  const lines = guide === undefined ? [] : guideLines(guide, rule.osquery);
  const named = new Set(lines.map((line) => (typeof line === 'string' ? undefined : line.step)));
  const rest = rule.osquery.filter((step) => !named.has(step)).flatMap((step) => stepLines(step, '', look));
  const shown = lines.flatMap((line) =>
    typeof line === 'string' ? prose(line, look) : stepLines(line.step, line.indent, look),
  );
  return [...shown, ...rest];
}

/** The query on one line, to be copied whole; its placeholders are filled from an alert by `forebear show`. */
function stepLines({ label, query }: GuideStep, indent: string, { paint }: Look): string[] {
  const line = query.trim().replace(/\s*\n\s*/g, ' ');
  return [`${indent}- ${paint('bold', escapeText(label))}`, `${indent}    ${escapeText(line)}`];
}

function prose(markdown: string, { paint, width }: Look): string[] {
  return escapeLines(markdown)
    .split('\n')
    .flatMap((line) => {
      const heading = /^#+\s+(.*)$/.exec(line)?.[1];
      return heading === undefined ? wrap(line, width === undefined ? undefined : width - 2) : [paint('bold', heading)];
    });
}

function bullets(texts: readonly string[], { width }: Look): string[] {
  return texts.flatMap((text) =>
    wrap(escapeText(text), width === undefined ? undefined : width - 4).map(
      (line, i) => `${i === 0 ? '-' : ' '} ${line}`,
    ),
  );
}
