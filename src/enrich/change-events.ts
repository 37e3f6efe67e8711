// Events of changed user and group ids: uid_change and gid_change, from records of credentials and from those of an exec. Built
// by the enricher; the pipeline asks for the events that rules want.
//
// As Elastic Defend has it (the hook on commit_creds in the published sensor, elastic/ebpf): one event when a user id of any sort
// changed, one when a group id did, both with the ids that hold now. An exec changes ids too, of a set-id file, and commits them
// before the new image is known: those events come before that of the exec and are about the old image. A rule about a program that
// gained the group shadow excludes the lock screens that run the set-group-id helper, and so could not be written otherwise.
// By our own choice: of a process whose threads change one after the other (libc makes all of them), the first one's is told;
// what an exec does to saved ids alone is not.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { CredentialsRecord, ExecRecord, UserAndGroupIds } from '../sensor/record.ts';
import type { Sighting } from './event-maker.ts';
import type { Context, ProcessEntry } from './process-entry.ts';

export const ID_CHANGES = ['uid_change', 'gid_change'] as const;
export type IdChange = (typeof ID_CHANGES)[number];

export interface ChangeEventsOptions {
  fields: FieldTable;
  find: (tgid: number, startNs: bigint) => ProcessEntry | undefined;
  /** Brings the process table up to date with such a record. */
  track: (record: CredentialsRecord) => Sighting | undefined;
  /** The same for one that an exec record stands for: its process cannot be read from /proc any more. */
  trackOldImage: (record: CredentialsRecord) => Sighting;
  make: (record: CredentialsRecord, sighting: Sighting, action: string) => EcsEvent;
}

export class ChangeEvents {
  readonly #options: ChangeEventsOptions;
  readonly #previous: Readonly<Record<IdChange, { real: number; effective: number }>>;

  constructor(options: ChangeEventsOptions) {
    const slot = (name: string) => options.fields.slot(name);
    this.#options = options;
    this.#previous = {
      uid_change: { real: slot('forebear.previous.real_user.id'), effective: slot('forebear.previous.user.id') },
      gid_change: { real: slot('forebear.previous.real_group.id'), effective: slot('forebear.previous.group.id') },
    };
  }

  /** in: a record, the changes that are wanted; out: their events, in order. Keeps the process table also when there is none. */
  ofCredentials(record: CredentialsRecord, wanted: ReadonlySet<IdChange>): EcsEvent[] {
    const context = this.#contextOf(record);
    const actions = changesOf(record).filter((action) => wanted.has(action) && !isTold(action, record, context));
    return this.#events(record, this.#options.track(record), actions);
  }

  /** Before the record itself is enriched. The process table changes only where there are events. */
  ofExec(record: ExecRecord, wanted: ReadonlySet<IdChange>): EcsEvent[] {
    const context = this.#contextOf(record);
    if (context === undefined || !differs(context, record.task)) return NONE;
    const change = changeByExec(record, context);
    const actions = changesOf(change).filter((action) => wanted.has(action));
    if (actions.length === 0) return NONE;
    const sighting = this.#options.trackOldImage(change);
    return this.#events(change, { ...sighting, sequence: sighting.sequence + 1 }, actions);
  }

  #contextOf({ task }: CredentialsRecord | ExecRecord): Context | undefined {
    return this.#options.find(task.tgid, task.startNs)?.context;
  }

  #events(record: CredentialsRecord, sighting: Sighting | undefined, actions: readonly IdChange[]): EcsEvent[] {
    if (sighting === undefined) return NONE;
    return actions.map((action) => {
      const event = this.#options.make(record, sighting, action);
      const { before } = record;
      const { real, effective } = this.#previous[action];
      event.slots[real] = String(action === 'uid_change' ? before.uid : before.gid);
      event.slots[effective] = String(action === 'uid_change' ? before.euid : before.egid);
      return event;
    });
  }
}

const NONE: EcsEvent[] = [];

type RealAndEffective = Pick<UserAndGroupIds, 'uid' | 'euid' | 'gid' | 'egid'>;

function differs(a: RealAndEffective, b: RealAndEffective): boolean {
  return a.euid !== b.euid || a.uid !== b.uid || a.egid !== b.egid || a.gid !== b.gid;
}

function changesOf({ before, task, fsuid, fsgid }: CredentialsRecord): IdChange[] {
  const user =
    before.uid !== task.uid || before.euid !== task.euid || before.suid !== task.suid || before.fsuid !== fsuid;
  const group =
    before.gid !== task.gid || before.egid !== task.egid || before.sgid !== task.sgid || before.fsgid !== fsgid;
  return [...(user ? (['uid_change'] as const) : []), ...(group ? (['gid_change'] as const) : [])];
}

/** Another thread has told: this one's real and effective ids become what the process is known to have. */
function isTold(action: IdChange, { before, task }: CredentialsRecord, context: Context | undefined): boolean {
  if (context === undefined) return false;
  return action === 'uid_change'
    ? context.uid === task.uid && context.euid === task.euid && (before.uid !== task.uid || before.euid !== task.euid)
    : context.gid === task.gid && context.egid === task.egid && (before.gid !== task.gid || before.egid !== task.egid);
}

/** An exec leaves saved and file system ids at the effective ones. */
function changeByExec({ bootNs, task }: ExecRecord, { uid, euid, gid, egid, groups }: Context): CredentialsRecord {
  const saved = { suid: task.suid, sgid: task.sgid };
  return {
    kind: 'credentials',
    bootNs,
    task,
    tid: task.tgid,
    before: { uid, euid, ...saved, fsuid: euid, gid, egid, ...saved, fsgid: egid },
    fsuid: task.euid,
    fsgid: task.egid,
    groups,
    truncated: [],
    unreadable: [],
  };
}
