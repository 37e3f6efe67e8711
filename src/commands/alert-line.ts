// An alert as one line for a person: time, severity, rule, who, lineage, what was not seen. On a terminal that is too
// narrow the lineage goes to a second line, and both are cut. Printed by tail, replay and the agent in the foreground.

import type { Alert } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import type { Gap } from '../ecs/event.ts';
import { textAt } from './document.ts';
import { type Ancestor, labelOf, lineageOf, runOf } from './lineage.ts';
import { columns, cut, escapeText, type Paint, painter, type Style } from './terminal.ts';

export interface LineOptions {
  color: boolean;
  /** Columns of the terminal; undefined: no terminal, the line is as long as it is. */
  width?: number | undefined;
}

export const SEVERITY_STYLE: Readonly<Record<Severity, Style | readonly Style[]>> = {
  low: 'cyan',
  medium: 'yellow',
  high: 'red',
  critical: ['bold', 'red'],
};

const INDENT = '    ';
const MOST_ANCESTORS = 7;
/** Which part gives way on a narrow terminal: the rule's name, the lineage. */
const HEAD_YIELDS = 2;
const TAIL_YIELDS = 0;

/** in: an alert, whatever its document holds; out: one line, or two on a narrow terminal; no line end. Never throws. */
export function formatAlertLine(alert: Alert, options: LineOptions): string {
  const paint = painter(options.color);
  const head = headOf(alert);
  const tail = tailOf(alert);
  const { width } = options;
  const length =
    columns(head.map(([, text]) => text).join('  ')) + 2 + columns(tail.map(([, text]) => text).join('  '));
  if (width === undefined || length <= width) return join([...head, ...tail], paint, undefined, 0);
  return `${join(head, paint, width, HEAD_YIELDS)}\n${INDENT}${join(tail, paint, width - INDENT.length, TAIL_YIELDS)}`;
}

/** YYYY-MM-DD HH:MM:SS in the time zone of the reader. in: milliseconds since 1970. */
export function localTime(wallMs: number): string {
  const time = new Date(wallMs);
  if (Number.isNaN(time.getTime())) return '????-??-?? ??:??:??';
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** user@host, as far as they are known; escaped. */
export function whoOf(alert: Alert): string {
  const { document } = alert;
  const user = textAt(document, 'process.user.name') ?? textAt(document, 'user.name');
  const id = textAt(document, 'process.user.id') ?? textAt(document, 'user.id');
  const who = user ?? (id === undefined ? '?' : `uid ${id}`);
  return escapeText(alert.hostName === '' ? who : `${who}@${alert.hostName}`);
}

/** What a gap means for this alert, in a few words; escaped. */
export function gapText(gap: Gap): string {
  const detail = escapeText(gap.detail);
  const count = gap.count;
  switch (gap.kind) {
    case 'lost_records':
      return `${count} ${count === 1 ? 'record' : 'records'} lost`;
    case 'truncated':
      return `${detail} cut`;
    case 'unreadable':
      return `${detail} unreadable`;
    case 'unknown_parent':
      return 'parent unknown';
    case 'unknown_session':
      return 'session unknown';
    case 'capped_alerts':
      return `${count} more ${count === 1 ? 'alert' : 'alerts'} not kept`;
    case 'document_cut':
      return 'document cut';
    default:
      return detail === '' ? 'gap' : detail;
  }
}

type Part = readonly [Style | readonly Style[] | undefined, string];

/** A self-test is dim and says so: nothing has happened. */
function headOf(alert: Alert): Part[] {
  const selftest = alert.selftest === true;
  return [
    ['dim', localTime(alert.eventWallMs)],
    [selftest ? 'dim' : SEVERITY_STYLE[alert.severity], alert.severity.padEnd(8)],
    [selftest ? 'dim' : 'bold', `${selftest ? 'self-test: ' : ''}${escapeText(alert.ruleName)}`],
    [selftest ? 'dim' : undefined, whoOf(alert)],
  ];
}

function tailOf(alert: Alert): Part[] {
  const marks = new Set(alert.gaps.map((gap) => `! ${gapText(gap)}`));
  return [
    [alert.selftest === true ? 'dim' : undefined, lineageText(alert.document)],
    ...[...marks].map((mark): Part => ['magenta', mark]),
  ];
}

/**
 * `sshd > bash > ./payload > systemctl enable x`: from what let the session in (the entry leader's parent) where that is
 * known, else from below pid 1; repeated names left out, a long chain cut in its middle. `show` draws the whole tree.
 */
export function lineageText(document: unknown): string {
  const all = lineageOf(document);
  const own = all.at(-1)!;
  const ancestors = all.slice(entranceOf(all, document), -1);
  const names = ancestors.map(labelOf).filter((name, i, names) => name !== names[i - 1]);
  const shown = names.length > MOST_ANCESTORS ? [...names.slice(0, 2), '…', ...names.slice(2 - MOST_ANCESTORS)] : names;
  return [...shown, runOf(own)].map(escapeText).join(' > ');
}

/** Index of the first ancestor worth a line. */
function entranceOf(all: readonly Ancestor[], document: unknown): number {
  const leader = textAt(document, 'process.entry_leader.entity_id');
  const entry = leader === undefined ? -1 : all.findIndex(({ entityId }) => entityId === leader);
  if (entry > 0) return entry - 1;
  return all.length > 2 && all[0]!.pid === '1' ? 1 : 0;
}

/** The parts two blanks apart, within `width` columns when there is one. */
function join(parts: readonly Part[], paint: Paint, width: number | undefined, yielding: number): string {
  const texts = parts.map(([, text]) => text);
  if (width !== undefined) fit(texts, width, yielding);
  return texts
    .map((text, i) => (parts[i]![0] === undefined ? text : paint(parts[i]![0], text)))
    .filter((_text, i) => texts[i] !== '')
    .join('  ');
}

/** Cuts in place: first the part that may give way (down to 16 columns), then from the end. */
function fit(texts: string[], width: number, yielding: number): void {
  const order = [yielding, ...[...texts.keys()].reverse()];
  for (const [turn, index] of order.entries()) {
    const over = columns(texts.join('  ')) - width;
    if (over <= 0) return;
    texts[index] = cut(texts[index]!, Math.max(turn === 0 ? 16 : 0, columns(texts[index]!) - over));
  }
}
