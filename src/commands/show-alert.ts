// Everything about one alert for a person, in sections; a section without content falls away. Pure; called by show.ts.
// Facts come from the alert's document; what only the rule file has (guide in other languages, osquery steps, related
// rules) from the rule, where it is still loaded.

import type { Alert } from '../detect/alert.ts';
import type { RuleFacts } from '../detect/rule.ts';
import type { Gap } from '../ecs/event.ts';
import { gapText, localTime, SEVERITY_STYLE } from './alert-line.ts';
import { objectsAt, textAt, textsAt, valueAt } from './document.ts';
import { fillPlaceholders, type GuideStep, guideLines, pickLanguage } from './guide.ts';
import { processTree } from './process-tree.ts';
import { sequenceRows, suppressionRows, thresholdRows } from './several-events.ts';
import { columns, escapeLines, escapeText, type Paint, wrap } from './terminal.ts';

export type GuideFacts = Pick<RuleFacts, 'note' | 'osquery' | 'related' | 'version'>;

export interface ShowContext {
  seq: number;
  /** The rule as it is loaded now, if it still is. */
  rule?: GuideFacts | undefined;
  language: string;
  paint: Paint;
  width: number | undefined;
}

const HASH_REASON_TEXTS: Readonly<Record<string, string>> = {
  metadata_changed: 'as it was soon after: renamed, unlinked or chmoded since the exec',
  fresh_file: 'written within the same moment as it was executed',
  too_large: 'the file is larger than enrich.hash_max_bytes',
  untrusted_filesystem: 'the file is on FUSE, which may give each reader another content',
  unknown_file: 'the exec was not seen, nor which file it was',
  gone: 'process and file had gone',
  other_file: 'another file is in its place',
  changed: 'the file was changed after the exec',
  not_regular: 'not a regular file any more',
  unreadable: 'the file cannot be read',
  busy: 'too many files were waiting to be hashed',
  stalled: 'the file system did not answer',
  stopping: 'the agent stopped before',
  unrecorded: 'the recording has no hash of it',
};
const LABEL = 14;
const RULE = 'kibana.alert.rule';

/** in: the alert, where and how to show it; out: text, no line end after the last line. Never throws. */
export function formatAlert(alert: Alert, context: ShowContext): string {
  const { document } = alert;
  const { paint, width } = context;
  const sections: [title: string, lines: string[]][] = [
    ['Alert', facts(alertFacts(alert, context), context)],
    ['Process tree', processTree(document, paint, width === undefined ? undefined : width - 2)],
    ['Process', facts(processFacts(document), context)],
    ['Events of the sequence', facts(sequenceRows(document), context)],
    ['Threshold', facts(thresholdRows(document), context)],
    ['Suppressed repeats', facts(suppressionRows(document), context)],
    ['New terms', facts(termFacts(alert), context)],
    ['Rule', facts(ruleFacts(alert), context)],
    ['Investigation guide', guideSection(alert, context)],
    ['osquery', stepsSection(alert, context)],
    ['False positives', bullets(textsAt(document, `${RULE}.false_positives`), context)],
    ['Related rules', bullets(relatedTexts(context.rule), context)],
    ['References', bullets(textsAt(document, `${RULE}.references`), context)],
  ];
  const severity = paint(SEVERITY_STYLE[alert.severity], alert.severity);
  const head = `${severity}  ${paint('bold', escapeText(alert.ruleName))}`;
  const reason = wrap(escapeText(alert.reason), width);
  const shown = sections.filter(([, lines]) => lines.length > 0);
  const bodies = shown.map(([title, lines]) => [
    paint(['bold', 'cyan'], title),
    ...lines.map((line) => `  ${line}`.trimEnd()),
  ]);
  return [[head, ...reason], ...bodies].map((lines) => lines.join('\n')).join('\n\n');
}

type Fact = readonly [label: string, text: string | undefined];

