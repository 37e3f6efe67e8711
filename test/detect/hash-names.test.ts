// Which rules and exceptions are about hashes: these are made and waited for, whichever part of a rule names them.

import { expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import { hashNames } from '../../src/detect/hash-names.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { allQueries } from '../../src/query/combine.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { entry, item, LIST, setOf } from './exceptions/lists.ts';
import { makeEqlRule, makeRule, makeThresholdRule } from './rules.ts';

const TOOL = 'process.name:tool';
type Make = (fields: FieldTable) => Rule;
const kql =
  (query: string, over: Partial<Rule> = {}, terms?: string[]): Make =>
  (fields) =>
    makeRule(fields, query, over, terms);
const STAGES = '[process where process.name == "tool"] [process where process.name == "b"]';

/** As compile-rule.ts makes it. */
const filtered: Make = (fields) => {
  const filter = 'not (process.hash.sha1:("a"))';
  const compiled = allQueries([TOOL, filter].map((text) => compileKql(text, fields)));
  return makeRule(fields, TOOL, { compiled, filters: [{ language: 'kuery', text: filter }] });
};

it.each<[string, Make, also: string[], waits: boolean]>([
  ['no hash', kql(TOOL), [], false],
  ['the query', kql(`${TOOL} and not process.hash.sha256:a`), [], true],
  ['md5', kql(`${TOOL} and not process.hash.md5:a`), ['md5'], true],
  ['two', kql(`${TOOL} and not (process.parent.hash.sha1:a or process.hash.md5:b)`), ['sha1', 'md5'], true],
  ['a pattern', kql(`${TOOL} and not process.hash.*:a`), ['sha1', 'md5'], true],
  ['new terms', kql(TOOL, {}, ['process.hash.sha1']), ['sha1'], true],
  // Free text reaches every field; it is not about hashes.
  ['free text', kql('tool'), [], false],
  ['a filter', filtered, ['sha1'], true],
  ['keys of a sequence', (fields) => makeEqlRule(fields, `sequence by process.hash.sha256 ${STAGES}`), [], true],
  ['groups', (fields) => makeThresholdRule(fields, TOOL, { fields: ['process.hash.md5'] }), ['md5'], true],
  [
    'suppression',
    kql(TOOL, { suppression: { groupBy: ['process.hash.md5'], missingFields: 'suppress' } }),
    ['md5'],
    true,
  ],
  [
    'severity',
    kql(TOOL, { severityOverrides: [{ field: 'process.hash.sha256', value: 'a', severity: 'critical' }] }),
    [],
    true,
  ],
])('%s', (_what, make, also, waits) => {
  const fields = new FieldTable();
  const rule = make(fields);
  expect(hashNames({ rules: [rule] })).toEqual({ also, waits });
  const counters = new Counters();
  const detector = new Detector({ rules: [rule], fields, counters });
  detector.useHashes({ look: () => 'coming', made: () => {} });
  detector.evaluate(execEvent(fields, { 'process.name': 'tool' }));
  expect(counters.get('detect_hash_waits_total')).toBe(waits ? 1 : 0);
});

it('exceptions, too', () => {
  const exceptions = setOf(new FieldTable(), [LIST, item([entry('match', 'process.hash.md5', 'x')])]);
  expect(hashNames({ rules: [], exceptions })).toEqual({ also: ['md5'], waits: true });
});
