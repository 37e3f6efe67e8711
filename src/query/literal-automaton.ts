// Which of many literals are in a text, in one pass over it whatever their number: Aho-Corasick with a table of all transitions,
// ASCII letters in either case being one. In: literals, once; then what is under some of them; out: for a text, what is under those
// that may be in it. It is a filter: none that is there is missed; a few characters that literals rarely tell apart are one to
// it (quotes, brackets), and of a long literal only its end is asked for. Used by the index over rules.

import { work } from './work.ts';

/** Characters of a literal that are looked for: its end, where paths differ. */
const MOST_LENGTH = 16;
/** Nodes: 16 bits are enough for one. */
const MOST_NODES = 65_535;
const BITS = 6;
const CLASSES = 1 << BITS;
/** Nodes whose transitions are completed in one step. */
const STEP = 256;
/** The class of what no literal here has. */
const OTHER = 0;

const CLASS_OF = classes();

/** Each string is one class. */
function classes(): Uint8Array {
  const groups = [...'abcdefghijklmnopqrstuvwxyz0123456789', ...' !#$%&*+,-./:;<=>?@\\^_|~', `"'\``, '([{', ')]}'];
  const table = new Uint8Array(128);
  for (const [i, group] of groups.entries()) {
    for (const char of group) {
      table[char.charCodeAt(0)] = i + 1;
      table[char.toUpperCase().charCodeAt(0)] = i + 1;
    }
  }
  return table;
}

function classOf(code: number): number {
  return code < 128 ? CLASS_OF[code]! : OTHER;
}

export class LiteralAutomaton {
  /** Transitions: before a node is completed 0 for none. */
  #next = new Uint16Array(CLASSES * 1024);
  #nodes = 1;
  readonly #literals: number[] = [-1];
  readonly #ids = new Map<string, number>();
  /** Breadth first: the nodes that are to be completed. */
  readonly #queue: number[] = [];
  #completed = 0;
  #fail = new Uint16Array(0);

  /** out: the literal's number, the same for the same; undefined where it is not looked for: nothing to tell apart, or no room. */
  add(literal: string): number | undefined {
    const key = keyOf(literal);
    if (key === '') return undefined;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    if (this.#nodes + key.length > MOST_NODES) return undefined;
    const id = this.#ids.size;
    this.#ids.set(key, id);
    let node = 0;
    for (let i = 0; i < key.length; i++) node = this.#child(node, key.charCodeAt(i));
    this.#literals[node] = id;
    return id;
  }

  /** Completes it, a step of bounded work at a call; out: whether it is complete. No literal is added after the first. */
  build(): boolean {
    if (this.#fail.length === 0) this.#begin();
    const end = Math.min(this.#completed + STEP, this.#queue.length);
    while (this.#completed < end) this.#complete(this.#queue[this.#completed++]!);
    return this.#completed === this.#queue.length;
  }

  /**
   * in: what is under which literals, by their numbers; out: what finds it. Only once the automaton is complete: one step for
   * each node.
   */
  view<T>(under: ReadonlyMap<number, T>): LiteralView<T> {
    const view: LiteralView<T> = {
      next: this.#next,
      report: new Uint16Array(this.#nodes),
      what: [],
      up: [],
      seenAt: [],
      scans: 0,
    };
    for (const node of this.#queue) {
      const what = under.get(this.#literals[node]!);
      const above = view.report[this.#fail[node]!]!;
      if (what === undefined) {
        view.report[node] = above;
        continue;
      }
      view.what.push(what);
      view.up.push(above);
      view.seenAt.push(0);
      view.report[node] = view.what.length;
    }
    return view;
  }

  #child(node: number, symbol: number): number {
    const at = (node << BITS) | symbol;
    if (this.#next[at] !== 0) return this.#next[at]!;
    const made = this.#nodes++;
    if (this.#nodes << BITS > this.#next.length) this.#grow();
    this.#next[at] = made;
    this.#literals[made] = -1;
    return made;
  }

  #grow(): void {
    const larger = new Uint16Array(Math.min(this.#next.length * 2, (MOST_NODES + 1) << BITS));
    larger.set(this.#next);
    this.#next = larger;
  }

  #begin(): void {
    this.#next = this.#next.slice(0, this.#nodes << BITS);
    this.#fail = new Uint16Array(this.#nodes);
    this.#ids.clear();
    this.#queue.push(0);
  }

  /** Its children's ways back, and where it goes for what it has no child for. Its own way back is complete by then. */
  #complete(node: number): void {
    const fail = this.#fail[node]!;
    for (let symbol = 0; symbol < CLASSES; symbol++) {
      const at = (node << BITS) | symbol;
      const child = this.#next[at]!;
      const back = node === 0 ? 0 : this.#next[(fail << BITS) | symbol]!;
      if (child === 0) this.#next[at] = back;
      else {
        this.#fail[child] = back;
        this.#queue.push(child);
      }
    }
  }
}

/** Finds what is under some of the literals of an automaton. */
export interface LiteralView<T> {
  readonly next: Uint16Array;
  /** By node: of the literals that end there the longest one's place in `what`, from 1 on; 0: none does. */
  readonly report: Uint16Array;
  readonly what: T[];
  /** By place - 1: the place of the next shorter literal that ends where this one does; 0: none. */
  readonly up: number[];
  /** By place - 1: the last scan that found it. */
  readonly seenAt: number[];
  scans: number;
}

/** in: the texts of one field; adds to `into` what is under the literals that may be in one of them, each once. */
export function scanTexts<T>(view: LiteralView<T>, texts: readonly unknown[], into: T[]): void {
  view.scans++;
  for (const text of texts) if (typeof text === 'string') scan(view, text, into);
}

/** As scanTexts, of one text. */
export function scanText<T>(view: LiteralView<T>, text: string, into: T[]): void {
  view.scans++;
  scan(view, text, into);
}

function scan<T>(view: LiteralView<T>, text: string, into: T[]): void {
  const { next, report } = view;
  let node = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    node = next[(node << BITS) | (code < 128 ? CLASS_OF[code]! : OTHER)]!;
    if (report[node] !== 0) tell(view, report[node]!, into);
  }
  work.steps += text.length;
}

function tell<T>({ what, up, seenAt, scans }: LiteralView<T>, first: number, into: T[]): void {
  for (let place = first; place !== 0 && seenAt[place - 1] !== scans; place = up[place - 1]!) {
    seenAt[place - 1] = scans;
    work.steps++;
    into.push(what[place - 1]!);
  }
}

/** in: a literal; out: of the longest run of it that can be told apart the end, one symbol a character. */
function keyOf(literal: string): string {
  let best = '';
  let run = '';
  for (let i = 0; i < literal.length; i++) {
    const symbol = classOf(literal.charCodeAt(i));
    run = symbol === OTHER ? '' : run + String.fromCharCode(symbol);
    if (run.length >= best.length) best = run;
  }
  return best.slice(-MOST_LENGTH);
}