function alertFacts(alert: Alert, { seq }: ShowContext): Fact[] {
  const late = alert.detectedWallMs - alert.eventWallMs;
  return [
    ['id', alert.uuid],
    ['journal', `record ${seq}`],
    ['event', localTime(alert.eventWallMs)],
    ['detected', late >= 0 && late < 60_000 ? `${Math.round(late)} ms later` : localTime(alert.detectedWallMs)],
    ['host', alert.hostId === '' ? alert.hostName : `${alert.hostName} (${alert.hostId})`],
    ['risk score', String(alert.riskScore)],
    ['self-test', alert.selftest === true ? 'yes: set off by forebear selftest, nothing has happened' : undefined],
    ...alert.gaps.map((gap, i): Fact => [i === 0 ? 'not seen' : '', gapDetail(gap)]),
  ];
}

/** As on the alert's line, with the field where the document was cut. */
function gapDetail(gap: Gap): string {
  return gap.kind === 'document_cut' && gap.detail !== '' ? `document cut: ${gap.detail}` : gapText(gap);
}

function processFacts(document: unknown): Fact[] {
  const at = (name: string) => textAt(document, `process.${name}`);
  const args = textsAt(document, 'process.args');
  const argc = at('args_count');
  const tty = at('tty.char_device.major');
  return [
    ['executable', at('executable')],
    ...args.map((arg, i): Fact => [`args[${i}]`, arg === '' ? '""' : arg]),
    ['args', argc !== undefined && Number(argc) !== args.length ? `${args.length} of ${argc} shown` : undefined],
    ['directory', at('working_directory')],
    ['user', named(at('user.name') ?? textAt(document, 'user.name'), at('user.id') ?? textAt(document, 'user.id'))],
    [
      'group',
      named(at('group.name') ?? textAt(document, 'group.name'), at('group.id') ?? textAt(document, 'group.id')),
    ],
    ['real user', named(at('real_user.name'), at('real_user.id'))],
    ['terminal', tty === undefined ? undefined : `${tty}:${at('tty.char_device.minor') ?? '?'}`],
    ['interactive', at('interactive')],
    ['entry leader', entryText(document)],
    ['sha256', hashText(at('hash.sha256'), textAt(document, 'forebear.hash_reason'))],
    ['md5', at('hash.md5')],
    ['sha1', at('hash.sha1')],
    ['parent sha256', hashText(at('parent.hash.sha256'), textAt(document, 'forebear.parent_hash_reason'))],
    ['environment', textsAt(document, 'process.env_vars').join('  ') || undefined],
    ['container', textAt(document, 'container.id')],
  ];
}

/** Why there is none, or why it is not proven. */
function hashText(sha256: string | undefined, reason: string | undefined): string | undefined {
  const why = reason === undefined ? undefined : (HASH_REASON_TEXTS[reason] ?? reason);
  if (why === undefined) return sha256;
  return sha256 === undefined ? `not known: ${why}` : `${sha256} (${why})`;
}

function entryText(document: unknown): string | undefined {
  const leader = valueAt(document, 'process.entry_leader');
  const who = named(textAt(leader, 'executable') ?? textAt(leader, 'name'), textAt(leader, 'pid'));
  const how = [textAt(leader, 'entry_meta.type'), textAt(leader, 'entry_meta.source.ip')]
    .filter(Boolean)
    .join(' from ');
  return [who, how].filter(Boolean).join(', ') || undefined;
}

function termFacts(alert: Alert): Fact[] {
  const fields = textsAt(alert.document, `${RULE}.parameters.new_terms_fields`);
  const terms = alert.terms ?? textsAt(alert.document, 'kibana.alert.new_terms');
  const history = textAt(alert.document, 'forebear.new_terms.history');
  return [...terms.map((term, i): Fact => [fields[i] ?? (i === 0 ? 'new' : ''), term]), ['history', history]];
}

function ruleFacts({ document, rule_id, ruleVersion }: Alert): Fact[] {
  const at = (name: string) => textAt(document, `${RULE}.${name}`);
  return [
    ['id', `${rule_id}, version ${ruleVersion}`],
    ['type', at('type')],
    ...attackTexts(document).map((text, i): Fact => [i === 0 ? 'ATT&CK' : '', text]),
    ['tags', textsAt(document, `${RULE}.tags`).join(', ') || undefined],
    ['description', at('description')?.replace(/\s+/g, ' ').trim()],
  ];
}

