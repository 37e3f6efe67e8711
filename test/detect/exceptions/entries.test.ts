// What each entry type and operator means, on each type of field, as Elasticsearch evaluates the filter that Kibana makes.

import { describe, expect, it } from 'vitest';
import { findException } from '../../../src/detect/exceptions/exception-set.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { flattenDocument } from '../../../src/ecs/flatten.ts';
import { entry, item, LIST, type Line, setOf } from './lists.ts';

const RULE = { rule_id: 'r', exceptionLists: ['list-1'] };

function hides(entries: Line[], document: Line): boolean {
  const fields = new FieldTable();
  const set = setOf(fields, [LIST, item(entries)]);
  expect(set.verdicts.map(({ error }) => error)).toEqual([undefined]);
  const { event } = flattenDocument(document, fields);
  return findException(set.boundTo(RULE), event) !== undefined;
}

type Row = [name: string, entries: Line[], document: Line, hidden: boolean];
const LONG = 'x'.repeat(1025);

const MATCH: Row[] = [
  ['equal', [entry('match', 'process.name', 'cron')], { 'process.name': 'cron' }, true],
  ['other case', [entry('match', 'process.name', 'cron')], { 'process.name': 'Cron' }, false],
  ['a part', [entry('match', 'process.name', 'cron')], { 'process.name': 'crond' }, false],
  ['missing', [entry('match', 'process.name', 'cron')], {}, false],
  ['stars are no wildcards', [entry('match', 'process.name', 'c*')], { 'process.name': 'cron' }, false],
  ['one of an array', [entry('match', 'process.args', 'b')], { 'process.args': ['a', 'b'] }, true],
  ['none of an array', [entry('match', 'process.args', 'c')], { 'process.args': ['a', 'b'] }, false],
  ['a number', [entry('match', 'process.parent.pid', '4242')], { 'process.parent.pid': 4242 }, true],
  ['a number with zeros', [entry('match', 'process.parent.pid', '04242')], { 'process.parent.pid': 4242 }, true],
  ['another number', [entry('match', 'process.parent.pid', '4242')], { 'process.parent.pid': 424 }, false],
  ['a boolean', [entry('match', 'process.interactive', 'true')], { 'process.interactive': true }, true],
  ['the other boolean', [entry('match', 'process.interactive', 'true')], { 'process.interactive': false }, false],
  ['an address', [entry('match', 'host.ip', '10.0.0.1')], { 'host.ip': ['::1', '10.0.0.1'] }, true],
  ['a network', [entry('match', 'host.ip', '10.0.0.0/8')], { 'host.ip': '10.9.9.9' }, true],
  ['a field that nobody knows', [entry('match', 'acme.site', 'x')], { acme: { site: 'x' } }, true],
  ['the empty text', [entry('match', 'user.name', '')], { 'user.name': '' }, true],
];

const MATCH_ANY: Row[] = [
  ['the second', [entry('match_any', 'process.name', ['a', 'b'])], { 'process.name': 'b' }, true],
  ['none', [entry('match_any', 'process.name', ['a', 'b'])], { 'process.name': 'c' }, false],
  ['numbers', [entry('match_any', 'process.pid', ['1', '2'])], { 'process.pid': 2 }, true],
  ['networks', [entry('match_any', 'host.ip', ['10.0.0.0/8', '::1'])], { 'host.ip': '10.1.1.1' }, true],
];

const WILDCARD: Row[] = [
  ['star', [entry('wildcard', 'process.executable', '/opt/*/bin/x')], { 'process.executable': '/opt/a/b/bin/x' }, true],
  ['the whole value', [entry('wildcard', 'process.executable', 'opt*')], { 'process.executable': '/opt/a' }, false],
  ['question mark', [entry('wildcard', 'process.name', 'py?hon')], { 'process.name': 'python' }, true],
  ['question mark is one', [entry('wildcard', 'process.name', 'python?')], { 'process.name': 'python' }, false],
  ['other case', [entry('wildcard', 'process.name', 'PY*')], { 'process.name': 'python' }, false],
  ['no wildcard in it', [entry('wildcard', 'process.name', 'python')], { 'process.name': 'python' }, true],
  [
    'a wildcard field',
    [entry('wildcard', 'process.command_line', '*ansible*')],
    { 'process.command_line': `${LONG} ansible` },
    true,
  ],
  ['a keyword too long', [entry('wildcard', 'process.executable', '*x')], { 'process.executable': LONG }, false],
];

const EXISTS: Row[] = [
  ['there', [entry('exists', 'container.id')], { 'container.id': 'c' }, true],
  ['not there', [entry('exists', 'container.id')], {}, false],
  ['false is a value', [entry('exists', 'process.interactive')], { 'process.interactive': false }, true],
  ['an object', [entry('exists', 'container')], { container: { name: 'c' } }, true],
  ['no object', [entry('exists', 'container')], { 'process.name': 'c' }, false],
];

