// Raw record -> ECS event: the enrichment stage as the agent and the replay see it. Feed it records in the order of the ring;
// what it takes from outside goes through Surroundings and apply(), and each such fact is handed to `onFact` with its
// place among the records: a replay that is given the same records and facts makes the same events.

import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { ExecRecord, SensorRecord, TaskState } from '../sensor/record.ts';
import type { Counters } from '../stats.ts';
import { ArgumentViews } from './argument-views.ts';
import { ChangeEvents } from './change-events.ts';
import type { EntryLeaderMode } from './entry-leader.ts';
import { actionOf, EventMaker, type Sighting } from './event-maker.ts';
import { EventSketch } from './event-sketch.ts';
import { FactDesk } from './fact-desk.ts';
import { FileSketch } from './file-sketch.ts';
import { HashDesk, type HashDeskOptions } from './hash-desk.ts';
import { constantsOf } from './host.ts';
import { LeaderMemory } from './leader-memory.ts';
import { baseName, type Image, type ProcessEntry } from './process-entry.ts';
import { ProcessTable } from './process-table.ts';
import { ProcessTracker } from './process-tracker.ts';
import { ProcessWriter } from './process-writer.ts';
import { RecordEvents } from './record-events.ts';
import { type SavedLeaders, saveLeaders } from './saved-leaders.ts';
import { SessionOrigin } from './session-origin.ts';
import type { News, PlacedFact, StartFact, Surroundings } from './surroundings.ts';
import { NameBook } from './users.ts';

export interface EnricherOptions {
  fields: FieldTable;
  surroundings: Surroundings;
  start: StartFact;
  counters: Counters;
  agent: { id?: string; version: string };
  /** Default lineage. */
  entryLeader?: EntryLeaderMode;
  /** Of the process table; default 64 MiB. */
  maxTableBytes?: number;
  /** How long an exited process stays that nobody refers to, record time; default 30 s. */
  graceNs?: bigint;
  /** Every fact from outside, in order: what a recording needs besides the records. */
  onFact?: (placed: PlacedFact) => void;
  /** What is hashed, and who is told of a hash that comes after its alert. */
  hashing?: Pick<HashDeskOptions, 'all' | 'onAmend'>;
}

const TICK_NS = 1_000_000_000n;

export class Enricher {
  /** The hashes of executables: asked and told by the detector. */
  readonly hashes: HashDesk;
  /** Events of changed ids: asked for by the pipeline. */
  readonly changes: ChangeEvents;
  readonly #surroundings: Surroundings;
  readonly #counters: Counters;
  readonly #facts: FactDesk;
  readonly #table: ProcessTable;
  readonly #origin: SessionOrigin;
  readonly #tracker: ProcessTracker;
  readonly #users: NameBook;
  readonly #groups: NameBook;
  readonly #writer: ProcessWriter;
  readonly #maker: EventMaker;
  readonly #sketch: EventSketch;
  readonly #fileSketch: FileSketch;
  readonly #events: RecordEvents;
  readonly #bootId: string;
  #wallOffsetMs: number;
  #records = 0;
  #lost = 0;
  #nextTickNs = 0n;

