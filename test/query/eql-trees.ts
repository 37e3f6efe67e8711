// Generated EQL: trees of expressions that mostly fit their fields' types, and documents for them. Read by eql-differential.test.ts.

import fc from 'fast-check';
import type { EqlExpression, EqlValue } from '../../src/query/eql-tree.ts';

const WORDS = ['a', 'b', 'ab', 'A', 'aB', '', 'x'.repeat(1025), '🐧', 'K', '\u212a', 'a"b\\(*', 'a?b', '42', '1'];
const TEXTS = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 3, unit: 'grapheme' }));
const NUMBERS = fc.constantFrom<EqlValue>(0n, 1n, 2n, 42n, 9007199254740993n, 0.5, 42.5, 4e10);
const PATTERNS = fc
  .array(fc.constantFrom('a', 'b', 'A', '*', '?', '🐧', 'k', '.'), { maxLength: 5 })
  .map((all) => all.join(''));
const REGEXES = fc.constantFrom('a', 'a.*', '.', '[a-c]+', '(a|b)*', 'ab?', 'a{2}', '', 'K|x', '\\(');
const DATES = ['2024-03', '2024-03-15T12:30', 'now/d', '1711929599999'];
const ADDRESSES = ['10.0.0.1', '10.0.0.0/8', '::1'];

const literal = (value: EqlValue): EqlExpression => ({ kind: 'literal', value, at: 0 });
const field = (name: string): EqlExpression => ({ kind: 'field', name, optional: false, at: 0 });
const call = (name: string, parts: readonly EqlExpression[], insensitive = false): EqlExpression => ({
  kind: 'call',
  name,
  insensitive,
  parts,
  at: 0,
});
const text = TEXTS.map(literal);
const oneNull = fc.constant(literal(null));
const operator = fc.constantFrom(
  '==' as const,
  '!=' as const,
  '<' as const,
  '<=' as const,
  '>' as const,
  '>=' as const,
);
const textField = fc.constantFrom('k', 'w', 'm', 'o.k', 'unknown').map(field);
const numberField = fc.constantFrom('l', 'd', 'o.l', 'unknown').map(field);

const { textValue, numberValue } = fc.letrec<{ textValue: EqlExpression; numberValue: EqlExpression }>((tie) => ({
  textValue: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: textField },
    { weight: 2, arbitrary: text },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('numberValue')).map((parts) => call('concat', parts)) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('numberValue')).map((parts) => call('substring', parts)) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), text, text).map((parts) => call('between', parts, true)) },
    { weight: 1, arbitrary: tie('numberValue').map((part) => call('string', [part])) },
  ),
  numberValue: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: numberField },
    { weight: 3, arbitrary: NUMBERS.map(literal) },
    { weight: 1, arbitrary: tie('textValue').map((part) => call('length', [part])) },
    { weight: 1, arbitrary: tie('textValue').map((part) => call('number', [part])) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('textValue')).map((parts) => call('indexof', parts)) },
    { weight: 1, arbitrary: tie('numberValue').map((part): EqlExpression => ({ kind: 'negative', part, at: 0 })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('+', '-', '*', '/', '%'), tie('numberValue'), tie('numberValue'))
        .map(([sign, left, right]) => ({ kind: 'arithmetic', operator: sign, left, right, at: 0 }) as EqlExpression),
    },
  ),
}));

export const compare = fc
  .oneof(
    fc.tuple(textField, operator, fc.oneof(text, oneNull)),
    fc.tuple(numberField, operator, fc.oneof(NUMBERS.map(literal), oneNull)),
    fc.tuple(fc.constant(field('b')), operator, fc.constantFrom(true, false, null).map(literal)),
    fc.tuple(fc.constant(field('t')), operator, fc.constantFrom(...DATES, null).map(literal)),
    fc.tuple(
      fc.constant(field('i')),
      fc.constantFrom('==' as const, '!=' as const),
      fc.constantFrom(...ADDRESSES).map(literal),
    ),
    fc.tuple(textValue, operator, textValue),
    fc.tuple(numberValue, operator, fc.oneof(numberValue, oneNull)),
    fc.tuple(oneNull, operator, numberValue),
  )
  .map(([left, sign, right]): EqlExpression => ({ kind: 'compare', operator: sign, left, right, at: 0 }));

