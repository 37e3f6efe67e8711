// How a figure moves over time: the slope of a straight line through the means of blocks, and how sure it is. Blocks, as a
// heap's size within one of its cycles is one observation, not sixty: single samples would make any slope look certain.

export interface Trend {
  /** Per second, and half the width of its 95 % confidence interval. */
  slope: number;
  plusMinus: number;
}

/** Student's t, 97.5 %, for 1 to 30 degrees of freedom; beyond, 1.96 is near enough. */
const STUDENT = [
  12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.1, 2.09, 2.09,
  2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04,
];

/** in: one value a second, how many make a block; at least three blocks of them. A rest that makes none is left out. */
export function trendOf(values: readonly number[], block: number): Trend {
  const means = blocksOf(values, block).map((part) => part.reduce((sum, value) => sum + value, 0) / block);
  const n = means.length;
  if (n < 3) throw new Error(`${n} blocks of ${block} values make no trend`);
  const meanX = (n - 1) / 2;
  const meanY = means.reduce((sum, y) => sum + y, 0) / n;
  const spreadX = means.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  const slope = means.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0) / spreadX;
  const rest = means.reduce((sum, y, x) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(rest / (n - 2) / spreadX);
  return { slope: slope / block, plusMinus: ((STUDENT[n - 3] ?? 1.96) * error) / block };
}

/** Whole blocks, oldest first. */
export function blocksOf<T>(values: readonly T[], block: number): T[][] {
  const count = Math.floor(values.length / block);
  return Array.from({ length: count }, (_, i) => values.slice(i * block, (i + 1) * block));
}
