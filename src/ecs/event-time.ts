// When something happened, and how long before something else: within a boot by boot time, across boots by wall time
// with differences clamped to 0 (invariants.md). Used by whatever has a window.

/** An EcsEvent has this form. An empty bootId: not known (documents), so wall time counts. */
export interface EventTime {
  readonly bootId: string;
  readonly bootNs: bigint;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/** in: two times; out: milliseconds from `earlier` to `later`, 0 where that would be negative. */
export function elapsedMs(earlier: EventTime, later: EventTime): number {
  return Math.max(0, differenceMs(earlier, later));
}

/**
 * Whether the wall clock of a later boot stands before a time of an earlier one: it was set back, or the machine has none of
 * its own and begins in 1970. Windows that would not end before the clock is there again end with the boot.
 */
export function wentBack(earlier: EventTime, later: EventTime): boolean {
  const rebooted = earlier.bootId !== '' && later.bootId !== '' && earlier.bootId !== later.bootId;
  return rebooted && later.wallMs < earlier.wallMs;
}

/** Whether the first of two times is the earlier one. */
export function isBefore(a: EventTime, b: EventTime): boolean {
  return differenceMs(b, a) < 0;
}

/** Whether nothing tells one time from the other: of events in order, neither is before the other. */
export function sameInstant(a: EventTime, b: EventTime): boolean {
  return a.bootId === b.bootId && (a.bootId === '' ? a.wallMs === b.wallMs : a.bootNs === b.bootNs);
}

/** The later of two times; the second where they are equal. */
export function laterOf(a: EventTime, b: EventTime): EventTime {
  return differenceMs(a, b) < 0 ? a : b;
}

function differenceMs(from: EventTime, to: EventTime): number {
  const sameBoot = from.bootId !== '' && from.bootId === to.bootId;
  return sameBoot ? Number(to.bootNs - from.bootNs) / 1e6 : to.wallMs - from.wallMs;
}

/** in: a time, milliseconds; out: the time so much later, in the same boot. */
export function laterBy({ bootId, bootNs, wallMs }: EventTime, ms: number): EventTime {
  return { bootId, bootNs: bootNs + BigInt(Math.round(ms * 1e6)), wallMs: wallMs + ms };
}

/** A copy that keeps nothing else of the event alive. */
export function timeOf({ bootId, bootNs, wallMs }: EventTime): EventTime {
  return { bootId, bootNs, wallMs };
}

/** Milliseconds since 1970 -> ISO 8601; what no date can hold becomes 1970. */
export function isoText(ms: number): string {
  return new Date(Math.abs(ms) <= 8.64e15 ? ms : 0).toISOString();
}

const UNITS: readonly (readonly [string, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** in: milliseconds; out: the largest whole unit, for a sentence: `47 days`, `1 hour`, `less than a second`. */
export function inWords(ms: number): string {
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(ms / unitMs);
    if (count >= 1) return `${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return 'less than a second';
}
