// The hashes of an event's executables: fills process.hash.* and process.parent.hash.* where they are known, asks for them
// where not, and says what became known of an alert after it was made. Asked by the detector while the event is the newest
// one, and later about events that it keeps; told by news. Pure: the same questions and news give the same answers.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { Counters } from '../stats.ts';
import type { HashAnswer, HashRequest } from './hash-answer.ts';
import { HashBook } from './hash-book.ts';
import type { ProcessEntry } from './process-entry.ts';

/** Whose executable: the process's own, or its parent's at the time of the event. */
export type HashOf = 'process' | 'parent';

/** known: the slots have it. doubted: they have it, not proven. coming: asked for. absent: will not be waited for. */
export type HashSight = 'known' | 'doubted' | 'coming' | 'absent';

/** Fields of an alert's document that became known after it, nested. */
export interface Amendment {
  uuid: string;
  severity: string;
  document: Readonly<Record<string, unknown>>;
}

export interface HashDeskOptions {
  fields: FieldTable;
  counters: Counters;
  /** Asks the world; the answer comes as news. */
  want: (request: HashRequest) => void;
  /** Inode of the host's mount namespace, 0 when not known. */
  hostMountNs: number;
  wallMs: (bootNs: bigint) => number;
  /** A living process of that mount namespace. */
  member: (mntNs: number) => number | undefined;
  /** Ask for every file that is executed, not only for those that an alert or a rule needs. */
  all?: boolean;
  onAmend?: ((amendment: Amendment) => void) | undefined;
  book?: HashBook;
}

/** What the desk needs of an event's processes, as they are when it is made. */
export interface HashSubjects {
  entry: ProcessEntry;
  parent: ProcessEntry | undefined;
  parentAgrees: boolean;
}

interface Subject {
  file: string | undefined;
  pid: number;
  path: string | undefined;
  mntNs: number;
  executedMs: number;
  kernelThread: boolean;
}

interface Part {
  readonly of: HashOf;
  readonly subject: Subject | undefined;
  answer: HashAnswer | undefined;
  asked: boolean;
  late: boolean;
  /** The event's slots have it. */
  filled: boolean;
}

/** An alert that is to be amended, and what its document had. */
interface OpenAlert {
  uuid: string;
  severity: string;
  told: ReadonlySet<HashOf>;
}

/** What has been looked up for one event. */
interface Look {
  readonly process: Part;
  readonly parent: Part;
  readonly alerts: OpenAlert[];
}

interface Slots {
  sha256: number;
  sha1: number;
  md5: number;
  reason: number;
}

/** A record makes at most three events: an exec, a change of the user's id and one of the group's. */
const NEWEST = 4;
const UNKNOWN_FILE: HashAnswer = { reason: 'unknown_file' };

export class HashDesk {
  readonly #options: HashDeskOptions;
  readonly #book: HashBook;
  readonly #slots: Readonly<Record<HashOf, Slots>>;
  readonly #looks = new WeakMap<EcsEvent, Look>();
  /** By file: what its answer is for. */
  readonly #waiting = new Map<string, [Look, Part][]>();
  /** The newest events, in turn: one record can make several. */
  readonly #newest: ({ event: EcsEvent; subjects: HashSubjects } | undefined)[] = [];
  #begun = 0;