/** Persistence (TA0003): Create or Modify System Process (T1543), Systemd Service (T1543.002) */
function attackTexts(document: unknown): string[] {
  return objectsAt(document, `${RULE}.threat`).map((threat) => {
    const techniques = objectsAt(threat, 'technique').flatMap((technique) => [
      named(textAt(technique, 'name'), textAt(technique, 'id')),
      ...objectsAt(technique, 'subtechnique').map((sub) => named(textAt(sub, 'name'), textAt(sub, 'id'))),
    ]);
    const tactic = named(textAt(threat, 'tactic.name'), textAt(threat, 'tactic.id')) ?? '?';
    return techniques.length === 0 ? tactic : `${tactic}: ${techniques.join(', ')}`;
  });
}

function guideText(alert: Alert, context: ShowContext): string | undefined {
  const own = textAt(alert.document, `${RULE}.note`) ?? '';
  return pickLanguage({ en: own, ...context.rule?.note }, context.language);
}

/** Markdown as it is, headings bold, wrapped, the osquery steps in their places. */
function guideSection(alert: Alert, context: ShowContext): string[] {
  const guide = guideText(alert, context);
  if (guide === undefined) return [];
  const changed = context.rule !== undefined && context.rule.version !== alert.ruleVersion;
  const remark = changed ? [`(of version ${context.rule?.version}; the alert is of version ${alert.ruleVersion})`] : [];
  const lines = guideLines(guide, context.rule?.osquery ?? []).flatMap((line) =>
    typeof line === 'string' ? prose(line, context) : stepLines(line.step, line.indent, alert.document, context),
  );
  return [...remark, ...lines];
}

/** The steps that the guide does not name in its text. */
function stepsSection(alert: Alert, context: ShowContext): string[] {
  const steps = context.rule?.osquery ?? [];
  const named = guideLines(guideText(alert, context) ?? '', steps).map((line) => typeof line !== 'string' && line.step);
  const rest = steps.filter((step) => !named.includes(step));
  return rest.flatMap((step) => stepLines(step, '', alert.document, context));
}

function prose(markdown: string, { paint, width }: ShowContext): string[] {
  const line = escapeLines(markdown);
  const heading = /^#+\s+(.*)$/.exec(line)?.[1];
  if (heading !== undefined) return [paint('bold', heading)];
  const indent = /^\s*(?:[-*]\s+|\d+\.\s+)?/.exec(line)![0].length;
  const pieces = wrap(line, width === undefined ? undefined : width - 2 - indent);
  return pieces.map((piece, i) => (i === 0 ? piece : ' '.repeat(indent) + piece));
}

/** The query on one line, to be copied whole. */
function stepLines(step: GuideStep, indent: string, document: unknown, { paint }: ShowContext): string[] {
  const query = fillPlaceholders(step.query.trim(), document).replace(/\s*\n\s*/g, ' ');
  return [`${indent}- ${paint('bold', escapeText(step.label))}`, `${indent}    ${escapeText(query)}`];
}

function relatedTexts(rule: GuideFacts | undefined): string[] {
  return (rule?.related ?? []).map(({ name, rule_id }) => `${name}  ${rule_id}`);
}

function bullets(texts: readonly string[], { width }: ShowContext): string[] {
  return texts.flatMap((text) =>
    wrap(escapeText(text), width === undefined ? undefined : width - 4).map(
      (line, i) => `${i === 0 ? '- ' : '  '}${line}`,
    ),
  );
}

/** Rows of label and value, the value wrapped under itself; rows without a value fall away. */
function facts(rows: readonly Fact[], { paint, width }: ShowContext): string[] {
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined);
  const pad = Math.max(LABEL, ...known.map(([label]) => columns(escapeText(label)) + 2));
  return known.flatMap(([label, text]) => {
    const lines = wrap(escapeText(text), width === undefined ? undefined : Math.max(20, width - pad - 2));
    return lines.map((line, i) => `${paint('dim', (i === 0 ? escapeText(label) : '').padEnd(pad))}${line}`);
  });
}

/** "alice (1000)", either alone, or undefined. */
function named(name: string | undefined, id: string | undefined): string | undefined {
  if (name === undefined || id === undefined) return name ?? id;
  return `${name} (${id})`;
}
