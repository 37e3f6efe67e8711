// Every term that could be in the cover of a query, of all queries, with the automaton that finds those that are parts of a text.
// Made by rule-index.ts. class-plan.ts looks terms up for the plan of a class, and has the terms of some events counted: the
// frequencies by which covers are chosen.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import { foldedElements, foldedOf } from '../query/ascii-case.ts';
import type { CoverTerm } from '../query/language.ts';
import { LiteralAutomaton, type LiteralView, scanText, scanTexts } from '../query/literal-automaton.ts';

/** What a field has under each kind of term. */
export interface FieldTerms<T> {
  readonly slot: number;
  equals: Map<Scalar, T> | undefined;
  folded: Map<string, T> | undefined;
  /** By the automaton's number of the literal. */
  contains: Map<number, T> | undefined;
  /** The same, to look texts up by; made by complete(). */
  view: LiteralView<T> | undefined;
}

export class IndexTerms {
  readonly #automaton = new LiteralAutomaton();
  #isBuilt = false;
  #incomplete: FieldTerms<number>[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #fields = new Map<number, FieldTerms<number>>();
  size = 0;

  /** Only before the automaton is built. */
  add(term: CoverTerm): void {
    if (term.how === 'contains') {
      const literal = this.#automaton.add(term.value as string);
      if (literal === undefined) return;
      this.#numbers.set(term.value as string, literal);
    }
    const field = fieldOf(this.#fields, term.field.slot);
    if (find(field, term, this.#numbers) === undefined) put(field, term, this.#numbers, this.size++);
  }

  /** out: the term's number; undefined: nobody looks for it. */
  numberOf(term: CoverTerm): number | undefined {
    const field = this.#fields.get(term.field.slot);
    return field && find(field, term, this.#numbers);
  }

  /** Puts what is under a term into a plan of the same form. The term has a number. */
  put<T>(into: Map<number, FieldTerms<T>>, term: CoverTerm, what: (before: T | undefined) => T): void {
    const field = fieldOf(into, term.field.slot);
    put(field, term, this.#numbers, what(find(field, term, this.#numbers)));
  }

  /** Builds the automaton, a step at a call; out: whether all is ready. No term is added after the first. */
  build(): boolean {
    if (!this.#isBuilt) {
      this.#isBuilt = this.#automaton.build();
      this.#incomplete = [...this.#fields.values()];
    } else this.complete(this.#incomplete.pop());
    return this.#isBuilt && this.#incomplete.length === 0;
  }

  /** Makes a field ready to be looked up. Some nanoseconds for each character of all literals. */
  complete<T>(field: FieldTerms<T> | undefined): void {
    if (field?.contains !== undefined) field.view = this.#automaton.view(field.contains);
  }

  /** Counts the terms that the event has. */
  count(slots: readonly SlotValue[], counts: Uint32Array): void {
    const terms: number[] = [];
    for (const field of this.#fields.values()) {
      const value = slots[field.slot];
      if (value !== undefined) lookUp(field, value, terms);
    }
    for (const term of new Set(terms)) counts[term]!++;
  }
}

function fieldOf<T>(fields: Map<number, FieldTerms<T>>, slot: number): FieldTerms<T> {
  const known = fields.get(slot);
  if (known !== undefined) return known;
  const made: FieldTerms<T> = { slot, equals: undefined, folded: undefined, contains: undefined, view: undefined };
  fields.set(slot, made);
  return made;
}

function find<T>(
  field: FieldTerms<T>,
  { how, value }: CoverTerm,
  literals: ReadonlyMap<string, number>,
): T | undefined {
  if (how === 'contains') return field.contains?.get(literals.get(value as string)!);
  return how === 'folded' ? field.folded?.get(value as string) : field.equals?.get(value);
}

function put<T>(field: FieldTerms<T>, { how, value }: CoverTerm, literals: ReadonlyMap<string, number>, what: T): void {
  if (how === 'contains') {
    field.contains ??= new Map();
    field.contains.set(literals.get(value as string)!, what);
  } else if (how === 'folded') {
    field.folded ??= new Map();
    field.folded.set(value as string, what);
  } else {
    field.equals ??= new Map();
    field.equals.set(value, what);
  }
}

/** Adds what is under the terms that a field's value has: once or more. The field is complete. */
export function lookUp<T>({ slot, equals, folded, view }: FieldTerms<T>, value: SlotValue, into: T[]): void {
  if (typeof value === 'object') {
    if (equals !== undefined) for (const element of value) add(into, equals.get(element as Scalar));
    if (folded !== undefined) for (const text of foldedElements(slot, value)) add(into, folded.get(text));
    if (view !== undefined) scanTexts(view, value, into);
  } else if (value !== undefined) {
    if (equals !== undefined) add(into, equals.get(value));
    if (typeof value !== 'string') return;
    if (folded !== undefined) add(into, folded.get(foldedOf(slot, value)));
    if (view !== undefined) scanText(view, value, into);
  }
}

function add<T>(into: T[], what: T | undefined): void {
  if (what !== undefined) into.push(what);
}
