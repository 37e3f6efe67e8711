// Records of files: bytes -> FileRecord. Called by decode.ts, whose rules hold here. Where the source are system calls, a path may
// be the text of a call behind the folder that it goes by (FB_AS_GIVEN in native/wire.h): dots and double slashes are taken out
// here, as text; symbolic links stay in it.

import { readInode, readText, withoutRoot } from './decode-fields.ts';
import type { Frame } from './frame.ts';
import { FIELD, FIELD_FLAG, FILE, FILE_FLAG, FILE_OP } from './layout.ts';
import type { FileRecord } from './record.ts';

const OPERATIONS = new Map<number, FileRecord['operation']>(
  Object.entries(FILE_OP).map(([name, op]) => [op, name as FileRecord['operation']]),
);

/** undefined: the record has no facts of a file, or of an operation that this version does not know. */
export function readFile(
  frame: Frame,
): Omit<FileRecord, 'kind' | 'bootNs' | 'task' | 'truncated' | 'unreadable'> | undefined {
  if (!frame.has(FIELD.file)) return undefined;
  const at = frame.start(FIELD.file);
  const operation = OPERATIONS.get(frame.view.getUint32(at + FILE.op, true));
  if (operation === undefined) return undefined;
  const flags = frame.view.getUint32(at + FILE.flags, true);
  const has = (flag: number) => (flags & flag) !== 0;
  const path = readName(frame, FIELD.path);
  const oldPath = readName(frame, FIELD.oldPath);
  const linkTarget = has(FILE_FLAG.symlink) ? readText(frame, FIELD.linkTarget) : readName(frame, FIELD.linkTarget);
  return {
    operation,
    tid: frame.view.getUint32(at + FILE.tid, true),
    ...(path !== undefined && { path }),
    ...(oldPath !== undefined && { oldPath }),
    ...(linkTarget !== undefined && { linkTarget }),
    ...(frame.has(FIELD.fileInode) && { inode: readInode(frame, FIELD.fileInode) }),
    hardLink: has(FILE_FLAG.hardLink),
    symlink: has(FILE_FLAG.symlink),
    special: has(FILE_FLAG.special),
    tmpfile: has(FILE_FLAG.tmpfile),
    exchange: has(FILE_FLAG.exchange),
    directory: has(FILE_FLAG.directory),
  };
}

function readName(frame: Frame, id: number): string | undefined {
  const text = readText(frame, id);
  if (text === undefined) return undefined;
  return withoutRoot(frame, id, (frame.flags(id) & FIELD_FLAG.asGiven) !== 0 ? withoutDots(text) : text);
}

/** A component that is not one: `//`, `/./`, `/../`, or a slash at the end. */
const ODD = /\/(?:\/|\.{1,2}(?:\/|$)|$)/;

/** in: an absolute path; out: the same without empty components, `.` and `..`, each `..` with the component before it. */
export function withoutDots(path: string): string {
  if (!ODD.test(path)) return path;
  const kept: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') kept.pop();
    else if (name !== '' && name !== '.') kept.push(name);
  }
  return `/${kept.join('/')}`;
}
