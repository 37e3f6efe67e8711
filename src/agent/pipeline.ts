// The middle of the data path: records in ring order -> events -> alerts. Synchronous, so that the order of alerts is the
// order of the ring. The same for a live run and a replay; built by agent.ts and by agent/replay.ts.
//
// Of a kind of record whose events no rule can match, whatever is in them (forks and exits, mostly), the first event shows
// that to the detector; from then on only the process table is kept: that is two thirds of all records. Of an exec a sketch
// of its event comes first: mostly it shows that no rule could match, and the event is not made.

import type { Alert } from '../detect/alert.ts';
import type { Detector } from '../detect/detector.ts';
import { kindOf } from '../detect/host-abilities.ts';
import type { PreparedRules, RuleSource } from '../detect/rule-book.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { EventTime } from '../ecs/event-time.ts';
import { ID_CHANGES, type IdChange } from '../enrich/change-events.ts';
import type { Enricher } from '../enrich/enricher.ts';
import { actionOf } from '../enrich/event-maker.ts';
import type { News } from '../enrich/surroundings.ts';
import type { SensorRecord } from '../sensor/record.ts';
import type { Witness } from './witness.ts';

const QUIET_NS = 2_000_000_000n;

export class Pipeline {
  readonly #enricher: Enricher;
  readonly #detector: Detector;
  readonly #onAlert: (alert: Alert) => void;
  /** Of the live agent: execs that speak of it, whether a rule takes them or not. */
  readonly #witness: Witness | undefined;
  /** By a sketch of an exec's event. */
  #isWanted: (sketch: EcsEvent) => boolean;
  /** The same of a file's. */
  #isFileWanted: (sketch: EcsEvent) => boolean;
  /** Whether a rule takes events of that kind; a kind's first event decides, as its class is that of all (event-maker.ts). */
  readonly #wanted = new Map<string, boolean>();
  /** Changes of ids that a rule takes. */
  #idChanges: ReadonlySet<IdChange>;
  /** Boot time of the last record since the last tick. */
  #lastNs: bigint | undefined;
  /** The next record is of the canary. */
  #unjudged = false;

  constructor(enricher: Enricher, detector: Detector, onAlert: (alert: Alert) => void, witness?: Witness) {
    this.#enricher = enricher;
    this.#detector = detector;
    this.#onAlert = onAlert;
    this.#witness = witness;
    this.#isWanted = detector.sketchFilter(enricher.sketchedSlots);
    this.#isFileWanted = detector.sketchFilter(enricher.fileSketchSlots);
    this.#idChanges = this.#changesTaken();
    detector.useHashes(enricher.hashes);
  }

  /** From the next record on these rules. */
  replaceRules(source: RuleSource | PreparedRules): void {
    for (const alert of this.#detector.replaceRules(source)) this.#onAlert(alert);
    this.#isWanted = this.#detector.sketchFilter(this.#enricher.sketchedSlots);
    this.#isFileWanted = this.#detector.sketchFilter(this.#enricher.fileSketchSlots);
    this.#idChanges = this.#changesTaken();
    this.#wanted.clear();
  }

  #changesTaken(): ReadonlySet<IdChange> {
    return new Set(ID_CHANGES.filter((action) => this.#detector.takes(kindOf(action))));
  }

  take(record: SensorRecord): void {
    this.#lastNs = record.bootNs;
    if (this.#unjudged) {
      this.#unjudged = false;
      this.#enricher.track(record);
      return;
    }
    if (record.kind === 'credentials') {
      this.#judge(this.#enricher.changes.ofCredentials(record, this.#idChanges));
      return;
    }
    if (record.kind === 'exec' && this.#idChanges.size > 0) {
      this.#judge(this.#enricher.changes.ofExec(record, this.#idChanges));
    }
    const kind = actionOf(record);
    const wanted = this.#wanted.get(kind);
    const seen = record.kind === 'exec' && this.#witness?.wants(record) ? record : undefined;
    if (wanted === false && seen === undefined) {
      this.#enricher.track(record);
      return;
    }
    const event = this.#enricher.enrich(
      record,
      wanted === undefined || seen !== undefined ? undefined : this.#filterOf(record),
    );
    if (event === undefined) return;
    if (seen !== undefined) this.#witness?.keep(seen, event);
    if (wanted === undefined) this.#wanted.set(kind, this.#detector.reach(event).rules > 0);
    for (const alert of this.#detector.evaluate(event)) this.#onAlert(alert);
  }

  #filterOf({ kind }: SensorRecord): (sketch: EcsEvent) => boolean {
    return kind === 'file' ? this.#isFileWanted : this.#isWanted;
  }

  #judge(events: readonly EcsEvent[]): void {
    for (const event of events) for (const alert of this.#detector.evaluate(event)) this.#onAlert(alert);
  }

  /**
   * What time alone brings about: to be called each second of a live run. While records come, time is theirs; while it is quiet, it
   * is the clock's, less what the ring and the queue may still hold. A replay goes by its records alone.
   */
  tick(now: EventTime): void {
    const behindNs = this.#lastNs === undefined ? QUIET_NS : now.bootNs - this.#lastNs;
    this.#lastNs = undefined;
    const at = { ...now, bootNs: now.bootNs - behindNs, wallMs: now.wallMs - Number(behindNs) / 1e6 };
    for (const alert of this.#detector.tick(at)) this.#onAlert(alert);
  }

  /** News from outside, at its place among the records. */
  apply(news: News): void {
    this.#enricher.apply(news);
    if (news.kind === 'canary') this.#unjudged = true;
    if (news.kind !== 'hash' && news.kind !== 'hash_late') return;
    for (const alert of this.#detector.resume()) this.#onAlert(alert);
  }
}
