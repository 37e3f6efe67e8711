// What each rule costs: how often it was evaluated, on sketches of events and on events, how often it matched, the alerts that this
// made, and the time that all of it took. Counted always; of the time every 64th evaluation is a sample that stands for 64.
// Which one is drawn anew each time: a fixed step would meet the same rule again and again where events have as many
// candidates. In: calls by detector.ts; out: the costly rules, for the snapshot. No clock of its own.

export interface RuleCost {
  rule_id: string;
  name: string;
  /** Evaluations on sketches, and on events. */
  sketches: number;
  evaluations: number;
  matches: number;
  alerts: number;
  /** Estimated: of both evaluations, and of what a match led to (exceptions, new terms, the alert's document). */
  seconds: number;
}

export interface CostReport {
  /** The costliest first. */
  rules: RuleCost[];
  /** Of all rules: sums only grow, as each rule's figures do. */
  all: Omit<RuleCost, 'rule_id' | 'name'> & { rules: number };
}

export interface CostClock {
  /** Milliseconds from anywhere, only growing, in fractions. */
  nowMs(): number;
  /** What nowMs takes itself. */
  ownMs: number;
}

/** An evaluation that is no sample. */
export const UNTIMED = -1;
const EVERY = 64;
/** What one sample may count: what takes longer is mostly the machine's (a collection, another process), times 64. */
const LONGEST_MS = 1;
const NO_CLOCK: CostClock = { nowMs: () => 0, ownMs: 0 };

export class RuleCosts {
  readonly #rules: readonly { rule_id: string; name: string }[];
  readonly #clock: CostClock;
  readonly #sketches: Float64Array;
  readonly #evaluations: Float64Array;
  readonly #matches: Float64Array;
  readonly #alerts: Float64Array;
  readonly #ms: Float64Array;
  #untilSample = EVERY;
  #random = 0x2545f491;

  /** Of rules that are here no more. */
  readonly #gone = { sketches: 0, evaluations: 0, matches: 0, alerts: 0, seconds: 0 };

  /** Without a clock the time stays 0. before: what rules of the same id have cost is what they begin with. */
  constructor(rules: readonly { rule_id: string; name: string }[], clock: CostClock = NO_CLOCK, before?: RuleCosts) {
    const figures = () => new Float64Array(rules.length);
    this.#rules = rules;
    this.#clock = clock;
    this.#sketches = figures();
    this.#evaluations = figures();
    this.#matches = figures();
    this.#alerts = figures();
    this.#ms = figures();
    if (before !== undefined) this.#goOn(before);
  }

  /** in: the rule's place; out: to be given to end() unless it is UNTIMED. */
  evaluate(rule: number): number {
    this.#evaluations[rule]!++;
    return --this.#untilSample > 0 ? UNTIMED : this.#clock.nowMs();
  }

  /** As evaluate(), of a sketch. */
  sketch(rule: number): number {
    this.#sketches[rule]!++;
    return --this.#untilSample > 0 ? UNTIMED : this.#clock.nowMs();
  }

  end(rule: number, begunMs: number): void {
    const { nowMs, ownMs } = this.#clock;
    const took = nowMs() - begunMs - ownMs;
    this.#ms[rule]! += EVERY * Math.min(Math.max(took, 0), LONGEST_MS);
    this.#untilSample = this.#draw();
  }

  match(rule: number, alerts: number): void {
    this.#matches[rule]!++;
    this.#alerts[rule]! += alerts;
  }

  /** in: how many rules at most. */
  report(most: number): CostReport {
    const costs = this.#rules.map(({ rule_id, name }, i) => ({ rule_id, name, ...this.#figuresOf(i) }));
    costs.sort((a, b) => b.seconds - a.seconds || evaluated(b) - evaluated(a));
    const all = { rules: costs.length, ...this.#gone };
    for (const cost of costs) {
      for (const figure of FIGURES) all[figure] += cost[figure];
    }
    return { rules: costs.slice(0, most), all };
  }

  #goOn(before: RuleCosts): void {
    Object.assign(this.#gone, before.#gone);
    const places = new Map(this.#rules.map(({ rule_id }, place) => [rule_id, place]));
    for (const [i, { rule_id }] of before.#rules.entries()) {
      const place = places.get(rule_id);
      const figures = before.#figuresOf(i);
      if (place === undefined) for (const figure of FIGURES) this.#gone[figure] += figures[figure];
      else this.#begin(place, figures);
    }
  }

  #begin(rule: number, { sketches, evaluations, matches, alerts, seconds }: Omit<RuleCost, 'rule_id' | 'name'>): void {
    this.#sketches[rule] = sketches;
    this.#evaluations[rule] = evaluations;
    this.#matches[rule] = matches;
    this.#alerts[rule] = alerts;
    this.#ms[rule] = seconds * 1000;
  }

  #figuresOf(rule: number) {
    return {
      sketches: this.#sketches[rule]!,
      evaluations: this.#evaluations[rule]!,
      matches: this.#matches[rule]!,
      alerts: this.#alerts[rule]!,
      seconds: this.#ms[rule]! / 1000,
    };
  }

  /** 1 to 127, each as likely (xorshift32): 64 in the mean. */
  #draw(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return 1 + ((x >>> 0) % (2 * EVERY - 1));
  }
}

const FIGURES = ['sketches', 'evaluations', 'matches', 'alerts', 'seconds'] as const;

function evaluated({ sketches, evaluations }: RuleCost): number {
  return sketches + evaluations;
}

/** in: a clock; out: the same, with what it takes itself: the median of some pairs. */
export function costClock(nowMs: () => number): CostClock {
  const took = Array.from({ length: 1001 }, () => {
    const begun = nowMs();
    return nowMs() - begun;
  });
  return { nowMs, ownMs: took.sort((a, b) => a - b)[500]! };
}
