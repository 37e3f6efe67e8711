// The tree of a pattern -> a table of states, made whole at load as Lucene does: then a value costs one look-up for each of its
// characters, whatever the pattern. A pattern whose table would be too large is refused. In: tree; out: a test of the whole
// value. Called by eql-regex.ts. Thompson's construction, then sets of states; complements and intersections are made of tables.

import { CharacterClasses } from './eql-characters.ts';
import { RegexFault, type RegexNode } from './eql-regex-tree.ts';

/** States of a table; Elasticsearch gives up at a like effort. */
export const MAX_STATES = 10_000;
/** Steps of making one, and so its size: each entry is one. */
const MAX_WORK = 200_000;
const DEAD = 0;

/** in: tree of a pattern; out: whether all of a text matches. Throws RegexFault. */
export function compileAutomaton(tree: RegexNode): (text: string) => boolean {
  const classes = new CharacterClasses(tree);
  const table = new Builder(classes).table(tree);
  return runner(table, classes);
}

/** next[state * classes + class]; state 0 is the one that never accepts again. */
interface Table {
  readonly next: Uint16Array;
  readonly accepts: Uint8Array;
  readonly start: number;
}

/** A state of the automaton that a table is made of. */
interface State {
  /** By one character of these classes. */
  readonly on: { readonly classes: Uint8Array; readonly to: number }[];
  /** Without a character. */
  readonly free: number[];
  /** Where one is without a character, of the states that say something. */
  closure?: readonly number[];
}

class Builder {
  readonly #classes: CharacterClasses;
  #states: State[] = [];
  #work = 0;

  constructor(classes: CharacterClasses) {
    this.#classes = classes;
  }

  table(tree: RegexNode): Table {
    const outer = this.#states;
    this.#states = [];
    const start = this.#state();
    const end = this.#add(tree, start);
    const made = this.#determined(start, end);
    this.#states = outer;
    return made;
  }

  #state(): number {
    if (this.#states.length >= 4 * MAX_STATES) throw tooLarge();
    return this.#states.push({ on: [], free: [] }) - 1;
  }

  /** Adds what the node matches behind `from`; out: the state after it. */
  #add(node: RegexNode, from: number): number {
    // What matches nothing but the empty text has no states, and may be repeated very often.
    this.#spend(1);
    switch (node.kind) {
      case 'chars': {
        const to = this.#state();
        this.#states[from]!.on.push({ classes: this.#classes.within(node.ranges), to });
        return to;
      }
      case 'sequence':
        return node.parts.reduce((at, part) => this.#add(part, at), from);
      case 'choice': {
        const to = this.#state();
        for (const part of node.parts) this.#states[this.#add(part, this.#freely(from))]!.free.push(to);
        return to;
      }
      case 'repeat':
        return this.#repeat(node, from);
      case 'complement':
        return this.#embed(complemented(this.table(node.part)), from);
      case 'both':
        return this.#embed(
          node.parts.map((part) => this.table(part)).reduce((a, b) => this.#intersected(a, b)),
          from,
        );
    }
  }

