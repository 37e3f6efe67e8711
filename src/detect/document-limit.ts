// An alert's document is at most 64 KiB (invariants.md): a 32 KiB command line, times parent and leaders, times every rule
// that matches, would push other alerts out of the journal. In: a JSON document; out: the document within the limit and
// what was cut. The order is fixed, so the same alert is cut the same way: first the rule's own long texts, which can be
// looked up by its id, then what is not the process itself, then everything, harder each time. Called by alert-document.ts.

import { isRawNumber } from '../ecs/json.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Cut {
  /** Dotted path of the field. */
  readonly path: string;
  /** Characters of texts, entries of lists, that are gone. */
  readonly count: number;
}

export interface Limited {
  readonly document: Readonly<Record<string, unknown>>;
  readonly cuts: readonly Cut[];
}

export const MAX_DOCUMENT_BYTES = 64 * 1024;
/** Room for the marks: 17 of them (alert-document.ts), each at most 120 characters of up to 6 bytes, and their keys. */
const RESERVE_BYTES = 16 * 1024;
const MAX_ENTRIES = 64;

const RULE_TEXTS = /^kibana\.alert\.rule\.(note|setup|description|parameters\.query|false_positives|references)$/;
const EVIDENCE = /^(process\.(args|command_line|executable|parent\.(args|command_line|executable))|kibana\.alert\.)/;
const ESSENTIAL = new RegExp(
  `^(${[
    '@timestamp',
    'ecs',
    'event\\.(kind|category|type|action|id)',
    'rule\\.(id|name|version)',
    'host\\.(name|id)',
    'user\\.(id|name)',
    'process\\.(pid|entity_id|name|executable|args|args_count|command_line)',
    'process\\.parent\\.(pid|entity_id|name|executable)',
    'kibana\\.alert\\.(uuid|status|workflow_status|depth|original_time|reason|severity|risk_score|new_terms|start)',
    'kibana\\.alert\\.(last_detected|rule\\.(rule_id|name|version|type))',
  ].join('|')})(\\.|$)`,
);

/** Each step: how much of a field may stay, in characters; undefined: the field is not looked at. */
const STEPS: readonly ((path: string) => number | undefined)[] = [
  (path) => (RULE_TEXTS.test(path) ? 0 : undefined),
  (path) => (EVIDENCE.test(path) ? undefined : 1024),
  () => 8192,
  () => 2048,
  () => 256,
  (path) => (ESSENTIAL.test(path) ? 128 : 0),
];

/**
 * in: a document as JSON.stringify takes it, its bound, what of it is left free when something is cut; out: the same one when it
 * fits, else a cut copy and what was cut.
 */
export function limitDocument(
  document: Readonly<Record<string, unknown>>,
  maxBytes = MAX_DOCUMENT_BYTES,
  reserveBytes = RESERVE_BYTES,
): Limited {
  if (sizeOf(document) <= maxBytes) return { document, cuts: [] };
  const cuts = new Map<string, number>();
  let limited = document as { readonly [key: string]: Json };
  for (const allowed of STEPS) {
    limited = cutValue(limited, '', allowed, cuts) as { readonly [key: string]: Json };
    if (sizeOf(limited) <= maxBytes - reserveBytes) break;
  }
  return { document: limited, cuts: [...cuts].map(([path, count]) => ({ path, count })) };
}

/** Bytes of the document as JSON in UTF-8. */
export function sizeOf(document: Readonly<Record<string, unknown>>): number {
  return Buffer.byteLength(JSON.stringify(document));
}

type Allowed = (path: string) => number | undefined;

/** undefined: nothing of it stays. */
function cutValue(value: Json, path: string, allowed: Allowed, cuts: Map<string, number>): Json | undefined {
  if (typeof value === 'string') return cutText(value, path, allowed(path), cuts);
  if (Array.isArray(value)) return cutList(value, path, allowed, cuts);
  if (typeof value === 'object' && value !== null && !isRawNumber(value))
    return cutTable(value as Record<string, Json>, path, allowed, cuts);
  if (allowed(path) !== 0) return value;
  note(cuts, path, 1);
  return undefined;
}

function cutTable(
  table: Readonly<Record<string, Json>>,
  path: string,
  allowed: Allowed,
  cuts: Map<string, number>,
): Json | undefined {
  const kept: [string, Json][] = [];
  for (const [key, value] of Object.entries(table)) {
    const below = cutValue(value, path === '' ? key : `${path}.${key}`, allowed, cuts);
    if (below !== undefined) kept.push([key, below]);
  }
  return kept.length === 0 && path !== '' ? undefined : Object.fromEntries(kept);
}

function cutText(
  text: string,
  path: string,
  allowed: number | undefined,
  cuts: Map<string, number>,
): string | undefined {
  if (allowed === undefined || text.length <= allowed) return text;
  const kept = text.slice(0, allowed).toWellFormed();
  note(cuts, path, text.length - allowed);
  return allowed === 0 ? undefined : kept;
}

/** A list of texts shares what its field may keep; of a list of tables the last entries stay (the nearest ancestors). */
function cutList(list: readonly Json[], path: string, allowed: Allowed, cuts: Map<string, number>): Json | undefined {
  const limit = allowed(path);
  if (limit === undefined) return list;
  if (limit === 0) {
    note(cuts, path, list.length);
    return undefined;
  }
  if (list.some((item) => typeof item === 'object' && item !== null)) return cutTables(list, path, allowed, cuts);
  let left = limit;
  const kept: Json[] = [];
  for (const item of list) {
    const text = typeof item === 'string' ? cutText(item, path, left, cuts) : item;
    if (left <= 0 || text === undefined) break;
    kept.push(text);
    left -= String(text).length + 1;
  }
  note(cuts, path, list.length - kept.length);
  return kept;
}

function cutTables(list: readonly Json[], path: string, allowed: Allowed, cuts: Map<string, number>): Json {
  note(cuts, path, Math.max(0, list.length - MAX_ENTRIES));
  return list.slice(-MAX_ENTRIES).flatMap((item) => cutValue(item, path, allowed, cuts) ?? []);
}

function note(cuts: Map<string, number>, path: string, count: number): void {
  if (count > 0) cuts.set(path, (cuts.get(path) ?? 0) + count);
}
