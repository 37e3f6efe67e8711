// The files of a file output in their directory: opening the current one, and PATH -> PATH.1 -> ... -> PATH.keep. Every change
// of a name is durable before the next. Called by file-io.ts. Rejects with errors of the operating system, and with
// FB_SHIP_FILE where something else than a plain file lies at the path.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ForebearError } from '../../errors.ts';

const MODE = 0o640;
/** NONBLOCK: a FIFO put there meanwhile must not hang us. APPEND: nobody's lines are overwritten. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface OpenFile {
  handle: FileHandle;
  size: number;
  /** Which file it is, whatever its name. */
  identity: string;
}

/** Opens the file, or makes it: group-readable, its name durable. */
export async function openPlain(path: string): Promise<OpenFile> {
  const before = await identityAt(path);
  const handle = await open(path, FLAGS, MODE);
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw notPlain(path);
    if (before === undefined) {
      await handle.chmod(MODE);
      await syncDirectory(path);
    }
    return { handle, size: Number(stat.size), identity: `${stat.dev}:${stat.ino}` };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Which file has this name; undefined: none. */
export async function identityAt(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path, { bigint: true });
    if (!stat.isFile()) throw notPlain(path);
    return `${stat.dev}:${stat.ino}`;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Makes PATH free. in: how many earlier files are kept, 1 or more. Only those before the first free name move: a rotation that
 * a crash cut off costs none of them.
 */
export async function rotate(path: string, keep: number): Promise<void> {
  let free = 1;
  while (free < keep && (await identityAt(`${path}.${free}`)) !== undefined) free++;
  for (let n = free; n > 1; n--) await rename(`${path}.${n - 1}`, `${path}.${n}`);
  await rename(path, `${path}.1`);
  await syncDirectory(path);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function notPlain(path: string): ForebearError {
  return new ForebearError('FB_SHIP_FILE', `${path} is no plain file`, { hint: 'move away what lies there' });
}