  #repeat({ part, least, most }: Extract<RegexNode, { kind: 'repeat' }>, from: number): number {
    let at = from;
    for (let i = 0; i < least; i++) at = this.#add(part, at);
    if (most === Infinity) {
      const loop = this.#freely(at);
      this.#states[this.#add(part, loop)]!.free.push(loop);
      return this.#freely(loop);
    }
    const to = this.#state();
    for (let i = least; i < most; i++) {
      this.#states[at]!.free.push(to);
      at = this.#add(part, this.#freely(at));
    }
    this.#states[at]!.free.push(to);
    return to;
  }

  #freely(from: number): number {
    const to = this.#state();
    this.#states[from]!.free.push(to);
    return to;
  }

  /** A table as a part of the automaton. */
  #embed({ next, accepts, start }: Table, from: number): number {
    const { count } = this.#classes;
    const own = Array.from(accepts, () => this.#state());
    const to = this.#state();
    for (const [state, place] of own.entries()) {
      if (accepts[state] === 1) this.#states[place]!.free.push(to);
      for (let one = 0; one < count; one++) {
        const target = next[state * count + one]!;
        if (target !== DEAD) this.#states[place]!.on.push({ classes: Uint8Array.of(one), to: own[target]! });
      }
    }
    this.#states[from]!.free.push(own[start]!);
    return to;
  }

  /** Each set of states that can be reached is a state of the table. */
  #determined(start: number, end: number): Table {
    const sets: (readonly number[])[] = [[]];
    const numbers = new Map<string, number>([['', DEAD]]);
    const numberOf = (targets: readonly number[]) => {
      const set = this.#closed(targets);
      // Numbers of states fit into UTF-16 units.
      const key = String.fromCharCode(...set);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      if (sets.length >= MAX_STATES) throw tooLarge();
      numbers.set(key, sets.length);
      return sets.push(set) - 1;
    };
    const { count } = this.#classes;
    const next: number[] = new Array(count).fill(DEAD);
    const first = numberOf([start]);
    const targets: number[][] = Array.from({ length: count }, () => []);
    for (let at = 1; at < sets.length; at++) {
      this.#spend(count);
      for (const state of sets[at]!) {
        for (const { classes, to } of this.#states[state]!.on) for (const one of classes) targets[one]!.push(to);
      }
      for (const list of targets) {
        next.push(list.length === 0 ? DEAD : numberOf(list));
        list.length = 0;
      }
    }
    const accepts = Uint8Array.from(sets, (set) => (set.includes(end) ? 1 : 0));
    return { next: Uint16Array.from(next), accepts, start: first };
  }

  /** The states where one is then, sorted, each once. */
  #closed(states: readonly number[]): number[] {
    if (states.length === 1) {
      const only = this.#closureOf(states[0]!);
      this.#spend(only.length);
      return only as number[];
    }
    const closed = [...new Set(states.flatMap((state) => this.#closureOf(state)))].sort((a, b) => a - b);
    this.#spend(states.length + closed.length);
    return closed;
  }

  #closureOf(state: number): readonly number[] {
    const known = this.#states[state]!.closure;
    if (known !== undefined) return known;
    const seen = new Set([state]);
    for (const one of seen) for (const to of this.#states[one]!.free) seen.add(to);
    this.#spend(seen.size);
    // Those without characters of their own say nothing, but for the end.
    const saying = [...seen].filter((one) => this.#states[one]!.on.length > 0 || this.#states[one]!.free.length === 0);
    this.#states[state]!.closure = saying.sort((a, b) => a - b);
    return this.#states[state]!.closure!;
  }

  #intersected(a: Table, b: Table): Table {
    const { count } = this.#classes;
    const width = b.accepts.length;
    const pairs: [number, number][] = [[DEAD, DEAD]];
    const numbers = new Map<number, number>();
    const numberOf = (left: number, right: number) => {
      if (left === DEAD || right === DEAD) return DEAD;
      const key = left * width + right;
      const known = numbers.get(key);
      if (known !== undefined) return known;
      if (pairs.length >= MAX_STATES) throw tooLarge();
      numbers.set(key, pairs.length);
      return pairs.push([left, right]) - 1;
    };
    const next: number[] = new Array(count).fill(DEAD);
    const start = numberOf(a.start, b.start);
    for (let at = 1; at < pairs.length; at++) {
      const [left, right] = pairs[at]!;
      for (let one = 0; one < count; one++)
        next.push(numberOf(a.next[left * count + one]!, b.next[right * count + one]!));
      this.#spend(count);
    }
    const accepts = Uint8Array.from(pairs, ([left, right]) => a.accepts[left]! & b.accepts[right]!);
    return { next: Uint16Array.from(next), accepts, start };
  }

  #spend(steps: number): void {
    this.#work += steps;
    if (this.#work > MAX_WORK) throw tooLarge();
  }
}

function tooLarge(): RegexFault {
  return new RegexFault(`the pattern needs too many states; repeat less after a \`.*\``, 0);
}

/** What accepted does not, and the other way round; the dead state of one is alive in the other, so both move up by one. */
function complemented({ next, accepts, start }: Table): Table {
  const count = next.length / accepts.length;
  const moved = new Uint16Array(next.length + count);
  for (const [i, target] of next.entries()) moved[i + count] = target + 1;
  return { next: moved, accepts: Uint8Array.from([0, ...Array.from(accepts, (one) => 1 - one)]), start: start + 1 };
}

function runner({ next, accepts, start }: Table, classes: CharacterClasses): (text: string) => boolean {
  const { count, ascii } = classes;
  const sure = new Uint8Array(accepts.length);
  for (const [state, accepting] of accepts.entries()) {
    const row = next.subarray(state * count, (state + 1) * count);
    sure[state] = accepting === 1 && row.every((to) => to === state) ? 1 : 0;
  }
  return (text) => {
    let state = start;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code < 128) {
        state = next[state * count + ascii[code]!]!;
      } else {
        const point = text.codePointAt(i)!;
        if (point > 0xffff) i++;
        state = next[state * count + classes.of(point)]!;
      }
      if (state === DEAD) return false;
      if (sure[state] === 1) return true;
    }
    return accepts[state] === 1;
  };
}
