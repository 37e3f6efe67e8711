// What an alert tells of several events: those of a sequence, the group that a threshold rule counted, how many repeats it took
// in. In: an alert's document; out: rows of label and text, none where it tells of one event alone. Pure; called by show-alert.ts.

import { localTime } from './alert-line.ts';
import { objectsAt, textAt, textsAt } from './document.ts';

type Row = readonly [label: string, text: string];

/** The events of a sequence, in their order: when, what ran, with which arguments; else what it is about. */
export function sequenceRows(document: unknown): Row[] {
  return objectsAt(document, 'forebear.sequence').map((event, i) => {
    const said = ['process.executable', 'process.name', 'file.path', 'destination.ip', 'event.action'];
    const what = textAt(event, 'process.command_line') ?? said.map((name) => textAt(event, name)).find(Boolean) ?? '?';
    const parent = textAt(event, 'process.parent.executable') ?? textAt(event, 'process.parent.name');
    const pid = textAt(event, 'process.pid');
    const about = [pid && `pid ${pid}`, parent && `of ${parent}`].filter(Boolean).join(', ');
    return [`${i + 1}`, [timeOf(event), what, about && `(${about})`].filter(Boolean).join('  ')];
  });
}

export function thresholdRows(document: unknown): Row[] {
  const at = 'kibana.alert.threshold_result';
  const count = textAt(document, `${at}.count`);
  if (count === undefined) return [];
  const from = textAt(document, `${at}.from`);
  return [
    ['events', `${count}${from === undefined ? '' : ` since ${shownTime(from)}`}`],
    ...termRows(document, `${at}.terms`),
    ...objectsAt(document, `${at}.cardinality`).map(
      (each): Row => [textAt(each, 'field') ?? '?', `${textAt(each, 'value') ?? '?'} different`],
    ),
  ];
}

export function suppressionRows(document: unknown): Row[] {
  const at = 'kibana.alert.suppression';
  const count = textAt(document, `${at}.docs_count`);
  if (count === undefined) return [];
  const end = textAt(document, `${at}.end`);
  const until = count === '0' || end === undefined ? '' : `, the last at ${shownTime(end)}`;
  return [['more events', `${count}${until}`], ...termRows(document, `${at}.terms`)];
}

function termRows(document: unknown, path: string): Row[] {
  return objectsAt(document, path).map(
    (term): Row => [textAt(term, 'field') ?? '?', textsAt(term, 'value').join(', ') || 'no value'],
  );
}

function timeOf(event: unknown): string {
  return shownTime(textAt(event, '@timestamp') ?? '');
}

function shownTime(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : localTime(ms);
}
