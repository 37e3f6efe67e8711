import { describe, expect, it } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { decidersOf, distanceOf } from '../../src/query/deciding.ts';
import { explainKql } from '../../src/query/kql-explain.ts';
import { parseKql } from '../../src/query/kql-parse.ts';

// What decided a verdict, as a person would say it. That it is enough to decide: kql-differential.test.ts.

const DOCUMENT = { process: { name: 'curl', args: ['curl', '-o', '/tmp/x'] }, user: { id: '0' } };

function explained(query: string, document: Record<string, unknown> = DOCUMENT) {
  const table = new FieldTable();
  const { event } = flattenDocument(document, table);
  return explainKql(parseKql(query), { table, slots: event.slots, nowMs: 0 });
}
const decided = (query: string) => decidersOf(explained(query)).map(({ leaf, role }) => `${role} ${leaf.text}`);

describe('what decided', () => {
  it.each<[string, string[]]>([
    ['process.name:curl and user.id:0', ['holds process.name:curl', 'holds user.id:0']],
    ['process.name:(curl or wget)', ['holds process.name:curl']],
    ['process.name:curl and user.id:1', ['value user.id:1']],
    ['process.name:(wget or nc)', ['value process.name:wget', 'value process.name:nc']],
    ['process.parent.name:bash', ['missing process.parent.name:bash']],
    ['process.name:curl and not process.args:/tmp/*', ['exclusion process.args:/tmp/*']],
    ['not (process.name:wget or user.id:0)', ['exclusion user.id:0']],
    ['not (process.name:curl and not user.id:0) and user.id:5', ['value user.id:5']],
    ['not (not process.name:wget)', ['value process.name:wget']],
    ['process.parent.name:* or user.id > 5', ['missing process.parent.name:*', 'value user.id > 5']],
  ])('%s', (query, expected) => {
    expect(decided(query)).toEqual(expected);
  });

  it.each([
    ['process.name:curl', 0],
    ['process.name:wget and user.id:1', 2],
    ['process.name:wget or user.id:1', 1],
    ['not (process.name:curl or user.id:0)', 2],
    ['not (process.name:curl and user.id:0)', 1],
    ['(process.name:wget and user.id:1) or user.name:x', 1],
  ])('how far it is from a match: %s is %d', (query, distance) => {
    expect(distanceOf(explained(query))).toBe(distance);
  });
});

describe('what a predicate saw', () => {
  const values = (query: string, document?: Record<string, unknown>) =>
    explained(query, document).values.map(({ field, value }) => [field, value]);

  it('is the value of its field, and of a pattern or an object those that are there', () => {
    expect(values('process.name:x')).toEqual([['process.name', 'curl']]);
    expect(values('process.pid:1')).toEqual([['process.pid', undefined]]);
    expect(values('process.n*:x')).toEqual([['process.name', 'curl']]);
    expect(values('process.pa*:x')).toEqual([['process.pa*', undefined]]);
    expect(values('user:*')).toEqual([['user.id', '0']]);
    expect(new Set(values('curl').map(([field]) => field))).toEqual(
      new Set(['process.name', 'process.args', 'user.id']),
    );
  });

  it('is in the braces of a nested field that of its objects', () => {
    const table = new FieldTable();
    table.add('n', 'nested');
    const { event } = flattenDocument({ n: [{ a: 1 }, { a: 2 }] }, table);
    const of = (query: string) => explainKql(parseKql(query), { table, slots: event.slots, nowMs: 0 }).values;
    expect(of('n:{ a:3 }')).toEqual([
      { field: 'n.a', value: 1 },
      { field: 'n.a', value: 2 },
    ]);
  });
});
