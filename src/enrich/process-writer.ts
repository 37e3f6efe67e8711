// Writes one process of the table into the slots of process.*, process.parent.* or a leader. Called by event-maker.ts for each
// of the five relatives of each event: no lookups by name, no text made twice.

import type { SlotValue } from '../ecs/event.ts';
import type { ArgumentView, ArgumentViews } from './argument-views.ts';
import type { Context, ProcessEntry } from './process-entry.ts';
import type { ProcessSlots } from './process-slots.ts';
import { ttyClass } from './tty.ts';
import type { NameBook } from './users.ts';

export interface ProcessWriterOptions {
  users: NameBook;
  groups: NameBook;
  views: ArgumentViews;
  /** Inode of the host's user namespace, 0 when not known. */
  hostUserNs: number;
  /** Nanoseconds since boot -> milliseconds since 1970. */
  wallMs: (bootNs: bigint) => number;
}

interface GroupTexts {
  ids: readonly string[];
  names: readonly string[];
}

export class ProcessWriter {
  readonly #users: NameBook;
  readonly #groups: NameBook;
  readonly #views: ArgumentViews;
  readonly #hostUserNs: number;
  readonly #wallMs: (bootNs: bigint) => number;
  #groupTexts = new WeakMap<readonly number[], GroupTexts>();
  #wanted: Context | undefined;

  constructor(options: ProcessWriterOptions) {
    this.#users = options.users;
    this.#groups = options.groups;
    this.#views = options.views;
    this.#hostUserNs = options.hostUserNs;
    this.#wallMs = options.wallMs;
  }

  /** Of a process whose event is not made: names that are not known are asked for, so that the next event has them. */
  wantNames(context: Context): void {
    if (context === this.#wanted || !this.#inHostUserNs(context)) return;
    this.#wanted = context;
    this.#users.nameOf(context.euid);
    this.#users.nameOf(context.uid);
    for (const gid of [context.egid, context.gid, ...context.groups]) this.#groups.nameOf(gid);
  }

  /** Names have changed. */
  forgetNames(): void {
    this.#groupTexts = new WeakMap();
    this.#wanted = undefined;
  }

  /**
   * All that is known of a process but its arguments.
   * in: the event's values, the slots of the relative; out: written in place.
   */
  identity(values: SlotValue[], slots: ProcessSlots, entry: ProcessEntry): void {
    const { image, context } = entry;
    values[slots.pid] = entry.tgid;
    values[slots.start] = this.#wallMs(entry.startNs);
    values[slots.entityId] = entry.entityId;
    if (image.executable !== undefined) values[slots.executable] = image.executable;
    if (image.name !== undefined) values[slots.name] = image.name;
    if (image.cwd !== undefined) values[slots.workingDirectory] = image.cwd;
    values[slots.interactive] = ttyClass(context.ttyMajor, context.ttyMinor) !== undefined;
    if (context.ttyMajor !== 0) {
      values[slots.ttyMajor] = context.ttyMajor;
      values[slots.ttyMinor] = context.ttyMinor;
    }
    this.#people(values, slots, context);
  }

  /** The arguments in full: for the process and its parent. */
  arguments(values: SlotValue[], slots: ProcessSlots, entry: ProcessEntry, view?: ArgumentView): void {
    const { argCount, argc, argsCut } = entry.image;
    if (argc >= 0) values[slots.argsCount] = argc;
    if (slots.commandLineTruncated >= 0 && argsCut) values[slots.commandLineTruncated] = true;
    if (argCount === 0) return;
    const { args, commandLine } = view ?? this.#views.of(entry.image);
    values[slots.args] = args;
    values[slots.commandLine] = commandLine;
  }

  /** The arguments up to 1 KiB: for leaders. out: whether that cut any. */
  cutArguments(values: SlotValue[], slots: ProcessSlots, entry: ProcessEntry): boolean {
    const { argCount, argc } = entry.image;
    if (argc >= 0) values[slots.argsCount] = argc;
    if (argCount === 0) return false;
    const { cutArgs, wasCut } = this.#views.of(entry.image);
    values[slots.args] = cutArgs;
    return wasCut;
  }

  userName(context: Context, uid: number): string | undefined {
    return this.#inHostUserNs(context) ? this.#users.nameOf(uid) : undefined;
  }

  groupName(context: Context, gid: number): string | undefined {
    return this.#inHostUserNs(context) ? this.#groups.nameOf(gid) : undefined;
  }

  #people(values: SlotValue[], slots: ProcessSlots, context: Context): void {
    const { euid, uid, egid, gid, groups } = context;
    values[slots.userId] = String(euid);
    values[slots.realUserId] = String(uid);
    values[slots.groupId] = String(egid);
    values[slots.realGroupId] = String(gid);
    const texts = groups.length === 0 ? undefined : this.#textsOf(groups);
    if (texts !== undefined) values[slots.groupIds] = texts.ids;
    if (!this.#inHostUserNs(context)) return;
    values[slots.userName] = this.#users.nameOf(euid);
    values[slots.realUserName] = this.#users.nameOf(uid);
    values[slots.groupName] = this.#groups.nameOf(egid);
    values[slots.realGroupName] = this.#groups.nameOf(gid);
    if (texts !== undefined && texts.names.length > 0) values[slots.groupNames] = texts.names;
  }

  /** Inside another user namespace the same number is another person. */
  #inHostUserNs(context: Context): boolean {
    return this.#hostUserNs === 0 || context.userNs === 0 || context.userNs === this.#hostUserNs;
  }

  #textsOf(groups: readonly number[]): GroupTexts {
    const known = this.#groupTexts.get(groups);
    if (known !== undefined) return known;
    const names = groups.map((gid) => this.#groups.nameOf(gid)).filter((name) => name !== undefined);
    const texts = { ids: groups.map(String), names };
    this.#groupTexts.set(groups, texts);
    return texts;
  }
}