export const membership = fc
  .oneof(
    fc.tuple(textField, fc.array(fc.oneof(text, oneNull), { minLength: 1, maxLength: 3 }), fc.boolean()),
    fc.tuple(numberValue, fc.array(numberValue, { minLength: 1, maxLength: 3 }), fc.boolean()),
    fc.tuple(textValue, fc.array(textValue, { minLength: 1, maxLength: 2 }), fc.boolean()),
  )
  .map(([value, options, insensitive]): EqlExpression => ({ kind: 'in', insensitive, value, options, at: 0 }));

export const pattern = fc
  .tuple(
    fc.constantFrom('like' as const, 'regex' as const),
    fc.oneof({ weight: 3, arbitrary: textField }, { weight: 1, arbitrary: textValue }),
    fc.array(fc.tuple(PATTERNS, REGEXES), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([kind, value, both, insensitive]): EqlExpression => {
    const patterns = both.map(([like, regex]) => literal(kind === 'like' ? like : regex));
    return { kind, insensitive, value, patterns, at: 0 };
  });

export const booleanCall = fc.oneof(
  fc
    .tuple(fc.constantFrom('startswith', 'endswith', 'stringcontains'), textValue, textValue, fc.boolean())
    .map(([name, a, b, insensitive]) => call(name, [a, b], insensitive)),
  fc.constantFrom(...ADDRESSES).map((block) => call('cidrmatch', [field('i'), literal(block)])),
  PATTERNS.map((one) => call('wildcard', [field('k'), literal(one)])),
);

export const trees = fc.letrec<{ tree: EqlExpression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: compare },
    { weight: 2, arbitrary: pattern },
    { weight: 2, arbitrary: membership },
    { weight: 2, arbitrary: booleanCall },
    { weight: 1, arbitrary: fc.constantFrom(literal(true), literal(false), literal(null), field('b')) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('tree'), { minLength: 2, maxLength: 4 }))
        .map(([kind, parts]): EqlExpression => ({ kind, parts, at: 0 })),
    },
    { weight: 2, arbitrary: tie('tree').map((part): EqlExpression => ({ kind: 'not', part, at: 0 })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('==' as const, '!=' as const), tie('tree'), fc.constantFrom(true, false, null))
        .map(
          ([sign, left, value]): EqlExpression => ({
            kind: 'compare',
            operator: sign,
            left,
            right: literal(value),
            at: 0,
          }),
        ),
    },
  ),
})).tree;

const many = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }) });
const inner = fc.record(
  { k: many(fc.constantFrom('a', 'b', '1')), l: many(fc.constantFrom(1, 42)) },
  { requiredKeys: [] },
);
export const documents = fc.record(
  {
    k: many(fc.constantFrom(...WORDS)),
    w: many(fc.constantFrom(...WORDS)),
    l: many(fc.constantFrom(0, 1, 42, -42, 43, '9007199254740993')),
    d: many(fc.constantFrom(0, -0, 42, 42.5, 1e30)),
    b: many(fc.boolean()),
    t: many(fc.constantFrom('2024-03-01', '2024-03-15T12:30:15Z', 1711929599999, '2026-11-25T00:00:00Z')),
    i: many(fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', '::1', '192.168.0.1')),
    m: many(fc.constantFrom('a', 'a b', 'ab', '42')),
    o: many(inner),
    unknown: many(fc.constantFrom('a', '42', 42, 42.5, true)),
  },
  { requiredKeys: [] },
);
