// An imported history is put into the one that is there: per term the later sighting holds, the bound per rule too. Pure;
// called by term-history-io.ts.

import type { EventTime } from '../ecs/event-time.ts';
import { IMPORTED } from './learning.ts';
import type { TermLine } from './term-lines.ts';
import type { RuleTerms } from './term-store.ts';

/** What was read for one rule. */
export interface ImportedHistory {
  readonly rule_id: string;
  readonly fields: readonly string[];
  sinceMs: number;
  /** Key -> last seen, milliseconds since 1970. */
  readonly terms: Map<string, number>;
}

export interface MergeCounts {
  added: number;
  /** Seen later there than here. */
  renewed: number;
  /** As late, or later, here. */
  known: number;
  /** Beyond the bound: those that were not seen for longest, of either history. */
  forgotten: number;
}

/** What a merge came to: the history, and which of its terms are to be written (undefined time: to be removed). */
export interface Merged {
  readonly history: RuleTerms;
  readonly changes: ReadonlyMap<string, EventTime | undefined>;
  readonly counts: MergeCounts;
}

/** Puts a line to those of its rule; of two of one term the later holds. out: false when its fields are others. */
export function collect(imported: Map<string, ImportedHistory>, line: TermLine): boolean {
  const { rule_id, fields, key, lastSeenMs, sinceMs } = line;
  const history = imported.get(rule_id) ?? { rule_id, fields, sinceMs, terms: new Map<string, number>() };
  if (history.fields.join(' ') !== fields.join(' ')) return false;
  imported.set(rule_id, history);
  history.sinceMs = Math.min(history.sinceMs, sinceMs);
  history.terms.set(key, Math.max(lastSeenMs, history.terms.get(key) ?? lastSeenMs));
  return true;
}

/** in: what was read, the history of the same rule and fields if there is one, the bound; nothing that comes in is changed. */
export function merge(imported: ImportedHistory, here: RuleTerms | undefined, maxTerms: number): Merged {
  const counts: MergeCounts = { added: 0, renewed: 0, known: 0, forgotten: 0 };
  const changes = new Map<string, EventTime | undefined>();
  const seen = new Map(here?.seen);
  for (const [key, ms] of imported.terms) {
    const before = seen.get(key);
    if (before !== undefined && before.wallMs >= ms) counts.known++;
    else {
      counts[before === undefined ? 'added' : 'renewed']++;
      seen.set(key, elsewhere(ms));
      changes.set(key, elsewhere(ms));
    }
  }
  const oldestFirst = [...seen].sort(([, a], [, b]) => a.wallMs - b.wallMs);
  for (const [key] of oldestFirst.slice(0, Math.max(0, seen.size - maxTerms))) {
    counts.forgotten++;
    seen.delete(key);
    changes.set(key, undefined);
  }
  return { history: { ...begun(imported, here), seen }, changes, counts };
}

function begun({ rule_id, fields, sinceMs }: ImportedHistory, here: RuleTerms | undefined): RuleTerms {
  const start = elsewhere(sinceMs);
  if (here === undefined) return { rule_id, fields: fields.join(' '), queryHash: IMPORTED, start, seen: new Map() };
  return { ...here, start: here.start.wallMs <= sinceMs ? here.start : start };
}

/** A time of no boot of this host: wall time counts. */
function elsewhere(wallMs: number): EventTime {
  return { bootId: '', bootNs: 0n, wallMs };
}
