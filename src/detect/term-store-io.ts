// The durable term store: state/terms.db over node:sqlite, behind the memory store. Opened and closed by the agent;
// written from the event path in small transactions. What is dirty longer than FLUSH_MS of event time is written.
//
// Order with the journal: a tuple that made an alert is held back until the alert is durable (release), so a crash in
// between repeats the alert and never hides it. Each flush that leaves nothing dirty writes checkpointSeq, the newest
// released seq; at start the agent replays the journal's alerts from checkpointSeq + 1 through Detector.applyAlert.
// What a crash loses: last_seen of at most FLUSH_MS, first sightings in that time that made no alert (capped, learned), and what
// threshold rules counted in that time; what was suppressed is in the journal's amends but for the last ten seconds.
// That a history, or learning, begins or ends is written at the next event.

import { join } from 'node:path';
import { type EventTime, elapsedMs, timeOf } from '../ecs/event-time.ts';
import { reasonOf } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { KeptRows } from './kept-rows-io.ts';
import type { CapState } from './signal-caps.ts';
import { type OpenedDatabase, openTermDatabase } from './term-database-io.ts';
import { MemoryTermStore, type RuleTerms, type TermRule } from './term-store.ts';
import { TermTables } from './term-tables-io.ts';

const FLUSH_MS = 60_000;
/** Rows of one flush on the event path: about 2 ms. */
const FLUSH_ROWS = 512;

/**
 * in: state directory, bound per rule, id of the journal that the checkpoint counts in; out: the store over
 * DIRECTORY/terms.db. Throws FB_TERMS_NEWER, FB_TERMS_OPEN. A damaged database is set aside, see `damaged`.
 */
export function openTermStore(
  directory: string,
  counters: Counters,
  maxTerms?: number,
  journalId = '',
): DurableTermStore {
  const opened = openTermDatabase(join(directory, 'terms.db'));
  if (opened.damaged !== undefined) counters.add('detect_databases_damaged_total');
  return new DurableTermStore(opened, counters, maxTerms, journalId);
}

export class DurableTermStore extends MemoryTermStore {
  override readonly kept: KeptRows;
  readonly #tables: TermTables;
  readonly #counters: Counters;
  readonly #dirty = new Map<string, Set<string>>();
  readonly #dirtyRules = new Set<string>();
  readonly #dropped = new Set<string>();
  /** Alerts of a term that are not durable yet. */
  readonly #held = new Map<string, number>();
  #releasedSeq: number;
  #lastFlush: EventTime | undefined;
  #more = false;
  #caps: () => Iterable<CapState> = () => [];
  /** Why the last flush failed; undefined: it did not. */
  lastError: string | undefined;

  /** What was set aside at open, and why; undefined: nothing. */
  readonly damaged: OpenedDatabase['damaged'];
  readonly #journalId: string;
  /** Terms of rules that were not declared yet. */
  readonly #stored: Map<string, number>;

  constructor({ database, damaged }: OpenedDatabase, counters: Counters, maxTerms?: number, journalId = '') {
    super(counters, maxTerms);
    this.#tables = new TermTables(database);
    this.kept = new KeptRows(database);
    this.#counters = counters;
    this.#journalId = journalId;
    this.damaged = damaged;
    this.#releasedSeq = this.#tables.checkpointSeq(journalId);
    this.#stored = this.#tables.counts();
  }

  /** All alerts up to this seq of the journal are in the database. */
  get checkpointSeq(): number {
    return this.#tables.checkpointSeq(this.#journalId);
  }

