// A tracked process -> the flat ECS event. Called by the enricher once per record, after the process table has been brought
// up to date; all slots are resolved at construction. What is not known is absent, and a gap on the event says so.

import { EcsEvent, type Gap, type SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { ExecRecord, Part, SensorRecord } from '../sensor/record.ts';
import type { ArgumentViews } from './argument-views.ts';
import { capabilityNames } from './capabilities.ts';
import { containerIdOf } from './container.ts';
import { eventId } from './event-id.ts';
import { ancestryOf, lineageOf, type OriginOf } from './lineage.ts';
import { baseName, type Context, type Image, type ProcessEntry } from './process-entry.ts';
import { type EventSlots, eventSlots, type ProcessSlots, processSlots } from './process-slots.ts';
import type { ProcessWriter } from './process-writer.ts';
import type { HostNamespaces } from './surroundings.ts';

export interface EventMakerOptions {
  fields: FieldTable;
  /** Values that are the same in every event: host.*, agent.* and so on. */
  constants: ReadonlyMap<string, SlotValue>;
  bootId: string;
  namespaces: HostNamespaces;
  writer: ProcessWriter;
  views: ArgumentViews;
  originOf: OriginOf;
  wallMs: (bootNs: bigint) => number;
}

/** A process and its relatives at the time of a record. */
export interface Sighting {
  entry: ProcessEntry;
  parent: ProcessEntry | undefined;
  /** False: the kernel names another executable for the parent than the table, whose arguments are then not its. */
  parentAgrees: boolean;
  session: ProcessEntry | undefined;
  group: ProcessEntry | undefined;
  leader: ProcessEntry | undefined;
  /** exec: what it ran before. */
  previous?: Image | undefined;
  /** Records known to be lost so far. */
  lost: number;
  sequence: number;
}

type Kind = SensorRecord['kind'];
/** What each kind of record tells of; of credentials it is one of several: make() is told which. */
export const ACTION: Record<Exclude<Kind, 'file' | 'network' | 'call'>, string> = {
  exec: 'exec',
  fork: 'fork',
  exit: 'end',
  task: 'already_running',
  session: 'session_id_change',
  credentials: 'uid_change',
};
/** event.type of each kind; those of files and connections go by what happened (file-events.ts, network-events.ts). */
export const TYPE: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  exec: ['start'],
  fork: ['start'],
  exit: ['end'],
  task: ['info'],
  session: ['change'],
  credentials: ['change'],
  call: ['start'],
};
export const CATEGORY: readonly string[] = ['process'];

const FIELD_OF_PART: Record<Part, string> = {
  executable: 'process.executable',
  filename: 'forebear.filename',
  interpreter: 'forebear.interpreter',
  cwd: 'process.working_directory',
  args: 'process.args',
  env: 'process.env_vars',
  cgroup: 'container.id',
  parent_executable: 'process.parent.executable',
  groups: 'process.supplemental_groups.id',
  path: 'file.path',
  old_path: 'file.Ext.original.path',
  link_target: 'file.target_path',
  name: 'process.Ext.memfd.name',
  message: 'dns.resolved_ip',
};

/** event.action of a record's event, where it is not one of several. */
export function actionOf(record: SensorRecord): string {
  if (record.kind === 'file' || record.kind === 'network') return record.operation;
  return record.kind === 'call' ? record.call : ACTION[record.kind];
}

export class EventMaker {
  readonly #options: EventMakerOptions;
  readonly #writer: ProcessWriter;
  /** The values that are the same in every event, all other slots undefined. */
  readonly #template: SlotValue[];
  readonly #slots: EventSlots;
  readonly #process: ProcessSlots;
  readonly #parent: ProcessSlots;
  readonly #session: ProcessSlots;
  readonly #group: ProcessSlots;
  readonly #leader: ProcessSlots;

  constructor(options: EventMakerOptions) {
    const { fields } = options;
    this.#options = options;
    this.#writer = options.writer;
    this.#template = new Array<SlotValue>(fields.size).fill(undefined);
    for (const [name, value] of options.constants) this.#template[fields.slot(name)] = value;
    this.#slots = eventSlots(fields);
    this.#process = processSlots(fields, 'process');
    this.#parent = processSlots(fields, 'process.parent');
    this.#session = processSlots(fields, 'process.session_leader');
    this.#group = processSlots(fields, 'process.group_leader');
    this.#leader = processSlots(fields, 'process.entry_leader');
  }

  /** in: a record and the process that it is about, what happened; out: the event, complete. */
  make(record: SensorRecord, sighting: Sighting, action: string = actionOf(record)): EcsEvent {
    const event = this.#begin(record, sighting, action);
    const { entry } = sighting;
    this.#self(event, record, entry);
    this.#parentOf(event, record, sighting);
    this.#leaders(event, sighting);
    this.#ancestors(event, entry);
    if (record.kind === 'exec') this.#exec(event.slots, record, sighting);
    if (record.kind === 'exit') this.#exit(event.slots, record.endNs, record.code);
    this.#parts(event, record);
    this.#lost(event, sighting.lost);
    return event;
  }

