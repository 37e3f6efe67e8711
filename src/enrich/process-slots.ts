// Slots of everything that a process, its parent and its three leaders have in common, resolved once: process.*,
// process.parent.*, process.session_leader.* and so on. -1: that relative has no such field.

import type { FieldTable } from '../ecs/fields.ts';
import { slotsOf } from './slots-of.ts';

const FIELDS = {
  pid: 'pid',
  start: 'start',
  entityId: 'entity_id',
  executable: 'executable',
  name: 'name',
  args: 'args',
  argsCount: 'args_count',
  commandLine: 'command_line',
  commandLineTruncated: 'Ext.command_line_truncated',
  workingDirectory: 'working_directory',
  interactive: 'interactive',
  ttyMajor: 'tty.char_device.major',
  ttyMinor: 'tty.char_device.minor',
  userId: 'user.id',
  userName: 'user.name',
  realUserId: 'real_user.id',
  realUserName: 'real_user.name',
  groupId: 'group.id',
  groupName: 'group.name',
  realGroupId: 'real_group.id',
  realGroupName: 'real_group.name',
  groupIds: 'supplemental_groups.id',
  groupNames: 'supplemental_groups.name',
  sameAsProcess: 'same_as_process',
} as const;

export type ProcessSlots = Readonly<Record<keyof typeof FIELDS, number>>;

/** in: field table, prefix such as `process.parent`; out: the slots below it. */
export function processSlots(table: FieldTable, prefix: string): ProcessSlots {
  const slots = Object.entries(FIELDS).map(([key, name]) => [key, table.get(`${prefix}.${name}`)?.slot ?? -1]);
  return Object.fromEntries(slots) as ProcessSlots;
}

const EVENT_FIELDS = [
  '@timestamp',
  'event.created',
  'event.id',
  'event.action',
  'event.category',
  'event.type',
  'event.sequence',
  'container.id',
  'group.id',
  'group.name',
  'group.Ext.real.id',
  'group.Ext.real.name',
  'user.id',
  'user.name',
  'user.Ext.real.id',
  'user.Ext.real.name',
  'process.Ext.ancestry',
  'process.end',
  'process.env_vars',
  'process.exit_code',
  'process.entry_leader.entry_meta.type',
  'process.entry_leader.parent.entity_id',
  'process.entry_leader.parent.pid',
  'process.entry_leader.parent.start',
  'process.previous.args',
  'process.previous.args_count',
  'process.previous.executable',
  'process.thread.capabilities.effective',
  'process.thread.capabilities.permitted',
  'forebear.ancestors.executable',
  'forebear.entry_leader_evidence',
  'forebear.executable.flags',
  'forebear.exit_signal',
  'forebear.filename',
  'forebear.host_namespace.mount',
  'forebear.host_namespace.network',
  'forebear.host_namespace.pid',
  'forebear.host_namespace.user',
  'forebear.interpreter',
  'forebear.lost',
  'forebear.parent_source',
  'forebear.truncated',
  'forebear.unreadable',
] as const;

export type EventSlots = Readonly<Record<(typeof EVENT_FIELDS)[number], number>>;

/** errors: throws when ecs/fields.ts lacks one of them. */
export function eventSlots(table: FieldTable): EventSlots {
  return slotsOf(table, EVENT_FIELDS);
}
