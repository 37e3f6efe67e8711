// The agent's own records in the journal, beside the alerts: starts, stops and changes of configuration, gaps (what was not
// seen or not kept), steps of the wall clock. One that the journal refuses is counted (agent_notices_refused_total) and logged; it does not stop
// the run. Built by agent.ts.

import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Fork } from '../journal/fork-marker-io.ts';
import type { JournalExpiry, JournalWriter, RecordKindName } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { encodeClock, encodeGap, encodeLifecycle, type GapRecord, type Lifecycle } from '../proto/record-codec.ts';
import type { Counters } from '../stats.ts';
import { changeBetween, type RunSetup, type Settings } from './configuration-change.ts';
import { damageGap } from './damage-gap.ts';
import type { LastRun } from './last-run.ts';
import type { Loss } from './loss-watch.ts';

/** A clock that moved less was set by NTP, and event times follow it without a record. */
const CLOCK_STEP_MS = 5000;
/** Retention keeps these as long as alerts of high severity. */
const RANK = 2;

export interface NoticesOptions {
  version: string;
  bootId: string;
  ruleSetHash: string;
  settings?: Settings;
  clock: Clock;
  log: Pick<Logger, 'warn' | 'error'>;
  counters: Counters;
}

export class Notices {
  readonly #journal: JournalWriter;
  readonly #options: NoticesOptions;
  readonly #pending = new Set<Promise<void>>();
  #wallOffsetMs: number | undefined;
  #lost: { count: number; kinds: Map<string, number> } | undefined;
  /** Losses before were written: what is lost now was lost after it. */
  #flushedMs: number;
  /** Live processes that the table had no room for: told so far. */
  #evicted = 0;

  constructor(journal: JournalWriter, options: NoticesOptions) {
    this.#journal = journal;
    this.#options = options;
    this.#flushedMs = options.clock.wallMs();
  }

