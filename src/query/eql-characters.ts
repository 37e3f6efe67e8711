// Which characters a pattern tells apart: classes of code points, so that a table of states has one column for each. In: the tree of a
// pattern; out: the class of a code point, and the classes of a set. Called by eql-automaton.ts.

import { type Range, RegexFault, type RegexNode } from './eql-regex-tree.ts';

/** Numbers of classes are bytes. */
const MAX_CLASSES = 255;

/** Code points that no part of the pattern tells apart are one class. */
export class CharacterClasses {
  /** First code point of each region but the first, ascending. */
  readonly #bounds: readonly number[];
  /** Region -> class. */
  readonly #classes: Uint8Array;
  readonly #within = new Map<readonly Range[], Uint8Array>();
  readonly ascii = new Uint8Array(128);
  readonly count: number;

  constructor(tree: RegexNode) {
    const sets = new Set<readonly Range[]>();
    collectSets(tree, sets);
    const bounds = new Set([...sets].flat().flatMap(([low, high]) => [low, high + 1]));
    this.#bounds = [...bounds].filter((bound) => bound > 0 && bound <= 0x10ffff).sort((a, b) => a - b);
    // A region is of the class of those that are in the same sets.
    const numbers = new Map<string, number>();
    this.#classes = Uint8Array.from([0, ...this.#bounds], (first) => {
      const key = [...sets].map((set) => (set.some(([low, high]) => first >= low && first <= high) ? 1 : 0)).join('');
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      if (numbers.size > MAX_CLASSES) throw new RegexFault('the pattern tells too many characters apart', 0);
      return numbers.get(key)!;
    });
    this.count = numbers.size;
    for (let code = 0; code < 128; code++) this.ascii[code] = this.of(code);
  }

  of(code: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#bounds[middle]! <= code) low = middle + 1;
      else high = middle;
    }
    return this.#classes[low]!;
  }

  /** All classes of the ranges of a node. */
  within(ranges: readonly Range[]): Uint8Array {
    const known = this.#within.get(ranges);
    if (known !== undefined) return known;
    const firsts = [0, ...this.#bounds];
    const inside = firsts.filter((first) => ranges.some(([low, high]) => first >= low && first <= high));
    const found = Uint8Array.from(new Set(inside.map((first) => this.of(first))));
    this.#within.set(ranges, found);
    return found;
  }
}

function collectSets(node: RegexNode, into: Set<readonly Range[]>): void {
  if (node.kind === 'chars') into.add(node.ranges);
  else for (const part of 'parts' in node ? node.parts : [node.part]) collectSets(part, into);
}
