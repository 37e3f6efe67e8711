// Files and trees that a user names (rules, exception lists) -> paths and texts. Reads regular files only, without waiting
// and within bounds. Called by load-rules-io.ts and load-exceptions-io.ts; errors carry the code prefix of the caller.

import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';

export interface SourceKind {
  /** Of error codes: FB_RULE -> FB_RULE_FILE, FB_RULE_TOO_LARGE, FB_RULE_ENCODING. */
  readonly code: string;
  /** Of files taken out of folders: .toml */
  readonly suffixes: readonly string[];
  readonly maxBytes: number;
  /** Name the other files of folders too, but for hidden ones. */
  readonly others?: boolean;
}

const MAX_FILES = 50_000;

export type Found = { file: string; error?: ForebearError; other?: true };

/**
 * in: a file, or a folder searched to the bottom for files with the kind's suffix, by name, links followed once; `seen`:
 * real paths found so far, added to. What cannot be looked at comes as an error.
 */
export async function* sourceFiles(path: string, kind: SourceKind, seen: Set<string>): AsyncGenerator<Found> {
  try {
    const real = await realpath(path);
    if (seen.has(real)) return;
    seen.add(real);
    if (seen.size > MAX_FILES) throw new ForebearError(`${kind.code}_FILE`, `more than ${MAX_FILES} files`);
    if (!(await stat(path)).isDirectory()) return yield { file: path };
  } catch (error) {
    return yield { file: path, error: sourceError(error, kind) };
  }
  yield* filesBelow(path, kind, seen);
}

async function* filesBelow(folder: string, kind: SourceKind, seen: Set<string>): AsyncGenerator<Found> {
  let entries: import('node:fs').Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    return yield { file: folder, error: sourceError(error, kind) };
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const folderLike = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path)));
    const isWanted = kind.suffixes.some((suffix) => entry.name.endsWith(suffix));
    const isHidden = entry.name.startsWith('.');
    if (folderLike || isWanted) yield* sourceFiles(path, isHidden ? { ...kind, others: false } : kind, seen);
    else if (kind.others === true && !isHidden) yield { file: path, other: true };
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Opens without waiting (a FIFO would); reads no more than the file said it has. Throws as the kind says, or errno. */
export async function readSource(file: string, kind: SourceKind): Promise<string> {
  return decode(await readBytes(file, kind), kind);
}

/** The same, not decoded. most: bytes from the begin of the file that are wanted; default: all, and no more than the kind allows. */
export async function readBytes(file: string, kind: SourceKind, most?: number): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new ForebearError(`${kind.code}_FILE`, 'is not a regular file');
    if (most === undefined && found.size > kind.maxBytes) throw tooLarge(found.size, kind);
    const buffer = Buffer.allocUnsafe(Math.min(found.size + 1, most ?? Number.POSITIVE_INFINITY));
    for (let size = 0; size < buffer.length; ) {
      const { bytesRead } = await handle.read(buffer, size, buffer.length - size, size);
      if (bytesRead === 0) return buffer.subarray(0, size);
      size += bytesRead;
    }
    if (most !== undefined) return buffer;
    throw new ForebearError(`${kind.code}_FILE`, 'grew while it was read');
  } finally {
    await handle.close();
  }
}

/** The same for a stream, to its end. */
export async function readSourceStream(stream: AsyncIterable<Uint8Array>, kind: SourceKind): Promise<string> {
  return decode(await readStreamBytes(stream, kind), kind);
}

export async function readStreamBytes(stream: AsyncIterable<Uint8Array>, kind: SourceKind): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > kind.maxBytes) throw tooLarge(size, kind);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bytes: number, { code, maxBytes }: SourceKind): ForebearError {
  return new ForebearError(`${code}_TOO_LARGE`, `has ${bytes} bytes or more, at most ${maxBytes} are read`);
}

/** Throws FB_..._ENCODING with the line of the first bad byte. */
export function decode(bytes: Uint8Array, { code }: SourceKind): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ForebearError(`${code}_ENCODING`, 'is not UTF-8', { line: lineOfBadByte(bytes), cause });
  }
}

/** 1-based; the decoder puts U+FFFD where the first bad byte is. */
function lineOfBadByte(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  return text.slice(0, text.indexOf('\ufffd')).split('\n').length;
}

/** in: whatever was thrown while finding or reading; out: an error with a code. */
export function sourceError(error: unknown, { code }: SourceKind): ForebearError {
  if (error instanceof ForebearError) return error;
  return new ForebearError(`${code}_FILE`, plainReason(error), { cause: error });
}