  constructor(options: EnricherOptions) {
    const { start, surroundings, counters, fields } = options;
    const { bootId, namespaces } = start;
    const mode = options.entryLeader ?? 'lineage';
    this.#surroundings = surroundings;
    this.#counters = counters;
    this.#facts = new FactDesk({ surroundings, counters, place: () => this.#records, onFact: options.onFact });
    this.#bootId = bootId;
    this.#wallOffsetMs = start.wallOffsetMs;
    this.#table = new ProcessTable({
      counters,
      onEvictLive: () => this.#lost++,
      ...(options.maxTableBytes === undefined ? {} : { maxBytes: options.maxTableBytes }),
      ...(options.graceNs === undefined ? {} : { graceNs: options.graceNs }),
    });
    const loginSession = (id: string) => this.#facts.loginSession(id);
    this.#origin = new SessionOrigin({ table: this.#table, mode, namespaces, loginSession });
    const { leaders: saved } = start;
    const shared = { bootId, table: this.#table, origin: this.#origin, counters };
    this.#tracker = new ProcessTracker({
      ...shared,
      memory: new LeaderMemory({ ...shared, saved }),
      leaderFromParent: mode === 'elastic',
      ask: (pid, startNs) => this.#facts.process(pid, startNs),
    });
    const want = (of: 'user' | 'group', id: number) => surroundings.wantName(of, id);
    this.#users = new NameBook('user', start.users, want);
    this.#groups = new NameBook('group', start.groups, want);
    const views = new ArgumentViews();
    const wallMs = (bootNs: bigint) => this.#wallOffsetMs + Number(bootNs) / 1e6;
    const hostUserNs = namespaces.user;
    this.#writer = new ProcessWriter({ users: this.#users, groups: this.#groups, views, hostUserNs, wallMs });
    const constants: ReadonlyMap<string, SlotValue> = constantsOf(start.host, options.agent);
    const originOf = (entry: ProcessEntry) => this.#origin.originOf(entry);
    this.#maker = new EventMaker({
      fields,
      constants,
      bootId,
      namespaces,
      writer: this.#writer,
      views,
      originOf,
      wallMs,
    });
    this.#sketch = new EventSketch({ fields, constants, bootId, writer: this.#writer, views, wallMs });
    this.#events = new RecordEvents({ fields, users: this.#users, groups: this.#groups });
    this.#fileSketch = new FileSketch({ fields, constants, bootId, writer: this.#writer, views, wallMs });
    this.hashes = new HashDesk({
      fields,
      counters,
      want: (request) => surroundings.wantHash?.(request),
      hostMountNs: namespaces.mnt,
      wallMs,
      member: (mntNs) => this.#table.memberOf(mntNs),
      ...options.hashing,
    });
    this.changes = new ChangeEvents({
      fields,
      find: (tgid, startNs) => this.#table.find(tgid, startNs),
      track: (record) => this.#track(record),
      trackOldImage: (record) => this.#sighting(this.#tracker.change(record), record.task),
      make: (record, sighting, action) => this.#made(record, sighting, action),
    });
    this.#facts.note(start);
  }

  /** Records enriched so far. */
  get records(): number {
    return this.#records;
  }

  /** The process table: entries and their accounted bytes. */
  get processes(): { count: number; bytes: number } {
    return { count: this.#table.size, bytes: this.#table.bytes };
  }

  /**
   * in: the next record of the ring; of an exec or a file, whether its event is wanted, by a sketch of it (event-sketch.ts,
   * file-sketch.ts).
   * out: its event. undefined: nobody wants it, or a process found at start-up of which the ring has told already.
   * Never throws on what a record holds.
   */
  enrich(record: SensorRecord, isWanted?: (sketch: EcsEvent) => boolean): EcsEvent | undefined {
    const sighting = this.#track(record);
    if (sighting === undefined || isNothing(record)) return undefined;
    if (isWanted !== undefined) {
      if (record.kind === 'exec' && !isWanted(this.#sketch.of(record, sighting))) return undefined;
      if (record.kind === 'file' && !isWanted(this.#fileSketch.of(record, sighting))) return undefined;
    }
    return this.#made(record, sighting);
  }

  /** The slots that a sketch has; what hangs on others cannot be decided by one. */
  get sketchedSlots(): ReadonlySet<number> {
    return this.#sketch.slots;
  }

  /** The same of a file's. */
  get fileSketchSlots(): ReadonlySet<number> {
    return this.#fileSketch.slots;
  }

  /** As enrich, for a record whose event nobody asks for: the process table is kept, no event is made. */
  track(record: SensorRecord): void {
    this.#track(record);
  }

  /** Takes news from outside: at the place among the records where it came. */
  apply(news: News): void {
    this.#facts.note(news);
    switch (news.kind) {
      case 'names':
        this.#users.replace(news.users);
        this.#groups.replace(news.groups);
        this.#writer.forgetNames();
        break;
      case 'name':
        (news.of === 'user' ? this.#users : this.#groups).add(news.id, news.name);
        this.#writer.forgetNames();
        break;
      case 'wall_offset':
        this.#wallOffsetMs = news.ms;
        break;
      case 'loss':
        this.#lost += news.count;
        break;
      case 'backfill':
        this.#tracker.backfill(news.max);
        break;
      case 'hash':
        this.hashes.answer(news.file, news);
        break;
      case 'hash_late':
        this.hashes.late(news.file);
        break;
      case 'expire':
        this.#table.expire((pid, startNs) => this.#facts.isAlive(pid, startNs), news.max);
        break;
    }
  }

  /** Records were lost (from the sensor's counters): from now on, what is unknown is marked with how many. */
  noteLoss(record: (News & { kind: 'loss' })['record'], count: number): void {
    if (count > 0) this.apply({ kind: 'loss', record, count });
  }

  /**
   * Reads arguments and working directory of up to `max` processes found at start-up. Called between batches.
   * out: how many are left; at 0 nothing is done or noted.
   */
  backfill(max: number): number {
    if (this.#tracker.unread > 0) this.apply({ kind: 'backfill', max });
    return this.#tracker.unread;
  }

  /** Checks up to `max` processes against /proc, where the last call ended: what left unseen must not stay for ever. */
  expire(max: number): void {
    this.apply({ kind: 'expire', max });
  }

  /** Who leads the entry of the processes that live now: for the start fact of the next run on this boot. */
  leaders(): SavedLeaders {
    const { saved, left } = saveLeaders(this.#table.living(), this.#bootId);
    if (left > 0) this.#counters.add('enrich_leaders_unsaved_total', left);
    return saved;
  }

  #advance({ bootNs }: SensorRecord): void {
    this.#records++;
    this.#table.advance(bootNs);
    if (bootNs < this.#nextTickNs) return;
    this.#nextTickNs = bootNs + TICK_NS;
    this.#surroundings.tick();
  }

  #made(record: SensorRecord, sighting: Sighting, action?: string): EcsEvent {
    const event = this.#maker.make(record, sighting, action ?? actionOf(record));
    this.#events.fill(event, record);
    this.hashes.begin(event, sighting);
    return event;
  }

  #track(record: SensorRecord): Sighting | undefined {
    this.#advance(record);
    if (record.kind === 'exec') return this.#trackExec(record);
    if (record.kind === 'fork') return this.#sighting(this.#tracker.fork(record), record.task);
    if (record.kind === 'exit') return this.#sighting(this.#tracker.exit(record), record.task);
    if (record.kind === 'network') return this.#sightingInFull(this.#tracker.connected(record), record.task);
    if (record.kind !== 'task') return this.#sightingInFull(this.#tracker.change(record), record.task);
    const entry = this.#tracker.task(record);
    return entry === undefined ? undefined : this.#sighting(entry, record.task);
  }

  #trackExec(record: ExecRecord): Sighting {
    const { entry, previous } = this.#tracker.exec(record);
    const parent = this.#tracker.parentInFull(record.task);
    const agrees = this.#agrees(parent, record);
    const named = record.parentExecutable;
    this.#origin.exec(entry, named === undefined ? undefined : baseName(named));
    this.hashes.executed(entry, record.bootNs);
    return this.#sightingOf(entry, parent, agrees, previous);
  }

  #agrees(parent: ProcessEntry | undefined, record: ExecRecord): boolean {
    const named = record.parentExecutable;
    if (parent === undefined || named === undefined || parent.image.executable === named) return true;
    if (record.truncated.includes('parent_executable') || record.unreadable.includes('parent_executable')) return true;
    return this.#tracker.correct(parent, named);
  }

  /** Arguments and all of the process and its parent: changes are rare, and rules ask for these. */
  #sightingInFull(entry: ProcessEntry, task: TaskState): Sighting {
    this.#tracker.read(entry);
    return this.#sightingOf(entry, this.#tracker.parentInFull(task), true);
  }

  #sighting(entry: ProcessEntry, task: TaskState): Sighting {
    return this.#sightingOf(entry, this.#tracker.parentOf(task), true);
  }

  #sightingOf(
    entry: ProcessEntry,
    parent: ProcessEntry | undefined,
    parentAgrees: boolean,
    previous?: Image | undefined,
  ): Sighting {
    return {
      entry,
      parent,
      parentAgrees,
      previous,
      session: this.#tracker.session(entry),
      group: this.#tracker.group(entry),
      leader: this.#origin.leaderOf(entry),
      lost: this.#lost,
      sequence: this.#records,
    };
  }
}

/** A name that was renamed to itself: a system call that succeeds and does nothing. */
function isNothing(record: SensorRecord): boolean {
  if (record.kind !== 'file' || record.operation !== 'rename') return false;
  return record.path !== undefined && record.oldPath === record.path;
}
