import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldAscii } from '../../src/query/ascii-case.ts';
import { LiteralAutomaton, scanText, scanTexts } from '../../src/query/literal-automaton.ts';
import { work } from '../../src/query/work.ts';

/** The literals themselves are what is under them; those that are not looked for are left out. */
function viewOf(literals: readonly string[]) {
  const automaton = new LiteralAutomaton();
  const under = new Map<number, string[]>();
  const refused: string[] = [];
  for (const literal of literals) {
    const id = automaton.add(literal);
    if (id === undefined) refused.push(literal);
    else under.set(id, [...(under.get(id) ?? []), literal]);
  }
  while (!automaton.build());
  return { view: automaton.view(under), refused, automaton };
}

function found(literals: readonly string[], ...texts: string[]): string[] {
  const into: string[][] = [];
  scanTexts(viewOf(literals).view, texts, into);
  return into.flat().sort();
}

describe('what is found', () => {
  it.each<[string, string[], string, string[]]>([
    ['a literal', ['curl', 'wget'], '/usr/bin/curl -s', ['curl']],
    ['in the other case', ['curl'], '/usr/bin/CuRL', ['curl']],
    ['one that ends another', ['abc', 'bc', 'zz'], 'xabcx', ['abc', 'bc']],
    ['one within another that does not come', ['abcd', 'bc'], 'abcx', ['bc']],
    ['one that another begins with', ['ab', 'abab'], 'ababab', ['ab', 'abab']],
    ['what comes often, once', ['aa'], 'aaaaaaaa', ['aa']],
    ['nothing in nothing', ['aa'], '', []],
    [
      'by the end of a long literal',
      ['/opt/vendor/agent/bin/collector'],
      'x/opt/vendor/agent/bin/collectorx',
      ['/opt/vendor/agent/bin/collector'],
    ],
    ['by the longest run without other scripts', ['é-tool-x'], 'É-TOOL-X', ['é-tool-x']],
  ])('%s', (_name, literals, text, expected) => expect(found(literals, text)).toEqual(expected));

  it('is told once for all texts of a field, and again for the next', () => {
    const { view } = viewOf(['ab']);
    const into: string[][] = [];
    scanTexts(view, ['ab', 1, 'xab'], into);
    expect(into).toHaveLength(1);
    scanText(view, 'ab', into);
    expect(into).toHaveLength(2);
  });
});

it('looks for nothing that it cannot tell apart, and for no more than it has room for', () => {
  expect(viewOf(['', 'a', 'é', 'éa']).refused).toEqual(['', 'é']);
  const many = Array.from({ length: 20_000 }, (_, i) =>
    `${i.toString(36)}-${'x'.repeat(12)}`.split('').reverse().join(''),
  );
  const { refused } = viewOf(many);
  expect(refused.length).toBeLessThan(many.length);
});

const text = (chars: string, maxLength: number) =>
  fc.array(fc.constantFrom(...chars), { maxLength }).map((list) => list.join(''));

it('finds just what is there where a literal is short and plain', () => {
  fc.assert(
    fc.property(fc.array(text('abB', 6), { maxLength: 12 }), text('abAc', 40), (literals, where) => {
      const wanted = literals.filter((one) => one !== '' && foldAscii(where).includes(foldAscii(one)));
      expect(found(literals, where)).toEqual(wanted.sort());
    }),
    { numRuns: 500, seed: 20261125 },
  );
});

it('misses nothing whatever a literal is of', () => {
  fc.assert(
    fc.property(
      fc.array(text('ab/É"\'([\u00e9', 24), { maxLength: 12 }),
      text('abA/É"\'([\u00e9', 60),
      (literals, where) => {
        const { refused } = viewOf(literals);
        const there = literals.filter((one) => !refused.includes(one) && foldAscii(where).includes(foldAscii(one)));
        expect(found(literals, where)).toEqual(expect.arrayContaining(there));
      },
    ),
    { numRuns: 500, seed: 20261125 },
  );
});

it('takes a step for each character and each literal found, whatever their number', () => {
  const literals = Array.from({ length: 500 }, (_, i) => 'a'.repeat(2 + (i % 14)) + (i % 7));
  const { view } = viewOf([...literals, 'aa', 'aaa', 'aaaa']);
  const where = 'aaaaaaaaaaaaaaa3'.repeat(2048);
  const before = work.steps;
  scanText(view, where, []);
  expect(work.steps - before).toBeLessThan(where.length + literals.length);
});
