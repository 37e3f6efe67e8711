// Regular expressions and what of a list of texts a real Elasticsearch 9.5.3 found with them: its regexp query with all flags, which is
// what its EQL makes of `regex`. Read by eql-regex.test.ts, and by test/servers/eql-answers.test.ts, which asks again.

export const TEXTS: readonly string[] = [
  ...[
    'abc',
    'ABC',
    'ÄB',
    'äb',
    'k',
    'K',
    's',
    'S',
    'a\nc',
    'a🐧c',
    'a.c',
    '^abc',
    'abc$',
    'tt',
    '\t',
    'a1',
    'a-',
    'a]',
  ],
  ...['a"b', 'ab', 'x&y', '~a', 'a<b', '5', '17', '1000', '33', 'www', 'é', 'straße'],
];
const all = (...without: string[]) => TEXTS.filter((text) => !without.includes(text));

/** The pattern, what of TEXTS it matches. */
export const ANSWERS: readonly [string, string[]][] = [
  ['a.c', ['abc', 'a\nc', 'a🐧c', 'a.c']],
  ['^abc', ['^abc']],
  ['abc$', ['abc$']],
  ['^abc$', []],
  ['a\\.c', ['a.c']],
  ['a\\d', ['a1']],
  ['a[\\d]', ['a1']],
  ['a\\s*c', ['a\nc']],
  ['[a-c]+', ['abc', 'ab']],
  ['[^a]', ['k', 'K', 's', 'S', '\t', '5', 'é']],
  ['a[-]', ['a-']],
  ['a[]]', ['a]']],
  ['"a.c"', ['a.c']],
  ['a\\"b', ['a"b']],
  ['x&y', []],
  ['x\\&y', ['x&y']],
  ['a.*&.*c', ['abc', 'a\nc', 'a🐧c', 'a.c']],
  ['~a', all()],
  ['\\~a', ['~a']],
  ['~(a.*)', all('abc', 'a\nc', 'a🐧c', 'a.c', 'abc$', 'a1', 'a-', 'a]', 'a"b', 'ab', 'a<b')],
  ['<1-20>', ['5', '17']],
  ['a\\<b', ['a<b']],
  ['@', all()],
  ['#', []],
  ['()', []],
  ['a()bc', ['abc']],
  ['*abc', []],
  ['a{1}bc', ['abc']],
  ['ab{0}', []],
  ['\\w+', ['abc', 'ABC', 'k', 'K', 's', 'S', 'tt', 'a1', 'ab', '5', '17', '1000', '33', 'www']],
  ['\\W', ['\t', 'é']],
  ['a]', ['a]']],
  ['}', []],
  ['a\\1', ['a1']],
  ['[a\\-z]b', ['ab']],
  ['[\\w]+', ['abc', 'ABC', 'k', 'K', 's', 'S', 'tt', 'a1', 'ab', '5', '17', '1000', '33', 'www']],
  ['[^\\w]', ['\t', 'é']],
  ['[a&&b]', []],
];

/** The same without case. */
export const INSENSITIVE: readonly [string, string[]][] = [
  ['ABC', ['abc', 'ABC']],
  ['[a-c]+', ['abc', 'ab']],
  ['[A-C]+', ['ABC']],
  ['k', ['k', 'K']],
  ['[k]', ['k', 'K']],
  ['[a-c]B[^x]', ['abc']],
  ['[^a-c]BC', ['ABC']],
  ['"abc"', ['abc', 'ABC']],
  ['[a-c]{3}', ['abc']],
];

/** What it refuses. */
export const REFUSED: readonly string[] = [
  ...[
    'a"b',
    'a<b',
    '(abc|)',
    'a{',
    'a{1',
    'a{2,1}',
    'a|b|',
    '[a',
    '(a',
    'a)',
    'a\\',
    '<x>',
    '\\b',
    '[c-a]',
    'a{,2}',
    '\\t',
  ],
];
