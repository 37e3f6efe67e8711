// Dates in queries: a date (ecs/dates.ts), `now`, or `DATE||`, then steps: `+1M` `-2h` `/d`. Elasticsearch's date math,
// in UTC. In: text; out: a function of the reference time. Called by kql-operands.ts.

import { parseDate } from '../ecs/dates.ts';

export interface DateOperand {
  /** Whether it depends on the reference time. */
  readonly relative: boolean;
  /** First millisecond that the text names. in: reference time, milliseconds since 1970. */
  first(nowMs: number): number;
  /** Last whole millisecond that it names: what is not written, or was rounded away, is filled up. */
  last(nowMs: number): number;
}

type Unit = 'y' | 'M' | 'w' | 'd' | 'h' | 'H' | 'm' | 's';
type Step = { readonly round: boolean; readonly count: number; readonly unit: Unit };

const STEP = /(?:([+-])(\d*)|\/)([yMwdhHms])/y;
/** Of a relative date each is taken for each event. */
const MAX_STEPS = 100;
const FIXED_MS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, H: 3_600_000, m: 60_000, s: 1000 };
/** 1970 began on a Thursday; weeks begin on Monday. */
const MONDAY_MS = 4 * FIXED_MS.d;

/** in: a date of a query; out: its span, undefined when it is none. Never throws. */
export function parseDateMath(text: string): DateOperand | undefined {
  if (text.startsWith('now')) {
    const steps = parseSteps(text.slice(3));
    if (steps === undefined) return undefined;
    return { relative: true, first: (nowMs) => apply(nowMs, steps, false), last: (nowMs) => apply(nowMs, steps, true) };
  }
  const [base, math] = split(text);
  const date = parseDate(base);
  const steps = parseSteps(math ?? '');
  if (date === undefined || steps === undefined) return undefined;
  const first = Math.floor(apply(date.ms, steps, false));
  const last = Math.floor(math === undefined ? date.lastMs : apply(date.ms, steps, true));
  return { relative: false, first: () => first, last: () => last };
}

function split(text: string): [string, string | undefined] {
  const at = text.indexOf('||');
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 2)];
}

function parseSteps(text: string): Step[] | undefined {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null || steps.length === MAX_STEPS) return undefined;
    const [, sign, digits, unit] = match;
    const count = digits === undefined || digits === '' ? 1 : Number(digits);
    if (count > 2 ** 31) return undefined;
    steps.push({ round: sign === undefined, count: sign === '-' ? -count : count, unit: unit as Unit });
  }
  return steps;
}

function apply(ms: number, steps: readonly Step[], up: boolean): number {
  let at = ms;
  for (const { round, count, unit } of steps) {
    if (!round) at = shift(at, count, unit);
    else if (up) at = shift(floor(at, unit), 1, unit) - 1;
    else at = floor(at, unit);
  }
  return at;
}

function shift(ms: number, count: number, unit: Unit): number {
  if (unit !== 'y' && unit !== 'M') return ms + count * FIXED_MS[unit];
  const date = new Date(ms);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + count * (unit === 'y' ? 12 : 1));
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.setUTCDate(Math.min(day, lastDay));
}

function floor(ms: number, unit: Unit): number {
  if (unit === 'y' || unit === 'M') {
    const date = new Date(ms);
    date.setUTCHours(0, 0, 0, 0);
    return unit === 'M' ? date.setUTCDate(1) : date.setUTCMonth(0, 1);
  }
  const since = unit === 'w' ? MONDAY_MS : 0;
  return Math.floor((ms - since) / FIXED_MS[unit]) * FIXED_MS[unit] + since;
}