  /** Terms known, those of rules that are not loaded included. */
  override get size(): number {
    let size = super.size;
    for (const count of this.#stored.values()) size += count;
    return size;
  }

  override declare(rule: TermRule, at: EventTime): void {
    if (!this.rules.has(rule.rule_id)) {
      const stored = this.#tables.load(rule.rule_id);
      if (stored !== undefined) this.rules.set(rule.rule_id, stored);
      this.#stored.delete(rule.rule_id);
    }
    super.declare(rule, at);
  }

  override hold(rule_id: string, term: string): void {
    const key = heldKey(rule_id, term);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
  }

  override release(rule_id: string, terms: readonly string[], seq: number): void {
    for (const term of terms) this.#letGo(rule_id, term);
    this.#releasedSeq = Math.max(this.#releasedSeq, seq);
  }

  /** Unless another alert of the tuple may yet be durable. */
  override forget(rule_id: string, term: string): void {
    if (!this.#letGo(rule_id, term)) super.forget(rule_id, term);
  }

  /** out: it is held by another alert still. */
  #letGo(rule_id: string, term: string): boolean {
    const key = heldKey(rule_id, term);
    const left = (this.#held.get(key) ?? 0) - 1;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
    return left > 0;
  }

  override tick(at: EventTime): void {
    this.#lastFlush ??= timeOf(at);
    const urgent = this.#more || (this.#dirtyRules.size > 0 && this.lastError === undefined);
    if (!urgent && elapsedMs(this.#lastFlush, at) < FLUSH_MS) return;
    this.#lastFlush = timeOf(at);
    this.flush(FLUSH_ROWS);
  }

  override restoreCaps(): readonly CapState[] {
    return this.#tables.loadCaps();
  }

  override keepCaps(source: () => Iterable<CapState>): void {
    this.#caps = source;
  }

  /** Writes what is dirty and not held, at most `rows` terms. A fault is counted and kept; what was dirty stays so. */
  flush(rows = Number.POSITIVE_INFINITY): void {
    const { batch, complete: areTerms } = this.#takeDirty(rows);
    const groups = this.kept.take(rows - batch.length);
    const complete = areTerms && groups.complete;
    try {
      this.#tables.transaction(() => {
        this.#write(batch, complete);
        this.kept.write(groups);
      });
      this.#settle(batch);
      this.kept.settle(groups);
      this.#more = !complete;
      this.lastError = undefined;
    } catch (error) {
      this.#more = false;
      this.lastError = reasonOf(error);
      this.#counters.add('detect_terms_flush_failed_total');
    }
  }

  /** Writes what is left and releases the database. Idempotent. */
  close(): void {
    if (!this.#tables.isOpen) return;
    this.flush();
    this.#tables.close();
  }

  protected override ruleChanged(rule: RuleTerms): void {
    this.#dirtyRules.add(rule.rule_id);
  }

  protected override termChanged(rule_id: string, term: string): void {
    const terms = this.#dirty.get(rule_id);
    if (terms === undefined) this.#dirty.set(rule_id, new Set([term]));
    else terms.add(term);
  }

  protected override termsDropped(rule_id: string): void {
    this.#dropped.add(rule_id);
    this.#dirty.delete(rule_id);
  }

  protected override peek(rule_id: string) {
    return super.peek(rule_id) ?? this.#tables.loadRule(rule_id);
  }

  #takeDirty(rows: number): { batch: [string, string][]; complete: boolean } {
    const batch: [string, string][] = [];
    for (const [rule_id, terms] of this.#dirty) {
      for (const term of terms) {
        if (this.#held.has(heldKey(rule_id, term))) continue;
        if (batch.length >= rows) return { batch, complete: false };
        batch.push([rule_id, term]);
      }
    }
    return { batch, complete: true };
  }

  #write(batch: readonly [string, string][], complete: boolean): void {
    for (const rule_id of this.#dropped) this.#tables.dropTerms(rule_id);
    for (const rule_id of this.#dirtyRules) this.#tables.saveRule(this.rules.get(rule_id)!);
    for (const [rule_id, term] of batch) {
      this.#tables.saveTerm(rule_id, term, this.rules.get(rule_id)?.seen.get(term));
    }
    if (!complete) return;
    for (const state of this.#caps()) this.#tables.saveCap(state);
    this.#tables.saveCheckpoint(this.#journalId, this.#releasedSeq);
  }

  #settle(batch: readonly [string, string][]): void {
    this.#dropped.clear();
    this.#dirtyRules.clear();
    for (const [rule_id, term] of batch) {
      const terms = this.#dirty.get(rule_id);
      terms?.delete(term);
      if (terms?.size === 0) this.#dirty.delete(rule_id);
    }
  }
}

function heldKey(rule_id: string, term: string): string {
  return `${rule_id}\n${term}`;
}
