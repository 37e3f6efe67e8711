// Retry-After of RFC 9110: seconds or a date. Proxies send it, absurd values included: clamped to 0 .. 1 h.

const MOST_MS = 3_600_000;

/** in: the header, now; out: milliseconds to wait, undefined when there is none that can be read. */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const [text] = [header].flat();
  if (text === undefined) return undefined;
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : dateMs(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MOST_MS);
}

/** An HTTP date ends in GMT; Date.parse alone takes far more. */
function dateMs(text: string): number {
  return / GMT$/.test(text.trim()) ? Date.parse(text) : Number.NaN;
}
