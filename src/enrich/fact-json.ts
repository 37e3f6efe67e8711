// Facts <-> text, one JSON line each, for recordings (record/ stores the lines and does not look into them).
// Nanoseconds and capability sets are bigint: written as {"ns": "..."}; everything else is plain JSON.

import { ForebearError, reasonOf } from '../errors.ts';
import { faultOf } from './fact-check.ts';
import type { PlacedFact } from './surroundings.ts';
import { isId } from './value-tests.ts';

/** out: one line without its end. */
export function factToJson(placed: PlacedFact): string {
  return JSON.stringify(placed, (_key, value) => (typeof value === 'bigint' ? { ns: String(value) } : value));
}

/** in: one line; errors: FB_ENRICH_FACT_INVALID. */
export function factFromJson(line: string): PlacedFact {
  const placed = parse(line);
  const { at, fact } = placed as { at: unknown; fact: unknown };
  if (!isId(at)) throw invalid('"at" is not a count');
  const fault = typeof fact === 'object' && fact !== null ? faultOf(fact) : 'no object';
  if (fault !== undefined) throw invalid(fault);
  return placed;
}

function parse(line: string): PlacedFact {
  try {
    const value = JSON.parse(line, revive);
    if (typeof value === 'object' && value !== null) return value as PlacedFact;
  } catch (error) {
    throw invalid(reasonOf(error));
  }
  throw invalid('not an object');
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('ns' in value)) return value;
  const { ns } = value as { ns: unknown };
  return typeof ns === 'string' && /^[0-9]{1,20}$/.test(ns) ? BigInt(ns) : value;
}

function invalid(reason: string): ForebearError {
  return new ForebearError('FB_ENRICH_FACT_INVALID', `recorded fact: ${reason}`, {
    hint: 'the recording is damaged, or was made by a newer forebear',
  });
}