  constructor(options: HashDeskOptions) {
    const { fields } = options;
    this.#options = options;
    this.#book = options.book ?? new HashBook();
    this.#slots = {
      process: {
        sha256: fields.slot('process.hash.sha256'),
        sha1: fields.slot('process.hash.sha1'),
        md5: fields.slot('process.hash.md5'),
        reason: fields.slot('forebear.hash_reason'),
      },
      parent: {
        sha256: fields.slot('process.parent.hash.sha256'),
        sha1: fields.slot('process.parent.hash.sha1'),
        md5: fields.slot('process.parent.hash.md5'),
        reason: fields.slot('forebear.parent_hash_reason'),
      },
    };
  }

  /** A new event and its processes. */
  begin(event: EcsEvent, subjects: HashSubjects): void {
    this.#newest[this.#begun++ % NEWEST] = { event, subjects };
  }

  /** An exec, at that time: with `all` its file is asked for. */
  executed(entry: ProcessEntry, execNs: bigint): void {
    if (this.#options.all !== true) return;
    const subject = this.#subject(entry, true, execNs);
    const { file } = subject;
    if (file === undefined || this.#book.find(file) !== undefined) return;
    if (this.#book.stateOf(file) === undefined) this.#want(file, subject);
  }

  /** in: the newest event, or one that was asked about while it was; out: what the event's slots have by now. */
  look(event: EcsEvent, of: HashOf): HashSight {
    const look = this.#lookOf(event);
    if (look === undefined) return 'absent';
    const part = look[of];
    if (part.answer === undefined && !part.asked) this.#ask(look, part);
    if (part.answer !== undefined) return this.#fill(event, part, part.answer);
    return part.late || part.subject === undefined ? 'absent' : 'coming';
  }

  /** An alert was made of the event as it is: what comes later is told as an amendment. */
  made(event: EcsEvent, { uuid, severity }: { uuid: string; severity: string }): void {
    const look = this.#lookOf(event);
    if (look === undefined) return;
    const parts = [look.process, look.parent];
    if (!parts.some(isOpen)) return;
    const told = new Set(parts.filter(({ answer }) => answer !== undefined).map(({ of }) => of));
    look.alerts.push({ uuid, severity, told });
  }

  /** News: everybody who waits for the file has it now. */
  answer(file: string, answer: HashAnswer): void {
    this.#count(answer);
    this.#book.answer(file, answer);
    const waiting = this.#waiting.get(file) ?? [];
    this.#waiting.delete(file);
    for (const [look, part] of waiting) {
      part.answer = answer;
      this.#amend(look);
    }
  }

  /** News: rules wait no longer for the file. */
  late(file: string): void {
    this.#options.counters.add('enrich_hashes_late_total');
    this.#book.late(file);
    for (const [, part] of this.#waiting.get(file) ?? []) part.late = true;
  }

  #count({ hashes, reason }: HashAnswer): void {
    const { counters } = this.#options;
    if (hashes !== undefined) counters.add('enrich_hashes_made_total');
    if (reason !== undefined) counters.add('enrich_hashes_refused_total', 1, reason);
  }

  #lookOf(event: EcsEvent): Look | undefined {
    const known = this.#looks.get(event);
    if (known !== undefined) return known;
    const begun = this.#newest.find((each) => each?.event === event);
    if (begun === undefined) return undefined;
    const { entry, parent, parentAgrees } = begun.subjects;
    const execNs = event.get('event.action') === 'exec' ? event.bootNs : entry.startNs;
    const own = this.#subject(entry, true, execNs);
    const other = parent && this.#subject(parent, parentAgrees, parent.startNs);
    const look: Look = { process: newPart('process', own), parent: newPart('parent', other), alerts: [] };
    this.#looks.set(event, look);
    return look;
  }

  /** in: process; whether its image is what it ran; since when at least. */
  #subject({ image, context, tgid }: ProcessEntry, agrees: boolean, sinceNs: bigint): Subject {
    return {
      file: agrees ? image.file : undefined,
      pid: tgid,
      path: image.executable,
      mntNs: context.mntNs,
      executedMs: this.#options.wallMs(sinceNs),
      kernelThread: context.kernelThread,
    };
  }

  #ask(look: Look, part: Part): void {
    const { subject } = part;
    part.asked = true;
    if (subject === undefined || subject.kernelThread) return;
    const { file } = subject;
    if (file === undefined) {
      part.answer = UNKNOWN_FILE;
      return;
    }
    part.answer = this.#book.find(file);
    if (part.answer !== undefined) {
      this.#options.counters.add('enrich_hashes_known_total');
      return;
    }
    this.#await(file, look, part);
    part.late = this.#book.stateOf(file) === 'late';
    this.#want(file, subject);
  }

  #want(file: string, subject: Subject): void {
    const { counters, want } = this.#options;
    if (this.#book.stateOf(file) === undefined) {
      counters.add('enrich_hashes_asked_total');
      this.#book.ask(file);
    }
    want(this.#request(file, subject));
  }

  #await(file: string, look: Look, part: Part): void {
    const waiting = this.#waiting.get(file);
    if (waiting === undefined) this.#waiting.set(file, [[look, part]]);
    else waiting.push([look, part]);
  }

  #request(file: string, { pid, path, mntNs, executedMs }: Subject): HashRequest {
    const { hostMountNs, member } = this.#options;
    return {
      file,
      pid,
      ...(path !== undefined && { path }),
      inHost: mntNs === 0 || mntNs === hostMountNs,
      executedMs,
      member: () => member(mntNs),
    };
  }

  #fill({ slots }: EcsEvent, part: Part, { hashes, reason }: HashAnswer): HashSight {
    if (!part.filled) {
      const at = this.#slots[part.of];
      slots[at.sha256] = hashes?.sha256;
      slots[at.sha1] = hashes?.sha1;
      slots[at.md5] = hashes?.md5;
      slots[at.reason] = reason;
      part.filled = true;
    }
    if (hashes === undefined) return 'absent';
    return reason === undefined ? 'known' : 'doubted';
  }

  /** One amendment for all that an alert's document lacks. */
  #amend({ process, parent, alerts }: Look): void {
    if (alerts.length === 0 || isOpen(process) || isOpen(parent)) return;
    for (const { uuid, severity, told } of alerts.splice(0)) {
      const own = told.has('process') ? undefined : process.answer;
      const other = told.has('parent') ? undefined : parent.answer;
      this.#options.onAmend?.({ uuid, severity, document: amended(own, other) });
    }
  }
}

function newPart(of: HashOf, subject: Subject | undefined): Part {
  return { of, subject, answer: undefined, asked: false, late: false, filled: false };
}

/** An answer is to come. */
function isOpen({ subject, asked, answer }: Part): boolean {
  return asked && answer === undefined && subject !== undefined && !subject.kernelThread;
}

function amended(own: HashAnswer | undefined, other: HashAnswer | undefined): Amendment['document'] {
  const section = {
    ...(own?.hashes && { hash: own.hashes }),
    ...(other?.hashes && { parent: { hash: other.hashes } }),
  };
  const reasons = {
    ...(own?.reason !== undefined && { hash_reason: own.reason }),
    ...(other?.reason !== undefined && { parent_hash_reason: other.reason }),
  };
  return {
    ...(Object.keys(section).length > 0 && { process: section }),
    ...(Object.keys(reasons).length > 0 && { forebear: reasons }),
  };
}
