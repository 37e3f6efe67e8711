// Which of many literals are in a text, in one pass over it whatever their number: Aho-Corasick with a table of all transitions,
// ASCII letters in either case being one. In: literals, once; then texts; out: the numbers of literals that may be in them.
// It is a filter: none that is there is missed; a few characters that literals rarely tell apart are one to it (quotes,
// brackets), and of a long literal only its end is asked for. Used by the index over rules.

/** Characters of a literal that are looked for: its end, where paths differ. */
const MOST_LENGTH = 16;
/** Nodes: 16 bits are enough for one. */
const MOST_NODES = 65_535;
const BITS = 6;
const CLASSES = 1 << BITS;
/** Nodes whose transitions are completed in one step. */
const STEP = 256;
const LAST_SCAN = 0xffff_ffff;
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
  /** Of each node the nearest on its way of suffixes that ends a literal, itself included; 0: none. */
  #report = new Uint16Array(0);
  #seenAt = new Uint32Array(0);
  #scan = 0;
  /** Characters looked at, and literals told: what tests hold the work by. */
  steps = 0;

  /** out: the literal's number, the same for the same; undefined where it is not looked for: too short, or no room. */
  add(literal: string): number | undefined {
    const key = keyOf(literal);
    if (key.length < 2) return undefined;
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

  /** Adds the number of each literal that may be in the text and was not found since begin(). Only once it is complete. */
  scan(text: string, found: number[]): void {
    const next = this.#next;
    const report = this.#report;
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      node = next[(node << BITS) | (code < 128 ? CLASS_OF[code]! : OTHER)]!;
      if (report[node] !== 0) this.#tell(report[node]!, found);
    }
    this.steps += text.length;
  }

  /** The texts to come are of another field or event. */
  begin(): void {
    if (this.#scan === LAST_SCAN) {
      this.#seenAt.fill(0);
      this.#scan = 0;
    }
    this.#scan++;
  }

  #tell(first: number, found: number[]): void {
    for (let node = first; node !== 0 && this.#seenAt[node] !== this.#scan; node = this.#report[this.#fail[node]!]!) {
      this.#seenAt[node] = this.#scan;
      this.steps++;
      found.push(this.#literals[node]!);
    }
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
    this.#report = new Uint16Array(this.#nodes);
    this.#seenAt = new Uint32Array(this.#nodes);
    this.#ids.clear();
    this.#queue.push(0);
  }

  /** Its children's ways back, and where it goes for what it has no child for. Its own way back is complete by then. */
  #complete(node: number): void {
    const fail = this.#fail[node]!;
    this.#report[node] = this.#literals[node] !== -1 ? node : this.#report[fail]!;
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
