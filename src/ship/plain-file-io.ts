// Small files of which it is not known who put them there: keys, dead letters, status.json. In: a path, how much it may hold; out:
// its bytes. Never waits (opening a FIFO would, for ever) and never reads without end (/dev/zero would).

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;

/** Throws the system's errors, and Error for what is no plain file or larger than `most` bytes: texts that follow a name. */
export function readPlainFile(path: string, most: number): Buffer {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new Error('is no plain file');
    if (found.size > most) throw new Error(`has more than ${most} bytes`);
    const bytes = Buffer.alloc(found.size);
    let size = 0;
    for (let more = -1; more !== 0 && size < bytes.length; size += more) {
      more = readSync(fd, bytes, size, bytes.length - size, null);
    }
    return bytes.subarray(0, size);
  } finally {
    closeSync(fd);
  }
}
