// Dates as documents and queries write them, Elasticsearch's default format strict_date_optional_time||epoch_millis:
// yyyy[-MM[-dd[T[HH[:mm[:ss[.fraction]]]][zone]]]], or milliseconds since 1970. Called by coerce.ts and query/date-math.ts.

const ISO =
  /^(-?\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?)?)?)?$/;
const EPOCH = /^-?\d{1,19}(\.\d+)?$/;
const DAY_MS = 86_400_000;

export interface ParsedDate {
  /** Milliseconds since 1970 of the first instant that the text names, a fraction kept. */
  readonly ms: number;
  /**
   * The last whole millisecond it names. What is missing of the time is filled up; a missing month or day is the first:
   * 2024-03 ends with March 1 (asked of Elasticsearch 9.5.3).
   */
  readonly lastMs: number;
}

/** in: a date as text; out: the span that it names, undefined when it is no date. Never throws. Zone: UTC when missing. */
export function parseDate(text: string): ParsedDate | undefined {
  const match = ISO.exec(text);
  if (match !== null) return fromParts(match);
  if (!EPOCH.test(text)) return undefined;
  const ms = Number(text);
  return Math.abs(ms) > 2 ** 63 ? undefined : { ms, lastMs: Math.floor(ms) };
}

function fromParts(match: RegExpExecArray): ParsedDate | undefined {
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const dayMs = utcDay(Number(year), Number(month ?? 1), Number(day ?? 1));
  if (dayMs === undefined || !inRange(hour, 23) || !inRange(minute, 59) || !inRange(second, 59)) return undefined;
  const offset = zone === undefined ? 0 : zoneMs(zone);
  if (offset === undefined) return undefined;
  const fractionMs = fraction === undefined ? undefined : Number(`0.${fraction}`) * 1000;
  const at = (h: number, m: number, s: number, ms: number) => dayMs - offset + ((h * 60 + m) * 60 + s) * 1000 + ms;
  return {
    ms: at(Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0), fractionMs ?? 0),
    lastMs: at(Number(hour ?? 23), Number(minute ?? 59), Number(second ?? 59), Math.floor(fractionMs ?? 999)),
  };
}

function utcDay(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same ? Math.floor(date.getTime() / DAY_MS) * DAY_MS : undefined;
}

function inRange(digits: string | undefined, max: number): boolean {
  return digits === undefined || Number(digits) <= max;
}

/** Z or ±HH[:mm[:ss]], at most 18 hours as in java.time. */
function zoneMs(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const digits = zone.slice(1).replaceAll(':', '');
  const [hours, minutes, seconds] = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6)].map(Number) as [
    number,
    number,
    number,
  ];
  if (hours > 18 || minutes > 59 || seconds > 59) return undefined;
  return (zone[0] === '-' ? -1 : 1) * ((hours * 60 + minutes) * 60 + seconds) * 1000;
}
