// Where an error is in a text: line, column, and the line with a caret under it. Used by every query language.

export interface Place {
  /** 1-based; column in UTF-16 units. */
  line: number;
  column: number;
}

const WIDTH = 100;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** in: text, offset in UTF-16 units; out: its line and column. Lines end with LF. */
export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}

/**
 * in: message, text, offset; out: three lines: message, the line concerned (cut to 100 characters, controls as blanks)
 * and a caret under the offset.
 */
export function renderCaret(message: string, text: string, offset: number): string {
  const { column } = placeOf(text, offset);
  const start = offset - (column - 1);
  const end = text.indexOf('\n', start);
  const line = text.slice(start, end === -1 ? text.length : end).replace(UNPRINTABLE, ' ');
  const from = Math.max(0, column - 1 - WIDTH / 2);
  const cut = line.slice(from, from + WIDTH);
  return `${message}\n  ${cut}\n  ${' '.repeat(column - 1 - from)}^`;
}
