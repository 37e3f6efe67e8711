// sha256 of the file that a process executed, and of no other: whatever is opened is first held by O_PATH, which neither
// reads nor waits nor wakes a device, and compared with the kernel's inode of the exec. In: the request, the executable
// held while its process lived; out: hashes, or why not. Read on libuv's pool, hashed in slices on the event loop (128 KiB:
// 70 us with SHA instructions, some 250 us without). Called by hash-queue.ts, one file at a time.
//
// A file that runs cannot be written (ETXTBSY), so the content behind a living process's exe link is that of its exec even if
// the file was renamed or unlinked since. What the kernel cannot vouch for is answered, with a doubt (hash-answer.ts).
// FUSE is refused: its content is what its daemon says at each read.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { encodeText } from '../text.ts';
import {
  type FileFacts,
  type FoundFile,
  isFresh,
  isSameInode,
  isUnchanged,
  judgeFile,
  parseFdInfo,
  parseFileKey,
  parseMountDevice,
  splitDevice,
} from './executable-file.ts';
import type { HashAnswer, Hashes, HashReason, HashRequest } from './hash-answer.ts';
import type { FileHasher, PinnedFile } from './hash-queue.ts';

export interface FileHasherOptions {
  /** Larger files are not read. */
  maxBytes: number;
  /** sha256 is always made. */
  also: readonly ('sha1' | 'md5')[];
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants;
/** Linux, all architectures that Node runs on; Node does not name it. */
const O_PATH = 0o10000000;
const FUSE_MAGIC = 0x65735546;
const SLICE_BYTES = 128 * 1024;
const ATTEMPTS = 2;

const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat);
const statfs = promisify(fs.statfs);
const read = promisify(fs.read) as (
  fd: number,
  buffer: Buffer,
  at: number,
  length: number,
  from: number,
) => Promise<{ bytesRead: number }>;
const { readFile, stat } = fs.promises;

export class LinuxFileHasher implements FileHasher {
  readonly #options: FileHasherOptions;

  constructor(options: FileHasherOptions) {
    this.#options = options;
  }

  /** Synchronous: the link leads to the file without a walk along a path, so nothing can block here. */
  pin(pid: number): PinnedFile | undefined {
    try {
      return fs.openSync(`/proc/${pid}/exe`, O_PATH);
    } catch {
      return undefined;
    }
  }

  unpin(file: PinnedFile): void {
    fs.close(file, () => {});
  }

  async hash(request: HashRequest, pinned: PinnedFile | undefined): Promise<HashAnswer> {
    try {
      const executed = parseFileKey(request.file);
      if (executed === undefined) return { reason: 'unknown_file' };
      if (executed.size > BigInt(this.#options.maxBytes)) return { reason: 'too_large' };
      return await this.#find(executed, request, pinned);
    } catch (error) {
      return { reason: reasonFor(error) };
    }
  }

  async #find(executed: FileFacts, request: HashRequest, pinned: PinnedFile | undefined): Promise<HashAnswer> {
    if (pinned !== undefined) {
      const answer = await this.#hashHeld(executed, request, pinned);
      if (answer !== undefined) return answer;
    }
    return this.#hashByPath(executed, request);
  }

  /** undefined: the process ran another file by then. */
  async #hashHeld(executed: FileFacts, request: HashRequest, held: PinnedFile): Promise<HashAnswer | undefined> {
    for (let attempt = 1; ; attempt++) {
      const found = await look(held, executed, `/proc/${request.pid}`);
      const verdict = judgeFile(executed, found);
      if (verdict === 'other_file') return undefined;
      if (verdict === 'not_regular' || verdict === 'changed') return { reason: verdict };
      if (verdict === 'metadata_changed' && !(await stillRuns(request.pid, held))) return { reason: 'changed' };
      const hashes = await this.#read(held, found);
      if (typeof hashes === 'object')
        return answerOf(hashes, verdict === 'same' ? freshness(executed, request) : verdict);
      if (hashes !== 'changed' || attempt === ATTEMPTS) return { reason: hashes };
    }
  }

