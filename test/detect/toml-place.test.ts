import { parse } from 'smol-toml';
import { expect, it } from 'vitest';
import { placeInFile, placeOfPath } from '../../src/detect/toml-place.ts';

/** In the files below ! marks the place in the file, in the query the character that an error is about. */
it.each([
  ['literal', "[rule]\nquery = 'a:!b'\n"],
  ['basic', '[rule]\nquery = "a:!b"\n'],
  ['basic with escapes before it', '[rule]\nquery = "a:\\"\\u00e9\\U0001F600\\n\\" and !b"\n'],
  ['lines', "[rule]\nquery = '''\na:b and\n  c:!d\n'''\n"],
  ['lines that begin beside the quotes', "[rule]\nquery = '''a:b and\n  c:!d'''\n"],
  ['basic lines, one folded', '[rule]\nquery = """\na:b and \\\n   c:!d"""\n'],
  ['CRLF', "[rule]\r\nquery = '''\r\na:b and\r\n  c:!d\r\n'''\r\n"],
  ['the same text earlier, elsewhere', "[rule]\nnote = 'a:xb'\n# query = 'a:xb'\nquery = 'a:!b'\n"],
  ['another query key before it', "[[transform.osquery]]\nquery = 'a:'\n[rule]\nquery = 'a:!b'\n"],
  ['a dotted key', "rule.name = 'x'\nrule.query = 'a:!b'\n"],
  ['quoted keys', '"rule" . "query" = \'a:!b\'\n'],
  ['an inline table', "rule = { name = 'x', query = 'a:!b' }\n"],
  ['indented, without blanks', "[rule]\n  query='a:!b'\n"],
])('%s', (_name, marked) => {
  const text = marked.replace('!', 'x');
  const query = (parse(text) as { rule: { query: string } }).rule.query;
  const line = marked.slice(0, marked.indexOf('!')).split('\n');
  const before = query.slice(0, query.indexOf('x')).split('\n');
  expect(placeInFile(text, query, { line: before.length, column: before.at(-1)!.length + 1 })).toEqual({
    line: line.length,
    column: line.at(-1)!.length + 1,
  });
});

it('the end of the query is where its last character ends', () => {
  expect(placeInFile("query = 'ab'", 'ab', { line: 1, column: 3 })).toEqual({ line: 1, column: 12 });
});

it.each([
  ['no key', 'a = 1'],
  ['another value', "query = 'abc'".replace('c', 'd')],
  ['cut short', "query = 'a"],
])('%s: no place', (_name, text) => {
  expect(placeInFile(text, 'abc', { line: 1, column: 1 })).toBeUndefined();
});

it.each<[string, string, string, number | undefined]>([
  ['a key', '[rule]\nname = 5\n', 'rule.name', 2],
  ['the table above it', "[rule]\n[ rule . 'new_terms' ] # here\nvalue = 1\n", 'rule.new_terms.field[0]', 2],
  [
    'of tables the one meant',
    '[[rule.threat]]\n[[rule.threat]]\n[rule.threat.tactic]\nid = 1\n',
    'rule.threat[1].tactic.id',
    4,
  ],
  ['blanks in a list', `[rule]\nx = [\n[${' '.repeat(200_000)}\n1]\n]\nname = 5\n`, 'rule.name', 6],
  ['a table of a long name', `[rule]\nname = 5\n[${'a.'.repeat(200_000)}a]\n`, 'rule.name', 2],
  ['a long value', `[rule]\nname = "${'x'.repeat(200_000)}"\n`, 'rule.name', 2],
])('where a value stands: %s', (_name, text, path, line) => {
  parse(text);
  expect(placeOfPath(text, path)?.line).toBe(line);
});
