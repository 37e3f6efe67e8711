import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/commands/command.ts';
import {
  columns,
  cut,
  escapeJson,
  escapeLines,
  escapeText,
  painter,
  terminalWidth,
  wantsColor,
  wrap,
} from '../../src/commands/terminal.ts';

describe('hostile text', () => {
  it.each([
    ['OSC 52, the clipboard', '\u001b]52;c;cm0gLXJmIC8=\u0007', '\\x1b]52;c;cm0gLXJmIC8=\\x07'],
    ['a colour', '\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['C1 control sequence introducer', '\u009b2J', '\\u{9b}2J'],
    ['right-to-left override', 'invoice\u202efdp.exe', 'invoice\\u{202e}fdp.exe'],
    ['isolates and marks', '\u2066a\u2069\u200e\u200f\u061c', '\\u{2066}a\\u{2069}\\u{200e}\\u{200f}\\u{61c}'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
    ['line breaks, tabs, carriage return', 'a\nb\tc\rd', 'a\\nb\\tc\\rd'],
    ['NUL and DEL', '\0\u007f', '\\x00\\x7f'],
    ['zero width and BOM', 'a\u200b\u200d\ufeffb', 'a\\u{200b}\\u{200d}\\u{feff}b'],
    ['tag characters', 'x\u{e0041}', 'x\\u{e0041}'],
    ['hangul filler, soft hyphen, variation selector', '\u3164\u00ad\ufe0f', '\\u{3164}\\u{ad}\\u{fe0f}'],
    ['a byte that was not UTF-8', 'x\udcff', 'x\\xff'],
    ['another lone surrogate', '\ud800', '\\u{d800}'],
    ['ordinary text stays', '/home/álîcé/服务 😀 a\\b', '/home/álîcé/服务 😀 a\\b'],
  ])('%s', (_name, text, shown) => expect(escapeText(text)).toBe(shown));

  it('is harmless whatever the code point, and as JSON still the same value', () => {
    for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 7) {
      const char = String.fromCodePoint(code);
      const unsafe = /[\p{C}\p{Zl}\p{Zp}]/u.test(char) && !/[\p{Co}\p{Cn}]/u.test(char);
      if (unsafe && escapeText(char) === char) throw new Error(`U+${code.toString(16)} got through`);
      const json = escapeJson(JSON.stringify(char));
      if (unsafe && json.includes(char)) throw new Error(`U+${code.toString(16)} got through JSON`);
      if (unsafe) expect(JSON.parse(json)).toBe(char);
    }
  });

  it('keeps the lines of a message', () => {
    expect(escapeLines('a\n  ^\u001b\tb')).toBe('a\n  ^\\x1b  b');
  });
});

describe('columns', () => {
  it.each([
    ['plain', 5],
    ['服务', 4],
    ['ｆｕｌｌ', 8],
    ['한글', 4],
    ['e\u0301', 1],
    ['😀', 2],
    ['…', 1],
  ])('%s takes %i', (text, width) => expect(columns(text)).toBe(width));

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['服务单元', 5, '服务…'],
    ['服务单元', 4, '服…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('%s in %i columns: %s', (text, width, shown) => {
    expect(cut(text, width)).toBe(shown);
    expect(columns(shown)).toBeLessThanOrEqual(width);
  });

  it('wraps at blanks and between wide characters', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('调查指南', 4)).toEqual(['调查', '指南']);
    expect(wrap('a-word-longer-than-that b', 5)).toEqual(['a-word-longer-than-that', 'b']);
    expect(wrap('one two', undefined)).toEqual(['one two']);
  });
});

describe('colour', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  ])('%j, terminal %s: %s', (env, terminal, color) => expect(wantsColor(env, terminal)).toBe(color));

  it('is there or not, whatever the environment of the process says', () => {
    expect(painter(false)('red', 'x')).toBe('x');
    expect(painter(true)(['bold', 'red'], 'x')).toBe('\u001b[1m\u001b[31mx\u001b[39m\u001b[22m');
  });
});

it('knows the width of a terminal only', () => {
  const io = (part: Partial<Io>) => ({ env: {}, ...part }) as Io;
  expect(terminalWidth(io({ outIsTerminal: false, columns: 200 }))).toBeUndefined();
  expect(terminalWidth(io({ outIsTerminal: true, columns: 132 }))).toBe(132);
  expect(terminalWidth(io({ outIsTerminal: true, env: { COLUMNS: '99' } }))).toBe(99);
  expect(terminalWidth(io({ outIsTerminal: true }))).toBe(80);
});