  /** First of all: what was found damaged at open, since when nobody watched, the start, what is configured differently. */
  async started(lastRun?: LastRun): Promise<void> {
    for (const damage of this.#journal.damage) this.#gap(damageGap(damage));
    if (lastRun?.unclean === true) this.#notRunning(lastRun.endMs);
    this.#lifecycle('start', { afterUncleanStop: lastRun?.unclean === true });
    const change = lastRun?.record === undefined ? '' : changeBetween(lastRun.record, this.#options);
    if (change !== '') this.#lifecycle('configuration', { detail: change });
    await this.settled();
  }

  /** After a stop record there is nothing to tell: it and the start bound the time. */
  #notRunning(endMs: number): void {
    const toMs = this.#options.clock.wallMs();
    const detail = 'the run before left no stop record';
    this.#gap({ kind: 'not_running', detail, count: 0, fromMs: Math.min(endMs, toMs), toMs });
  }

  /** Last of all. in: the fault that ended the run, or who asked it to end; "" when that is not known. */
  async stopped(reason = ''): Promise<void> {
    this.flushLosses();
    this.#lifecycle('stop', { detail: reason });
    // The stop record may be what retention makes room for: what goes then is told too.
    do {
      await this.settled();
      await this.#journal.idle();
    } while (this.#pending.size > 0);
  }

  /** Collected, and written once a second: a flood of losses must not become a flood of records. */
  lost(losses: readonly Loss[]): void {
    for (const { record, count } of losses) {
      this.#lost ??= { count: 0, kinds: new Map() };
      this.#lost.count += count;
      this.#lost.kinds.set(record, (this.#lost.kinds.get(record) ?? 0) + count);
    }
  }

  /** Losses since the last call, and live processes that were forgotten: the process table counts these. */
  flushLosses(): void {
    const fromMs = this.#flushedMs;
    const toMs = this.#options.clock.wallMs();
    this.#flushedMs = toMs;
    this.#tellLost({ fromMs, toMs });
    this.#tellEvicted({ fromMs, toMs });
  }

  #tellLost(times: { fromMs: number; toMs: number }): void {
    if (this.#lost === undefined) return;
    const { count, kinds } = this.#lost;
    this.#lost = undefined;
    const detail = [...kinds].map(([kind, n]) => `${n} ${kind}`).join(', ');
    this.#options.log.warn(`the kernel side lost ${count} records: ${detail}`);
    this.#gap({ kind: 'lost_records', detail, count, ...times });
  }

  #tellEvicted(times: { fromMs: number; toMs: number }): void {
    const count = this.#options.counters.get('enrich_processes_evicted_total', 'live') - this.#evicted;
    if (count === 0) return;
    this.#evicted += count;
    this.#options.log.warn(`the process table is full: ${count} processes that run were forgotten`);
    this.#gap({ kind: 'evicted_processes', detail: 'the process table is full', count, ...times });
  }

  /** The sensor showed no canary for a time, and does again. */
  blind({ fromMs, missed }: { fromMs: number; missed: number }): void {
    const toMs = this.#options.clock.wallMs();
    this.#options.log.warn(`the sensor sees the canary again: ${missed} in a row were not seen`);
    const detail = `${missed} in a row`;
    this.#gap({ kind: 'blind', detail, count: missed, fromMs: Math.min(fromMs, toMs), toMs });
  }

  /** While it runs. in: what holds from now on, and how it differs. */
  reloaded({ ruleSetHash, settings }: RunSetup, detail: string): void {
    Object.assign(this.#options, { ruleSetHash, settings });
    this.#lifecycle('configuration', { detail });
  }

  /** Files that are not what they were when they were read, or are again. */
  drifted(detail: string): void {
    this.#options.log.warn(detail);
    this.#lifecycle('configuration', { detail });
  }

  reloadRefused(reason: string): void {
    this.#lifecycle('configuration', { detail: `a reload was refused, all is as before: ${reason}` });
  }

  /** A hub knows another journal of this id: from here on it has a new one. */
  forked({ journalId, seq }: Fork): void {
    const detail = `a hub knows another record ${seq} of journal ${journalId} (a clone, or a snapshot restored): a new id begins`;
    this.#options.log.warn(detail);
    this.#lifecycle('configuration', { detail });
  }

  /** None of the files of the run before is left. in: how many records it had. */
  journalGone(count: number): void {
    this.#gap({ kind: 'damaged_records', detail: 'the journal of the run before has gone', count });
  }

  dropped(count: number): void {
    this.#gap({ kind: 'refused_alerts', detail: 'the journal did not take them', count });
  }

  capped(rule_id: string, count: number): void {
    this.#gap({ kind: 'capped_alerts', detail: rule_id, count });
  }

  /** By the byte rate, and not told of in an alert. */
  heldBack(rule_id: string, count: number): void {
    this.#gap({ kind: 'capped_alerts', detail: `${rule_id}, by the byte rate`, count });
  }

  /** Sequences and samples in progress end with the run. in: how many; 0: not known, as the run before left no stop record. */
  joinsLost(count: number): void {
    this.#gap({ kind: 'state_not_kept', detail: 'sequences and samples in progress', count });
  }

  expired({ undelivered, fromSeq, toSeq, minMs, maxMs }: JournalExpiry): void {
    if (undelivered === 0) return;
    const times = { ...(minMs !== undefined && { fromMs: minMs }), ...(maxMs !== undefined && { toMs: maxMs }) };
    this.#gap({
      kind: 'expired_records',
      detail: 'dropped by retention',
      count: undelivered,
      fromSeq,
      toSeq,
      ...times,
    });
  }

  /** in: wall clock minus boot clock in milliseconds; the first call sets what the next ones are compared with. */
  clockMoved(nowMs: number): void {
    const beforeMs = this.#wallOffsetMs ?? nowMs;
    this.#wallOffsetMs = nowMs;
    if (Math.abs(nowMs - beforeMs) <= CLOCK_STEP_MS) return;
    const bootNs = this.#options.clock.bootNs();
    const foundMs = Number(bootNs) / 1e6 + nowMs;
    this.#options.log.warn(`the wall clock was set by ${((nowMs - beforeMs) / 1000).toFixed(1)} s`);
    this.#append(
      'clock',
      encodeClock({ foundMs: Math.round(foundMs), expectedMs: Math.round(foundMs - nowMs + beforeMs), bootNs }),
    );
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #gap(record: GapRecord): void {
    this.#append('gap', encodeGap(record));
  }

  #lifecycle(event: Lifecycle['event'], part: Partial<Pick<Lifecycle, 'detail' | 'afterUncleanStop'>>): void {
    const { version, bootId, ruleSetHash, settings, counters: all } = this.#options;
    const counters = event === 'stop' ? all.entries() : [];
    const facts = { version, bootId, ruleSetHash, counters, ...(settings && { settings }) };
    this.#append('lifecycle', encodeLifecycle({ event, detail: '', afterUncleanStop: false, ...facts, ...part }));
  }

  #append(kind: RecordKindName, payload: Uint8Array): void {
    const pending = this.#journal
      .append(payload, { kind, rank: RANK, wallMs: this.#options.clock.wallMs() })
      .then(
        () => {},
        (error) => {
          this.#options.counters.add('agent_notices_refused_total');
          this.#options.log.error({ error }, `the journal refused a ${kind} record: ${reasonOf(error)}`);
        },
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }
}