  #begin(record: SensorRecord, sighting: Sighting, action: string): EcsEvent {
    const { bootId, fields, wallMs } = this.#options;
    const event = new EcsEvent(fields, this.#template.slice());
    const values = event.slots;
    event.bootId = bootId;
    event.bootNs = record.bootNs;
    event.wallMs = wallMs(record.bootNs);
    event.id = eventId(bootId, record.bootNs, record.task.tgid, action);
    values[this.#slots['@timestamp']] = event.wallMs;
    values[this.#slots['event.created']] = event.wallMs;
    values[this.#slots['event.id']] = event.id;
    values[this.#slots['event.action']] = action;
    values[this.#slots['event.category']] = CATEGORY;
    values[this.#slots['event.type']] = TYPE[record.kind];
    values[this.#slots['event.sequence']] = sighting.sequence;
    return event;
  }

  #self(event: EcsEvent, record: SensorRecord, entry: ProcessEntry): void {
    const values = event.slots;
    const slots = this.#slots;
    const { context } = entry;
    this.#writer.identity(values, this.#process, entry);
    if (record.kind === 'exec') this.#ownArguments(values, record, entry);
    else this.#writer.arguments(values, this.#process, entry);
    values[slots['user.id']] = values[this.#process.userId];
    values[slots['user.name']] = values[this.#process.userName];
    values[slots['user.Ext.real.id']] = values[this.#process.realUserId];
    values[slots['user.Ext.real.name']] = values[this.#process.realUserName];
    values[slots['group.id']] = values[this.#process.groupId];
    values[slots['group.name']] = values[this.#process.groupName];
    values[slots['group.Ext.real.id']] = values[this.#process.realGroupId];
    values[slots['group.Ext.real.name']] = values[this.#process.realGroupName];
    values[slots['container.id']] = containerIdOf(context.cgroup);
    if (context.capEffective !== 0n) {
      values[slots['process.thread.capabilities.effective']] = capabilityNames(context.capEffective);
    }
    if (context.capPermitted !== 0n) {
      values[slots['process.thread.capabilities.permitted']] = capabilityNames(context.capPermitted);
    }
    this.#namespaces(values, context);
  }

  #ownArguments(values: SlotValue[], record: ExecRecord, entry: ProcessEntry): void {
    const { args } = record;
    this.#writer.arguments(values, this.#process, entry, {
      args,
      commandLine: args.join(' '),
      cutArgs: args,
      wasCut: false,
    });
  }

  #namespaces(values: SlotValue[], context: Context): void {
    const host = this.#options.namespaces;
    const slots = this.#slots;
    if (host.mnt && context.mntNs) values[slots['forebear.host_namespace.mount']] = context.mntNs === host.mnt;
    if (host.pid && context.pidNs) values[slots['forebear.host_namespace.pid']] = context.pidNs === host.pid;
    if (host.user && context.userNs) values[slots['forebear.host_namespace.user']] = context.userNs === host.user;
    if (host.net && context.netNs) values[slots['forebear.host_namespace.network']] = context.netNs === host.net;
  }

  #parentOf(event: EcsEvent, record: SensorRecord, sighting: Sighting): void {
    const values = event.slots;
    const { parent, parentAgrees } = sighting;
    const { ppid, parentStartNs } = record.task;
    if (ppid === 0) return;
    const named = 'parentExecutable' in record ? record.parentExecutable : undefined;
    if (parent === undefined) {
      values[this.#parent.pid] = ppid;
      if (parentStartNs !== 0n) values[this.#parent.start] = this.#options.wallMs(parentStartNs);
      event.gaps.push({ kind: 'unknown_parent', detail: 'process.parent', count: 1 });
    } else {
      this.#writer.identity(values, this.#parent, parent);
      if (parentAgrees) this.#writer.arguments(values, this.#parent, parent);
      if (!parentAgrees || parent.image.argc < 0) {
        event.gaps.push({ kind: 'unknown_parent', detail: 'process.parent.args', count: 1 });
      }
    }
    if (named !== undefined) {
      values[this.#parent.executable] = named;
      values[this.#parent.name] = baseName(named);
    }
    values[this.#slots['forebear.parent_source']] = parentSource(parent, parentAgrees, named);
  }

  #leaders(event: EcsEvent, sighting: Sighting): void {
    const { entry, session, group, leader } = sighting;
    const slots = this.#slots;
    if (session !== undefined) this.#relative(event, this.#session, 'process.session_leader', entry, session);
    else if (entry.sid > 0) event.gaps.push(unknownSession('process.session_leader'));
    if (group !== undefined) this.#relative(event, this.#group, 'process.group_leader', entry, group);
    if (leader === undefined) {
      if (entry.tgid !== 1 && !entry.context.kernelThread) event.gaps.push(unknownSession('process.entry_leader'));
      return;
    }
    this.#relative(event, this.#leader, 'process.entry_leader', entry, leader);
    const values = event.slots;
    values[slots['process.entry_leader.entry_meta.type']] = leader.entryType;
    values[slots['forebear.entry_leader_evidence']] = leader.evidence;
    if (leader.entryType === 'unknown') event.gaps.push(unknownSession('process.entry_leader'));
    const origin = this.#options.originOf(leader);
    if (leader.ppid > 0) values[slots['process.entry_leader.parent.pid']] = origin?.tgid ?? leader.ppid;
    if (origin === undefined) return;
    values[slots['process.entry_leader.parent.entity_id']] = origin.entityId;
    values[slots['process.entry_leader.parent.start']] = this.#options.wallMs(origin.startNs);
  }

  #relative(event: EcsEvent, slots: ProcessSlots, prefix: string, entry: ProcessEntry, relative: ProcessEntry): void {
    const values = event.slots;
    this.#writer.identity(values, slots, relative);
    const wasCut = this.#writer.cutArguments(values, slots, relative);
    values[slots.sameAsProcess] = relative === entry;
    if (wasCut) event.gaps.push({ kind: 'truncated', detail: `${prefix}.args`, count: 1 });
  }

  #ancestors(event: EcsEvent, entry: ProcessEntry): void {
    const { originOf, wallMs } = this.#options;
    const { entityIds, executables } = ancestryOf(entry, originOf);
    if (entityIds.length > 0) event.slots[this.#slots['process.Ext.ancestry']] = entityIds;
    if (executables.length > 0) event.slots[this.#slots['forebear.ancestors.executable']] = executables;
    event.lineage = () => lineageOf(entry, originOf, wallMs);
  }

  #exec(values: SlotValue[], record: ExecRecord, sighting: Sighting): void {
    const slots = this.#slots;
    if (record.env.length > 0) values[slots['process.env_vars']] = record.env;
    values[slots['forebear.filename']] = record.filename;
    values[slots['forebear.interpreter']] = record.interpreter;
    const flags = FLAGS.filter((flag) => record[flag]);
    if (flags.length > 0) values[slots['forebear.executable.flags']] = flags;
    const { previous } = sighting;
    if (previous === undefined) return;
    values[slots['process.previous.executable']] = previous.executable;
    if (previous.argc >= 0) values[slots['process.previous.args_count']] = previous.argc;
    if (previous.argCount > 0) values[slots['process.previous.args']] = this.#options.views.of(previous).cutArgs;
  }

  /** The status for a process that left by itself, 128 + signal for one that was killed, as a shell has it. */
  #exit(values: SlotValue[], endNs: bigint, code: number): void {
    const signal = code & 0x7f;
    values[this.#slots['process.end']] = this.#options.wallMs(endNs);
    values[this.#slots['process.exit_code']] = signal === 0 ? (code >> 8) & 0xff : 128 + signal;
    if (signal !== 0) values[this.#slots['forebear.exit_signal']] = signal;
  }

  #parts(event: EcsEvent, record: SensorRecord): void {
    const cut = record.truncated.map((part) => FIELD_OF_PART[part]);
    const faulty = record.unreadable.map((part) => FIELD_OF_PART[part]);
    for (const detail of cut) event.gaps.push({ kind: 'truncated', detail, count: 1 });
    for (const detail of faulty) event.gaps.push({ kind: 'unreadable', detail, count: 1 });
    const cutFields = event.gaps.filter((gap) => gap.kind === 'truncated').map((gap) => gap.detail);
    if (cutFields.length > 0) event.slots[this.#slots['forebear.truncated']] = cutFields;
    if (faulty.length > 0) event.slots[this.#slots['forebear.unreadable']] = faulty;
  }

  /** Losses touch the events that lack something because of them. */
  #lost(event: EcsEvent, lost: number): void {
    if (lost === 0 || !event.gaps.some((gap) => gap.kind === 'unknown_parent' || gap.kind === 'unknown_session'))
      return;
    event.slots[this.#slots['forebear.lost']] = lost;
    event.gaps.push({ kind: 'lost_records', detail: 'records lost before this event', count: lost });
  }
}

const FLAGS = ['memfd', 'deleted', 'setuid', 'setgid', 'script'] as const;

function unknownSession(detail: string): Gap {
  return { kind: 'unknown_session', detail, count: 1 };
}

/** kernel: from records. procfs: arguments read later. executable: the kernel names the file, nothing else is known. */
function parentSource(
  parent: ProcessEntry | undefined,
  agrees: boolean,
  named: string | undefined,
): 'kernel' | 'procfs' | 'executable' | undefined {
  if (parent === undefined || !agrees || parent.image.source === 'unknown' || parent.image.source === 'unread') {
    return named === undefined ? undefined : 'executable';
  }
  return parent.image.source;
}
