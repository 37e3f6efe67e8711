// Where an error is in a text: line, column, and the line with a caret under it. Used by every query language.

import { escapeText } from '../text.ts';

export interface Place {
  /** 1-based; column in UTF-16 units. */
  line: number;
  column: number;
}

const WIDTH = 100;
/** What must not reach a terminal: controls, formats, separators of lines, halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** in: text, offset in UTF-16 units; out: its line and column. Lines end with LF. */
export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}

/**
 * in: message, text, offset; out: three lines: message, its controls escaped, the line concerned (cut to 100 characters,
 * controls as blanks) and a caret under the offset.
 */
export function renderCaret(message: string, text: string, offset: number): string {
  const { column } = placeOf(text, offset);
  const start = offset - (column - 1);
  const end = text.indexOf('\n', start);
  const line = text
    .slice(start, end === -1 ? text.length : end)
    .replace(UNPRINTABLE, (char) => ' '.repeat(char.length));
  const from = Math.max(0, column - 1 - WIDTH / 2);
  const cut = line.slice(from, from + WIDTH);
  return `${escapeText(message)}\n  ${cut}\n  ${' '.repeat(column - 1 - from)}^`;
}
