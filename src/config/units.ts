// Amounts with a unit, as people write them in the configuration and on the command line: sizes in bytes, durations in
// milliseconds. Called by config.ts and the commands.

const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** in: "64MiB" (B, KiB, MiB, GiB, TiB); out: bytes, a whole number; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, SIZES);
}

/** in: "90s", "1.5h" (ms, s, m, h, d, w); out: milliseconds, a whole number; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return parseAmount(text, DURATIONS);
}

/** in: bytes; out: "1.5 GiB": the largest unit that leaves at least 1, at most one decimal. */
export function formatSize(bytes: number): string {
  const [unit, size] = Object.entries(SIZES).findLast(([, factor]) => bytes >= factor) ?? ['B', 1];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
}

/** in: milliseconds; out: "2d 3h", "5m", "40s": the two largest units, whole. */
export function formatDuration(ms: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.floor(ms / 1000) * 1000);
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = Math.floor(rest / DURATIONS[unit]!);
    rest -= count * DURATIONS[unit]!;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join(' ');
}

function parseAmount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(text.trim());
  if (match === null || !Object.hasOwn(units, match[2]!)) return undefined;
  const amount = Math.round(Number(match[1]) * units[match[2]!]!);
  return Number.isSafeInteger(amount) ? amount : undefined;
}
