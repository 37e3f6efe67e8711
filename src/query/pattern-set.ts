// Many patterns on one text: any of them. In: patterns, each with a part that a text which matches cannot do without; out: a test.
// Few are tried one after the other; of many those whose part is in the text, which one pass over it finds (literal-automaton.ts),
// so that what an event costs does not grow with a list that it has nothing to do with. Called by plan-leaves.ts.

import type { TextTest } from './glob.ts';
import { LiteralAutomaton, scanText } from './literal-automaton.ts';

export interface Pattern {
  /** Of a whole text, in lower case where case is ignored. */
  readonly test: TextTest;
  /** Lower case for the ASCII letters; '' when there is none. */
  readonly part: string;
  /** What the test costs on a long text, in searches for a word from its begin to its end. */
  readonly searches: number;
  /** Rough nanoseconds on a short text. */
  readonly cost: number;
}

/** Below, the pass over the text is not worth it. */
const MANY = 24;

export function anyPattern(patterns: readonly Pattern[]): TextTest {
  const tests = patterns.map(({ test }) => test);
  if (tests.length === 1) return tests[0]!;
  return patterns.length < MANY ? oneAfterTheOther(tests) : byTheirParts(patterns);
}

function oneAfterTheOther(tests: readonly TextTest[]): TextTest {
  return (text) => {
    for (const test of tests) if (test(text)) return true;
    return false;
  };
}

function byTheirParts(patterns: readonly Pattern[]): TextTest {
  const automaton = new LiteralAutomaton();
  const byPart = new Map<number, TextTest[]>();
  const always: TextTest[] = [];
  for (const { test, part } of patterns) {
    const literal = automaton.add(part);
    const list = literal === undefined ? always : (byPart.get(literal) ?? []);
    list.push(test);
    if (literal !== undefined) byPart.set(literal, list);
  }
  while (!automaton.build());
  const view = automaton.view(byPart);
  return (text) => {
    for (const test of always) if (test(text)) return true;
    const found: TextTest[][] = [];
    scanText(view, text, found);
    for (const tests of found) for (const test of tests) if (test(text)) return true;
    return false;
  };
}
