// `--since` and its like: a duration back from now, or a moment in local time.

import { parseDuration } from '../config/units.ts';
import { ForebearError } from '../errors.ts';

const HINT = 'a duration back from now such as 90s, 1h, 7d, or a moment such as 2026-11-24T10:00';
const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * in: "1h", "2026-11-24", "2026-11-24T10:00", with seconds and zone if wanted (without zone: local time); now in
 * milliseconds since 1970; what to give instead; out: milliseconds since 1970. Throws FB_COMMAND_TIME.
 */
export function parseSince(text: string, nowMs: number, hint = HINT): number {
  const back = parseDuration(text);
  if (back !== undefined) return nowMs - back;
  const [, day, time = '00:00', zone = ''] = MOMENT.exec(text) ?? [];
  const moment = Date.parse(`${day}T${time}${zone}`);
  // Date.parse takes 30 February for 2 March.
  const real = day !== undefined && !Number.isNaN(moment) && new Date(`${day}T00:00Z`).toISOString().startsWith(day);
  if (real) return moment;
  throw new ForebearError('FB_COMMAND_TIME', `not a time: ${text}`, { hint });
}
