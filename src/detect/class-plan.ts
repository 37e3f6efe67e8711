// The plan of one class of events: what is left of each probe once the class is known, under the terms of its cover. Made in
// steps while events come: until it is complete, each is a candidate of what the class alone leaves. Covers are chosen by how often the terms were
// in events of the class, anew as it has seen more of them. Counts events, no clock: the same events, the same plan.
// Made and asked by rule-index.ts.

import type { SlotValue } from '../ecs/event.ts';
import { guessedWeight } from '../query/cover.ts';
import type { CompiledQuery, CoverTerm } from '../query/language.ts';
import { type FieldTerms, type IndexTerms, lookUp } from './index-terms.ts';
import { PlaceSet } from './place-set.ts';

/**
 * A query to be asked of events, and what is left of it for one class of events. `rule` is its place in the rule set, `probe`
 * which of the rule's queries it is (the stages of a sequence).
 */
export interface Candidate {
  readonly rule: number;
  readonly probe: number;
  readonly query: CompiledQuery;
}

/** A probe, and what it says of the class alone. */
export interface ClassProbe extends Candidate {
  readonly couldMatch: CompiledQuery;
}

/** Events of the class after which covers are chosen anew: twice soon, then as their number has grown sixteenfold. */
const FIRST_CHOICE = 512;
const GROWTH = 16;
const LONGEST = 1 << 22;
/** One event in so many is counted; in the beginning, and later. */
const EARLY = 8;
const LATER = 64;
/** Before it has been counted, a guess weighs like so many events. */
const GUESS = 0.02;

/** Places in `left`, ascending. */
type Postings = number[];

/** Those found for one event. */
const lists: Postings[] = [];

interface Cover {
  readonly always: Postings;
  readonly fields: Map<number, FieldTerms<Postings>>;
  /** Those of them that can be looked up, and those that are to be made so. */
  readonly lists: FieldTerms<Postings>[];
  incomplete: FieldTerms<Postings>[] | undefined;
  /** As far as it has come in `left`. */
  done: number;
}

export class ClassPlan {
  readonly #terms: IndexTerms;
  readonly #probes: readonly ClassProbe[];
  readonly #slots: readonly SlotValue[];
  readonly #fixed: ReadonlyMap<number, SlotValue>;
  /** As far as it has come in the probes. */
  #seen = 0;
  readonly #left: Candidate[] = [];
  /** What could match as it is given: candidates of every event until each probe has its place. */
  #whole: readonly Candidate[] | undefined;
  #cover: Cover = emptyCover();
  #isReady = false;
  /** The one that comes next, while it is made. */
  #next: Cover | undefined;
  #events = 0;
  #nextChoice = FIRST_CHOICE;
  #counts: Uint32Array | undefined;
  #counted = 0;
  readonly #found = new PlaceSet();

