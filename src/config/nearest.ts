// "Did you mean": the known name nearest to a mistyped one. Called by config.ts and by commands for values of options
// (commander does the same for commands and options, but does not export it).
// Own code, 20 lines: `fastest-levenshtein` and `damerau-levenshtein` are a dependency each for one error message, and
// the former does not know transpositions, the commonest slip.

/**
 * in: what was written, the names known; out: the nearest name, or undefined when none is near
 * (more than a third of its letters differ). Bounded: names beyond 64 characters have no neighbour.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance >= bestDistance || distance > Math.max(1, Math.floor(name.length / 3))) continue;
    best = name;
    bestDistance = distance;
  }
  return best;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each 1. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
