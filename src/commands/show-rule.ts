// One rule for a person, in sections; a section without content falls away. In: a rule; out: text without a line end after
// the last line. Pure; called by rules.ts. Guides are Markdown, $osquery_N stands for the rule's N-th step (guide.ts).

import type { ExceptionEntry, ItemFacts } from '../detect/exceptions/exception-list.ts';
import type { BehaviorAction, Rule, Threat } from '../detect/rule.ts';
import type { StageProgram } from '../query/eql-program.ts';
import { type GuideStep, guideLines, pickLanguage } from './guide.ts';
import { type Look, SEVERITY_STYLES } from './rules-text.ts';
import { escapeLines, escapeText, wrap } from './terminal.ts';

export function formatRule(rule: Rule, exceptions: readonly ItemFacts[], language: string, look: Look): string {
  const { paint, width } = look;
  const severity = paint(SEVERITY_STYLES[rule.severity], rule.severity);
  const head = `${severity}  ${paint('bold', escapeText(rule.name))}`;
  const about = wrap(escapeText(rule.description.replace(/\s+/g, ' ')), width);
  const sections: [string, string[]][] = [
    ['Rule', factLines(rule, look)],
    ['Query', escapeLines(rule.query.trim()).split('\n')],
    ['Filters', (rule.filters ?? []).map(({ text }) => escapeText(text))],
    ['Stages', stageLines(rule)],
    ['Counts', kindLines(rule)],
    ['Exceptions', bullets(exceptions.map(itemText), look)],
    ['Actions of Elastic Defend (not taken here)', actionLines(rule)],
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
    ['id', `${rule.rule_id}, version ${rule.versionText ?? rule.version}`],
    [
      'type',
      `${rule.type}, ${rule.language}${rule.dialect === undefined ? '' : ', a behaviour rule of Elastic Defend'}`,
    ],
    ['state', rule.disabled === true ? 'disabled: the agent does not run it' : ''],
    ['alerts', rule.buildingBlock === undefined ? '' : 'are building blocks for other rules'],
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
    ['file', rule.line === undefined ? rule.file : `${rule.file}:${rule.line}`],
  ];
  return rows
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `${paint('dim', label.padEnd(12))}${escapeText(text)}`);
}

const AT = 'the event of stage';

/** What binds the events of a sequence or sample, and what each of them is. */
function stageLines({ program }: Rule): string[] {
  if (program === undefined || program.kind === 'event') return [];
  const { kind, maxspanMs, stages, until } = program;
  const keys = (list: StageProgram['keys']) =>
    list.map(({ field, optional }) => `${optional ? '?' : ''}${field.name}`).join(', ');
  const lines = stages.map(({ keys: by, missing, name }, i) => {
    const parts = [
      by.length > 0 ? `by ${keys(by)}` : '',
      missing ? 'missing' : '',
      name === undefined ? '' : `as ${name}`,
    ];
    return `${i + 1}. ${parts.filter((part) => part !== '').join(', ')}`.trim();
  });
  const span = maxspanMs === undefined ? 'without maxspan' : `within ${spanText(maxspanMs)}`;
  const head = kind === 'sample' ? 'a sample: events with these keys, in any order' : `a sequence ${span}`;
  const end = until === undefined ? [] : [`until, by ${keys(until.keys)}`];
  return [head, ...lines, ...end].map(escapeText);
}

/** Threshold and suppression, in sentences. */
function kindLines({ threshold, suppression, interval }: Rule): string[] {
  const lines: string[] = [];
  if (threshold !== undefined) {
    const group = threshold.fields.length === 0 ? 'all events together' : `each ${threshold.fields.join(', ')}`;
    const values = threshold.cardinality
      .map(({ field, value }) => `, with ${value} or more different ${field}`)
      .join('');
    lines.push(`an alert for ${group} with ${threshold.value} or more events${values}`);
  }
  if (suppression !== undefined) {
    const { groupBy, durationMs, missingFields } = suppression;
    const span = durationMs === undefined ? `its interval (${interval})` : spanText(durationMs);
    const group = groupBy.length === 0 ? 'of the same group' : `with the same ${groupBy.join(', ')}`;
    const missing = missingFields === 'suppress' ? '' : '; an event without one of them makes an alert of its own';
    lines.push(`repeats ${group} within ${span} are counted in the open alert${missing}`);
  }
  return lines.map(escapeText);
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** In the largest unit that needs no fraction: 90s, 5m. */
function spanText(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}

function itemText({ name, entries, osTypes, expiresMs }: ItemFacts): string {
  const os = osTypes.length === 0 ? '' : `, on ${osTypes.join(' and ')}`;
  const end = expiresMs === undefined ? '' : `, until ${new Date(expiresMs).toISOString()}`;
  return `${name}: ${entries.map(entryText).join(' and ')}${os}${end}`;
}

function entryText(entry: ExceptionEntry): string {
  if (entry.type === 'nested') return `${entry.field} { ${entry.entries.map(entryText).join(' and ')} }`;
  const { field, type, excluded, values } = entry;
  const verb = type === 'exists' ? 'exists' : type === 'wildcard' ? 'like' : 'is';
  return [excluded ? 'not' : '', field, verb, values.map((value) => JSON.stringify(value)).join(' or ')]
    .filter((part) => part !== '')
    .join(' ');
}

function actionLines({ behavior, program }: Rule): string[] {
  const isJoined = program !== undefined && program.kind !== 'event';
  const line = (action: BehaviorAction, optional: string) => {
    const { action: verb, field, state, tree } = action;
    const at = isJoined && state !== undefined ? `, ${AT} ${state + 1}` : '';
    return escapeText(
      `${verb}${field === undefined ? '' : ` ${field}`}${at}${tree === true ? ', with its descendants' : ''}${optional}`,
    );
  };
  return [
    ...(behavior?.actions ?? []).map((action) => line(action, '')),
    ...(behavior?.optionalActions ?? []).map((action) => line(action, ' (optional)')),
  ];
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