const EXCLUDED: Row[] = [
  ['match, equal', [entry('match', 'user.id', '0', 'excluded')], { 'user.id': '0' }, false],
  ['match, another', [entry('match', 'user.id', '0', 'excluded')], { 'user.id': '1' }, true],
  ['match, missing', [entry('match', 'user.id', '0', 'excluded')], {}, true],
  ['match, one of an array', [entry('match', 'process.args', 'b', 'excluded')], { 'process.args': ['a', 'b'] }, false],
  ['match_any, one', [entry('match_any', 'host.name', ['a', 'b'], 'excluded')], { 'host.name': 'b' }, false],
  ['match_any, none', [entry('match_any', 'host.name', ['a', 'b'], 'excluded')], { 'host.name': 'c' }, true],
  ['match_any, missing', [entry('match_any', 'host.name', ['a', 'b'], 'excluded')], {}, true],
  [
    'wildcard, fits',
    [entry('wildcard', 'process.working_directory', '/home/*', 'excluded')],
    { 'process.working_directory': '/home/a' },
    false,
  ],
  [
    'wildcard, else',
    [entry('wildcard', 'process.working_directory', '/home/*', 'excluded')],
    { 'process.working_directory': '/srv' },
    true,
  ],
  ['wildcard, missing', [entry('wildcard', 'process.working_directory', '/home/*', 'excluded')], {}, true],
  [
    'wildcard, fits a value that is too long',
    [entry('wildcard', 'process.working_directory', '/home/*', 'excluded')],
    { 'process.working_directory': `/home/${LONG}` },
    false,
  ],
  ['exists, there', [entry('exists', 'user.name', undefined, 'excluded')], { 'user.name': 'ann' }, false],
  ['exists, missing', [entry('exists', 'user.name', undefined, 'excluded')], {}, true],
  [
    'exists, too long to be indexed',
    [entry('exists', 'user.name', undefined, 'excluded')],
    { 'user.name': LONG },
    false,
  ],
];

const AND: Row[] = [
  [
    'both hold',
    [entry('match', 'user.name', 'd'), entry('match', 'process.name', 'p')],
    { 'user.name': 'd', 'process.name': 'p' },
    true,
  ],
  [
    'one holds',
    [entry('match', 'user.name', 'd'), entry('match', 'process.name', 'p')],
    { 'user.name': 'd', 'process.name': 'q' },
    false,
  ],
  [
    'one included, one excluded and missing',
    [entry('match', 'process.name', 'p'), entry('exists', 'user.name', undefined, 'excluded')],
    { 'process.name': 'p' },
    true,
  ],
];

const signed = (...inner: Line[]): Line[] => [
  { type: 'nested', field: 'process.parent.code_signature', entries: inner },
];
const BOTH = signed(entry('match', 'subject_name', 'Ltd'), entry('match', 'trusted', 'true'));
const signatures = (...objects: Line[]): Line => ({ process: { parent: { code_signature: objects } } });

const NESTED: Row[] = [
  ['one object has both', BOTH, signatures({ subject_name: 'Ltd', trusted: true }), true],
  ['not in a list', BOTH, { process: { parent: { code_signature: { subject_name: 'Ltd', trusted: true } } } }, true],
  [
    'two objects have one each',
    BOTH,
    signatures({ subject_name: 'Ltd', trusted: false }, { subject_name: 'X', trusted: true }),
    false,
  ],
  ['the second of two', BOTH, signatures({ subject_name: 'X' }, { subject_name: 'Ltd', trusted: true }), true],
  ['missing', BOTH, {}, false],
  [
    'match_any and exists',
    signed(entry('match_any', 'subject_name', ['A', 'B']), entry('exists', 'exists')),
    signatures({ subject_name: 'B', exists: false }),
    true,
  ],
  [
    'excluded inside, missing',
    signed(entry('match', 'subject_name', 'Ltd'), entry('match', 'trusted', 'true', 'excluded')),
    signatures({ subject_name: 'Ltd' }),
    true,
  ],
  [
    'excluded inside, there',
    signed(entry('match', 'subject_name', 'Ltd'), entry('match', 'trusted', 'true', 'excluded')),
    signatures({ subject_name: 'Ltd', trusted: true }),
    false,
  ],
];

describe.each([
  ['match', MATCH],
  ['match_any', MATCH_ANY],
  ['wildcard', WILDCARD],
  ['exists', EXISTS],
  ['excluded', EXCLUDED],
  ['several entries', AND],
  ['nested', NESTED],
])('%s', (_type, rows) => {
  it.each(rows)('%s', (_name, entries, document, hidden) => {
    expect(hides(entries, document)).toBe(hidden);
  });
});
