// Medians and spreads of bench figures. No library: two functions of sorted numbers.

/** Linear between the neighbours. in: at least one number, 0 <= q <= 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  return sorted[below]! + (sorted[Math.ceil(at)]! - sorted[below]!) * (at - below);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** `1.05 (1.02..1.09)`: median, first and third quartile. */
export function spread(values: readonly number[]): string {
  const [low, mid, high] = [0.25, 0.5, 0.75].map((q) => quantile(values, q).toFixed(2));
  return `${mid} (${low}..${high})`;
}
