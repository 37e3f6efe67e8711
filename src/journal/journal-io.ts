// The file operations of the journal, and the real ones over node:fs. Everything else here goes through JournalIo, so that
// tests can fail, cut short or crash at each call (test/journal/memory-disk.ts). Positioned writes only: libuv's own
// eventfd uses write, so injected faults on pwrite hit the journal alone.

import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

/** An open file. Errors are node's (with `code`); offsets and sizes in bytes. */
export interface JournalFile {
  /** pwrite: may write less than asked. out: bytes written. */
  write(bytes: Uint8Array, offset: number): Promise<number>;
  /** pread: out: bytes read, 0 at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface JournalIo {
  /** create: new, else EEXIST; write: existing or new, contents kept. Mode 0640. */
  open(path: string, how: 'read' | 'write' | 'create'): Promise<JournalFile>;
  /** Names; rejects with ENOENT. */
  readdir(path: string): Promise<string[]>;
  /** With its parents, mode 0750, durable; fine when it is there. */
  mkdir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  fsyncDir(path: string): Promise<void>;
  /** Bytes free for this user on the file system of the path. */
  freeBytes(path: string): Promise<number>;
  /** Calls back when a file of the directory with this name may have changed; out: stops it. May miss changes: poll too. */
  watch(directory: string, name: string, onChange: () => void): () => void;
  /** Of this machine's current boot, 32 hexadecimal digits; "" when it cannot be told. */
  bootId(): Promise<string>;
}

const FLAGS = {
  // A FIFO would wait for ever, and in a thread that syncs need: the agent reads cursors, which others write.
  read: fs.constants.O_RDONLY | fs.constants.O_NONBLOCK,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

const open = promisify(fs.open);
const close = promisify(fs.close);
const write = promisify(fs.write) as (
  fd: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;
const read = promisify(fs.read) as (
  fd: number,
  into: Uint8Array,
  at: number,
  length: number,
  position: number,
) => Promise<{ bytesRead: number }>;
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);

class NodeFile implements JournalFile {
  readonly #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  async write(bytes: Uint8Array, offset: number): Promise<number> {
    return (await write(this.#fd, bytes, 0, bytes.length, offset)).bytesWritten;
  }
  async read(into: Uint8Array, offset: number): Promise<number> {
    return (await read(this.#fd, into, 0, into.length, offset)).bytesRead;
  }
  datasync(): Promise<void> {
    return fdatasync(this.#fd);
  }
  truncate(size: number): Promise<void> {
    return ftruncate(this.#fd, size);
  }
  async size(): Promise<number> {
    return (await promisify(fs.fstat)(this.#fd)).size;
  }
  close(): Promise<void> {
    return close(this.#fd);
  }
}

async function fsyncDir(path: string): Promise<void> {
  const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}

/** Where the name of a new folder is not durable, the first power loss takes all that was synced within. */
async function makeDirectory(path: string): Promise<void> {
  const made = await fs.promises.mkdir(path, { recursive: true, mode: 0o750 });
  if (made === undefined) return;
  for (let folder = resolve(path); folder.length >= resolve(made).length; ) {
    folder = dirname(folder);
    await fsyncDir(folder);
  }
}

/** The machine's file system. */
export const nodeJournalIo: JournalIo = {
  open: async (path, how) => new NodeFile(await open(path, FLAGS[how], 0o640)),
  readdir: (path) => fs.promises.readdir(path),
  mkdir: makeDirectory,
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),
  fsyncDir,
  freeBytes: async (path) => {
    const { bavail, bsize } = await fs.promises.statfs(path);
    return bavail * bsize;
  },
  watch: watchFile,
  bootId: async () => {
    const text = await fs.promises.readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
    return text.trim().replaceAll('-', '');
  },
};

/** inotify where there is some; without it the caller's polling has to do. */
function watchFile(directory: string, name: string, onChange: () => void): () => void {
  try {
    const watcher = fs.watch(directory, { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) onChange();
    });
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

/** The `code` of a thrown system error, "" for anything else. */
export function systemCode(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Writes all bytes, however many calls it takes. A call that writes nothing ends it with EIO. */
export async function writeAll(file: JournalFile, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await file.write(bytes.subarray(done), offset + done);
    if (written <= 0) throw Object.assign(new Error('write returned 0'), { code: 'EIO' });
    done += written;
  }
}

/** Reads until the buffer is full or the file ends. out: the part that was filled. */
export async function readFully(file: JournalFile, offset: number, length: number): Promise<Buffer> {
  const into = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = await file.read(into.subarray(done), offset + done);
    if (count <= 0) break;
    done += count;
  }
  return into.subarray(0, done);
}

/** Some bytes of a file by name. out: undefined when there is no such file. */
export async function readUpTo(
  io: JournalIo,
  path: string,
  offset: number,
  length: number,
): Promise<Buffer | undefined> {
  let file: JournalFile;
  try {
    file = await io.open(path, 'read');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await readFully(file, offset, length);
  } finally {
    await file.close();
  }
}

/** A small file replaced as a whole: new file, sync, rename, sync of the directory. */
export async function replaceFile(io: JournalIo, directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${directory}/${name}.tmp`;
  const file = await io.open(temporary, 'write');
  try {
    await file.truncate(0);
    await writeAll(file, bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await io.rename(temporary, `${directory}/${name}`);
  await io.fsyncDir(directory);
}
