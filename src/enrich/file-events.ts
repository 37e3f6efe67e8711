// What an event says of a file, beside what every event says of its process: from a record of a file. Called by the enricher once
// the event's process is written. Names as in Elastic Defend's file events for Linux: the action is creation, rename, deletion or
// modification; of a rename file.* is what it is now and file.Ext.original.* what it was.

import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { FileRecord, Inode } from '../sensor/record.ts';
import { baseName } from './process-entry.ts';
import { slotsOf } from './slots-of.ts';
import type { NameBook } from './users.ts';

export const FILE_OPERATIONS = ['creation', 'rename', 'deletion', 'modification'] as const;
export type FileOperation = FileRecord['operation'];

export const FILE_CATEGORY: readonly string[] = ['file'];
/** event.type of each action. */
export const FILE_TYPE: Readonly<Record<FileOperation, readonly string[]>> = {
  creation: ['creation'],
  rename: ['change'],
  deletion: ['deletion'],
  modification: ['change'],
};
const DATASET = 'endpoint.events.file';

const FIELDS = [
  'data_stream.dataset',
  'event.category',
  'event.dataset',
  'event.type',
  'file.Ext.original.extension',
  'file.Ext.original.name',
  'file.Ext.original.path',
  'file.ctime',
  'file.directory',
  'file.extension',
  'file.gid',
  'file.group',
  'file.inode',
  'file.mode',
  'file.mtime',
  'file.name',
  'file.owner',
  'file.path',
  'file.size',
  'file.target_path',
  'file.type',
  'file.uid',
  'forebear.file.flags',
  'forebear.file.links',
] as const;

export interface FileEventsOptions {
  fields: FieldTable;
  /** Of the host: the kernel's ids of a file are those of the initial user namespace. */
  users: NameBook;
  groups: NameBook;
}

export class FileEvents {
  readonly #options: FileEventsOptions;
  readonly #slots: Readonly<Record<(typeof FIELDS)[number], number>>;

  constructor(options: FileEventsOptions) {
    this.#options = options;
    this.#slots = slotsOf(options.fields, FIELDS);
  }

  /** in: an event whose process is written, the record; out: written in place. */
  fill(event: EcsEvent, record: FileRecord): void {
    const { slots: values } = event;
    const slots = this.#slots;
    const { operation, path, oldPath, inode } = record;
    values[slots['event.category']] = FILE_CATEGORY;
    values[slots['event.type']] = FILE_TYPE[operation];
    values[slots['event.dataset']] = DATASET;
    values[slots['data_stream.dataset']] = DATASET;
    values[slots['file.type']] = typeOf(record);
    values[slots['file.target_path']] = record.linkTarget;
    if (path !== undefined) {
      values[slots['file.path']] = path;
      values[slots['file.name']] = baseName(path);
      values[slots['file.extension']] = extensionOf(path);
      values[slots['file.directory']] = folderOf(path);
    }
    if (oldPath !== undefined) {
      values[slots['file.Ext.original.path']] = oldPath;
      values[slots['file.Ext.original.name']] = baseName(oldPath);
      values[slots['file.Ext.original.extension']] = extensionOf(oldPath);
    }
    const flags = FLAGS.filter(([flag]) => record[flag]).map(([, name]) => name);
    if (flags.length > 0) values[slots['forebear.file.flags']] = flags;
    if (inode !== undefined) this.#inode(values, inode);
  }

  #inode(values: SlotValue[], inode: Inode): void {
    const slots = this.#slots;
    const { users, groups } = this.#options;
    values[slots['file.inode']] = String(inode.ino);
    values[slots['file.size']] = wholeOf(inode.size);
    values[slots['file.mode']] = (inode.mode & 0o7777).toString(8).padStart(4, '0');
    values[slots['file.mtime']] = millisecondsOf(inode.mtimeNs);
    values[slots['file.ctime']] = millisecondsOf(inode.ctimeNs);
    values[slots['file.uid']] = String(inode.uid);
    values[slots['file.gid']] = String(inode.gid);
    values[slots['file.owner']] = users.nameOf(inode.uid);
    values[slots['file.group']] = groups.nameOf(inode.gid);
    values[slots['forebear.file.links']] = inode.nlink;
  }
}

const FLAGS = [
  ['hardLink', 'hard_link'],
  ['symlink', 'symlink'],
  ['special', 'special'],
  ['tmpfile', 'tmpfile'],
  ['exchange', 'exchange'],
  ['directory', 'directory'],
] as const;

const TYPES = new Map([
  [0o100000, 'file'],
  [0o040000, 'dir'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
  [0o010000, 'fifo'],
  [0o060000, 'block'],
  [0o020000, 'char'],
]);

/** By its inode; where there is none, by what the operation tells. */
function typeOf({ inode, symlink, directory, operation, hardLink, tmpfile, special }: FileRecord): string | undefined {
  if (inode !== undefined) return TYPES.get(inode.mode & 0o170000);
  if (directory) return 'dir';
  if (symlink) return 'symlink';
  return tmpfile || (operation === 'creation' && !hardLink && !special) ? 'file' : undefined;
}

/** What stands behind the last dot of the name, without it; undefined: no dot, or none but the first or last character. */
export function extensionOf(path: string): string | undefined {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') + 1 && dot < path.length - 1 ? path.slice(dot + 1) : undefined;
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function wholeOf(size: bigint): number | bigint {
  return size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : size;
}

function millisecondsOf(ns: bigint): number {
  return Number(ns) / 1e6;
}
