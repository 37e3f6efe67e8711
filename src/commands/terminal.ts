// What a terminal shows: colours (or none), columns, wrapping. Every command that prints for a person goes through here;
// text from events, rules and files is escaped first (escapeText), never after colouring.

import { styleText } from 'node:util';
import { escapeText } from '../text.ts';
import type { Io } from './command.ts';

export { escapeJson, escapeText } from '../text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan' | 'magenta';

/** in: a style and text that is already escaped; out: the text, coloured or not. */
export type Paint = (style: Style | readonly Style[], text: string) => string;

const PLAIN: Paint = (_style, text) => text;
const COLOR: Paint = (style, text) => styleText(style as Style | Style[], text, { validateStream: false });

export function painter(color: boolean): Paint {
  return color ? COLOR : PLAIN;
}

/** NO_COLOR (any value) forbids, FORCE_COLOR (but 0) demands, TERM=dumb and no terminal mean no. */
export function wantsColor(env: Io['env'], isTerminal: boolean): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  return isTerminal && env.TERM !== 'dumb';
}

/** Columns of the terminal behind stdout; undefined when it is none: then nothing is cut or wrapped. */
export function terminalWidth(io: Io): number | undefined {
  if (!io.outIsTerminal) return undefined;
  const said = io.columns ?? Number(io.env.COLUMNS);
  return Number.isInteger(said) && said >= 20 ? said : 80;
}

/** Text of several lines (error messages with a caret, prose): escaped, its line breaks and tabs kept. */
export function escapeLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.split('\t').map(escapeText).join('  '))
    .join('\n');
}

/** Columns that escaped text takes: East Asian wide characters and emoji two, combining marks none. */
export function columns(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charColumns(char);
  return width;
}

/** in: escaped, uncoloured text; out: at most `width` columns of it, the last one an ellipsis where it was cut. */
export function cut(text: string, width: number): string {
  if (text.length <= width && columns(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const char of text) {
    used += charColumns(char);
    if (used > width - 1) break;
    kept += char;
  }
  return width < 1 ? '' : `${kept}…`;
}

/** Prose in lines of at most `width` columns, broken at blanks and between wide characters. undefined: one line. */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined || columns(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\s)|(?<=[\u2e80-\u9fff\uff00-\uffef])/u)) {
    if (line !== '' && columns(line) + columns(word.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
  }
  return [...lines, line.trimEnd()];
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;

function charColumns(char: string): number {
  if (char >= ' ' && char <= '~') return 1;
  if (/\p{M}/u.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}