  /** slots: an event of the class. classSlots: those that make it. */
  constructor(
    terms: IndexTerms,
    probes: readonly ClassProbe[],
    classSlots: readonly number[],
    slots: readonly SlotValue[],
  ) {
    this.#terms = terms;
    this.#probes = probes;
    this.#fixed = new Map(classSlots.map((slot) => [slot, slots[slot]]));
    const known: SlotValue[] = [];
    for (const [slot, value] of this.#fixed) known[slot] = value;
    this.#slots = known;
  }

  /** Whether events are looked up by the best covers that are known now. */
  get isComplete(): boolean {
    return this.#isReady && this.#next === undefined;
  }

  /** The values that make the class, in their slots. */
  get known(): readonly SlotValue[] {
    return this.#slots;
  }

  /** Probes left for the class, and how many of them every event is a candidate of. Completes the plan. */
  get reach(): { rules: number; always: number } {
    while (!this.isComplete) this.advance(64);
    return { rules: this.#left.length, always: this.#cover.always.length };
  }

  /** What of the probes is left, as far as the plan is made. */
  get size(): number {
    return this.#left.length;
  }

  /** in: how many probes it may go on by. */
  advance(steps: number): void {
    for (let i = 0; i < steps && !this.isComplete; i++) {
      if (this.#seen < this.#probes.length) this.#takeProbe();
      else if (!this.#isReady) this.#isReady = this.#go(this.#cover);
      else if (this.#go(this.#next!)) this.#change();
    }
  }

  /** in: an event of the class; out: a superset of the probes that match it, in their order, each once. */
  candidates(slots: readonly SlotValue[]): readonly Candidate[] {
    this.#events++;
    if (this.#events % (this.#events < FIRST_CHOICE ? EARLY : LATER) === 0) this.#count(slots);
    if (this.#events === this.#nextChoice) this.#chooseAnew();
    if (this.#isReady) return this.#find(slots);
    this.#whole ??= this.#probes.filter(({ couldMatch }) => couldMatch.matches(this.#slots));
    return this.#whole;
  }

  #find(slots: readonly SlotValue[]): Candidate[] {
    const set = this.#found;
    set.begin(this.#left.length);
    set.add(this.#cover.always);
    lists.length = 0;
    for (const field of this.#cover.lists) {
      const value = slots[field.slot];
      if (value !== undefined) lookUp(field, value, lists);
    }
    for (const list of lists) set.add(list);
    set.sort();
    const candidates = new Array<Candidate>(set.size);
    for (let i = 0; i < set.size; i++) candidates[i] = this.#left[set.places[i]!]!;
    return candidates;
  }

  #takeProbe(): void {
    const { rule, probe, query, couldMatch } = this.#probes[this.#seen++]!;
    if (!couldMatch.matches(this.#slots)) return;
    const rest = query.given === undefined ? query : query.given(this.#fixed);
    if (rest !== undefined) this.#left.push({ rule, probe, query: rest });
  }

  #chooseAnew(): void {
    this.#nextChoice += Math.min(this.#events * (GROWTH - 1), LONGEST);
    if (this.#isReady) this.#next = emptyCover();
  }

  #change(): void {
    this.#cover = this.#next!;
    this.#next = undefined;
    this.#counts = undefined;
    this.#counted = 0;
  }

  /** One step of making a cover; out: whether it is complete. */
  #go(cover: Cover): boolean {
    if (cover.done < this.#left.length) {
      this.#put(cover);
      return false;
    }
    cover.incomplete ??= [...cover.fields.values()];
    const field = cover.incomplete.pop();
    if (field === undefined) return true;
    this.#terms.complete(field);
    cover.lists.push(field);
    return false;
  }

  /** The next of `left` into a cover. */
  #put(cover: Cover): void {
    const place = cover.done++;
    const { query } = this.#left[place]!;
    const chosen = query.coverBy === undefined ? query.cover : query.coverBy((term) => this.#weigh(term));
    if (chosen === undefined) return void cover.always.push(place);
    for (const term of chosen) {
      if (this.#terms.numberOf(term) === undefined) return void cover.always.push(place);
    }
    for (const term of chosen) this.#terms.put(cover.fields, term, (before) => withPlace(before, place));
  }

  /** Of the events counted the part that has the term; a guess decides between what none or all of them had. */
  #weigh(term: CoverTerm): number {
    const number = this.#terms.numberOf(term);
    if (number === undefined) return Number.POSITIVE_INFINITY;
    return ((this.#counts?.[number] ?? 0) + GUESS * guessedWeight(term)) / (this.#counted + 1);
  }

  #count(slots: readonly SlotValue[]): void {
    this.#counts ??= new Uint32Array(this.#terms.size);
    this.#terms.count(slots, this.#counts);
    this.#counted++;
  }
}

function emptyCover(): Cover {
  return { always: [], fields: new Map(), lists: [], incomplete: undefined, done: 0 };
}

function withPlace(places: Postings | undefined, place: number): Postings {
  if (places === undefined) return [place];
  if (places.at(-1) !== place) places.push(place);
  return places;
}
