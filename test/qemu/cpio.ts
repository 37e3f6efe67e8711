// cpio archives in the "newc" form, which the kernel takes as an initramfs and busybox makes: the way into a guest and out
// of it. Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel. Pure.

import { dirname } from 'node:path';

export interface Entry {
  /** Without a leading slash. */
  path: string;
  /** Permissions; all belongs to root. */
  mode: number;
  /** Of a link: where it leads. */
  data: Uint8Array;
  link?: boolean;
}

const MAGIC = '070701';
const HEAD_BYTES = 110;
const LAST = 'TRAILER!!!';
const DIRECTORY = 0o040755;
const REGULAR = 0o100000;
const LINK = 0o120000;
const TYPE = 0o170000;

/** in: files; out: the archive in parts, with the folders in which they lie. */
export function pack(entries: Iterable<Entry>): Uint8Array[] {
  const folders = new Set(['.']);
  const parts: Uint8Array[] = [];
  for (const { path, mode, data, link } of entries) {
    for (const folder of newFolders(path, folders)) parts.push(head(folder, DIRECTORY, 0));
    parts.push(head(path, (link === true ? LINK : REGULAR) | mode, data.length), data, padding(data.length));
  }
  return [...parts, head(LAST, 0, 0)];
}

/** The folders above path that are not known yet, outermost first; known from then on. */
function newFolders(path: string, known: Set<string>): string[] {
  const folder = dirname(path);
  if (known.has(folder)) return [];
  known.add(folder);
  return [...newFolders(folder, known), folder];
}

function head(path: string, mode: number, size: number): Uint8Array {
  const name = Buffer.from(`${path}\0`, 'latin1');
  const [inode, owner, links, time, device] = [0, 0, 1, 0, 0];
  const fields = [inode, mode, owner, owner, links, time, size, device, device, device, device, name.length, 0];
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([Buffer.from(text, 'latin1'), name, padding(HEAD_BYTES + name.length)]);
}

const aligned = (length: number) => (length + 3) & ~3;

function padding(length: number): Uint8Array {
  return new Uint8Array(aligned(length) - length);
}

/** in: an archive; out: its regular files by path, without a leading "./". Throws where it is no archive of this form. */
export function unpack(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; ; ) {
    if (archive.toString('latin1', at, at + MAGIC.length) !== MAGIC) throw new Error(`no cpio entry at byte ${at}`);
    const field = (n: number) => Number.parseInt(archive.toString('latin1', at + 6 + 8 * n, at + 14 + 8 * n), 16);
    const [mode, size, nameBytes] = [field(1), field(6), field(11)];
    if (!Number.isInteger(mode + size + nameBytes)) throw new Error(`a damaged cpio entry at byte ${at}`);
    const name = archive.toString('latin1', at + HEAD_BYTES, at + HEAD_BYTES + nameBytes - 1);
    if (name === LAST) return files;
    const data = at + aligned(HEAD_BYTES + nameBytes);
    if ((mode & TYPE) === REGULAR) files.set(name.replace(/^\.\//, ''), archive.subarray(data, data + size));
    at = data + aligned(size);
  }
}