  /** The process has gone, or runs something else by now: what lies at the path, if it is the very file, untouched. */
  async #hashByPath(executed: FileFacts, request: HashRequest): Promise<HashAnswer> {
    const { path } = request;
    const process = request.inHost ? await hostProcess() : request.member();
    if (path === undefined || process === undefined) return { reason: 'gone' };
    const place = Buffer.concat([Buffer.from(`/proc/${process}/root`), encodeText(path)]);
    const held = await open(place, O_PATH | O_NOFOLLOW);
    try {
      const found = await look(held, executed, `/proc/${process}`);
      const verdict = judgeFile(executed, found);
      if (verdict !== 'same') return { reason: verdict === 'metadata_changed' ? 'changed' : verdict };
      const hashes = await this.#read(held, found);
      return typeof hashes === 'object' ? answerOf(hashes, freshness(executed, request)) : { reason: hashes };
    } finally {
      await close(held);
    }
  }

  /** in: what was found of the held file just now. The link leads to that file, wherever its name leads by now. */
  async #read(held: PinnedFile, before: FoundFile): Promise<Hashes | 'changed' | 'untrusted_filesystem'> {
    const link = `/proc/self/fd/${held}`;
    if ((await statfs(link)).type === FUSE_MAGIC) return 'untrusted_filesystem';
    const fd = await open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    try {
      const hashes = await this.#digest(fd, Number(before.size));
      const after = factsOf(await fstat(fd, { bigint: true }));
      return hashes !== undefined && isUnchanged(before, after) ? hashes : 'changed';
    } finally {
      await close(fd);
    }
  }

  /** undefined: it is not of that size. */
  async #digest(fd: number, size: number): Promise<Hashes | undefined> {
    const names = ['sha256', ...this.#options.also] as const;
    const digests = names.map((name) => createHash(name));
    const slice = Buffer.allocUnsafe(SLICE_BYTES);
    let at = 0;
    while (at <= size) {
      const { bytesRead } = await read(fd, slice, 0, Math.min(SLICE_BYTES, size + 1 - at), at);
      if (bytesRead === 0) break;
      for (const digest of digests) digest.update(slice.subarray(0, bytesRead));
      at += bytesRead;
    }
    if (at !== size) return undefined;
    return Object.fromEntries(names.map((name, i) => [name, digests[i]!.digest('hex')])) as unknown as Hashes;
  }
}

function answerOf(hashes: Hashes, doubt: HashReason | undefined): HashAnswer {
  return doubt === undefined ? { hashes } : { hashes, reason: doubt };
}

function freshness(executed: FileFacts, { executedMs }: HashRequest): HashReason | undefined {
  return isFresh(executed, executedMs) ? 'fresh_file' : undefined;
}

/**
 * Whose root is the host's: pid 1's, or our own where we may not look at that (as host-io.ts has it). Not by access(2), which
 * leaves a service's user without the capabilities that it has.
 */
async function hostProcess(): Promise<number | 'self'> {
  return stat('/proc/1/root').then(
    () => 1,
    () => 'self',
  );
}

/** What is held, in the kernel's own terms where stat has others (overlayfs, btrfs). in: a process in whose mounts it lies. */
async function look(held: PinnedFile, executed: FileFacts, process: string): Promise<FoundFile> {
  const stat = await fstat(held, { bigint: true });
  const found: FoundFile = { ...factsOf(stat), regular: stat.isFile() };
  return isSameInode(executed, found) ? found : { ...found, ...(await inodeOf(held, process)) };
}

/** stat may name a subvolume's or a layer's device; the super block's is in the mount's line of mountinfo. */
async function inodeOf(held: PinnedFile, process: string): Promise<Partial<FileFacts>> {
  const { mountId, ino } = parseFdInfo(await readFile(`/proc/self/fdinfo/${held}`, 'latin1'));
  if (mountId === undefined || ino === undefined) return {};
  const device = parseMountDevice(await readFile(`${process}/mountinfo`, 'latin1').catch(() => ''), mountId);
  return device === undefined ? {} : { ino, devMajor: device[0], devMinor: device[1] };
}

function factsOf(stat: fs.BigIntStats): FileFacts {
  const [devMajor, devMinor] = splitDevice(stat.dev);
  const { ino, size, mtimeNs, ctimeNs } = stat;
  return { devMajor, devMinor, ino, size, mtimeNs, ctimeNs };
}

/** Whether the process's exe link still leads to the held file: until then nobody could write it. */
async function stillRuns(pid: number, held: PinnedFile): Promise<boolean> {
  const link = await open(`/proc/${pid}/exe`, O_PATH).catch(() => undefined);
  if (link === undefined) return false;
  try {
    const [now, before] = await Promise.all([fstat(link, { bigint: true }), fstat(held, { bigint: true })]);
    return isSameInode(factsOf(now), factsOf(before));
  } finally {
    await close(link);
  }
}

function reasonFor(error: unknown): HashReason {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH') return 'gone';
  return code === 'ELOOP' ? 'other_file' : 'unreadable';
}
