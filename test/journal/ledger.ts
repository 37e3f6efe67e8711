// What writers said is durable, and whether it is: the book that every test with a real file system keeps. In: lines of
// writer-child.ts; out: the figures acknowledged, lost, duplicated. A payload follows from its id, so only ids are kept.

import { checkJournal } from '../../src/journal/check.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';

export interface Verdict {
  /** Ids that were acknowledged and are not there, or not under their seq. */
  lost: string[];
  /** Records that are there twice, and seqs that were given twice. */
  duplicated: number;
  /** Records that nobody was promised. */
  unasked: number;
  /** Places that cannot be read, and what the check from end to end finds. */
  faults: unknown[];
}

/** in: "RUN/LANE/N"; out: the payload of that record: lengths from nothing to a page, so that blocks are shared. */
export function payloadOf(id: string): string {
  const n = Number(id.slice(id.lastIndexOf('/') + 1));
  return `${id}/${'x'.repeat((n * 97) % 3000)}`;
}

export class Ledger {
  /** Seq -> id. */
  readonly acknowledged = new Map<number, string>();
  /** Code -> how often an append or an open was refused with it. */
  readonly refused = new Map<string, number>();
  /** The writers' counters, added up. */
  readonly counters = new Map<string, number>();
  #givenTwice = 0;

  /** in: "+ SEQ ID" of an acknowledged record, "- CODE" of a refused one, "# COUNTER VALUE". Throws on anything else. */
  take(line: string): void {
    const [, sign, first = '', id = ''] = /^([+#-]) (\S+)(?: (\S+))?$/.exec(line) ?? [];
    if (sign === undefined) throw new Error(`the writer said ${line}`);
    if (sign === '-') add(this.refused, first, 1);
    if (sign === '#') add(this.counters, first, Number(id));
    if (sign !== '+') return;
    const seq = Number(first);
    if (this.acknowledged.has(seq)) this.#givenTwice++;
    this.acknowledged.set(seq, id);
  }

  /** Reads the journal from its beginning to its end and compares. */
  async verify(directory: string): Promise<Verdict> {
    const source = { directory, counters: new Counters() };
    const faults: unknown[] = [];
    const found = new Map<number, string>();
    for await (const { seq, payload } of readJournal(source, { onDamage: (damage) => faults.push(damage) })) {
      const text = Buffer.from(payload).toString('utf8');
      const id = text.slice(0, text.lastIndexOf('/'));
      found.set(seq, payloadOf(id) === text ? id : `not a payload: ${text.slice(0, 60)}`);
    }
    faults.push(...(await checkJournal(source)).faults);
    const lost = [...this.acknowledged].flatMap(([seq, id]) => (found.get(seq) === id ? [] : [id]));
    const twice = found.size - new Set(found.values()).size;
    return {
      lost,
      duplicated: twice + this.#givenTwice,
      unasked: found.size + lost.length - this.acknowledged.size,
      faults,
    };
  }

  /** One line for the reader of the test's output. */
  figure(name: string, rounds: number, { lost, duplicated, unasked }: Verdict): string {
    const refused = [...this.refused].map(([code, count]) => `, refused ${count} with ${code}`).join('');
    return (
      `journal: ${name}: rounds ${rounds}, acknowledged ${this.acknowledged.size}, lost ${lost.length}, ` +
      `duplicated ${duplicated}, kept though not acknowledged ${unasked}${refused}`
    );
  }
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}
