// Facts <-> text, one JSON line each, for recordings (record/ stores the lines and does not look into them).
// Nanoseconds and capability sets are bigint: written as {"ns": "..."}; everything else is plain JSON.

import { ForebearError, reasonOf } from '../errors.ts';
import { isHashAnswer } from './hash-answer.ts';
import type { Fact, PlacedFact } from './surroundings.ts';

const KINDS: ReadonlySet<string> = new Set<Fact['kind']>([
  'start',
  'names',
  'name',
  'wall_offset',
  'loss',
  'backfill',
  'expire',
  'process',
  'alive',
  'login_session',
  'selftest',
  'canary',
  'hash',
  'hash_late',
]);

/** Members that must be there, by kind: what a reader would trip over. */
const REQUIRED: Record<Fact['kind'], Readonly<Record<string, string>>> = {
  start: {
    bootId: 'string',
    host: 'object',
    namespaces: 'object',
    wallOffsetMs: 'number',
    users: 'object',
    groups: 'object',
  },
  names: { users: 'object', groups: 'object' },
  name: { of: 'string', id: 'number', name: 'string' },
  wall_offset: { ms: 'number' },
  loss: { record: 'string', count: 'number' },
  backfill: { max: 'number' },
  expire: { max: 'number' },
  process: { pid: 'number', startNs: 'bigint', reading: 'object' },
  alive: { pid: 'number', startNs: 'bigint', alive: 'boolean' },
  login_session: { id: 'string' },
  hash: { file: 'string' },
  hash_late: { file: 'string' },
  canary: {},
  selftest: { id: 'string', directory: 'string', fromNs: 'bigint', untilNs: 'bigint', uid: 'number' },
};

/** out: one line without its end. */
export function factToJson(placed: PlacedFact): string {
  return JSON.stringify(placed, (_key, value) => (typeof value === 'bigint' ? { ns: String(value) } : value));
}

/** in: one line; errors: FB_ENRICH_FACT_INVALID. */
export function factFromJson(line: string): PlacedFact {
  const placed = parse(line);
  const fact = placed.fact as unknown as Record<string, unknown> | undefined;
  if (!Number.isSafeInteger(placed.at) || placed.at < 0) throw invalid('"at" is not a count');
  if (typeof fact !== 'object' || fact === null || !KINDS.has(String(fact.kind))) throw invalid('unknown kind');
  for (const [name, type] of Object.entries(REQUIRED[fact.kind as Fact['kind']])) {
    if (typeof fact[name] !== type) throw invalid(`${String(fact.kind)}.${name} is not a ${type}`);
  }
  if (fact.kind === 'hash' && !isHashAnswer(fact)) throw invalid('hash has no answer');
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
