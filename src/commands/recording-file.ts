// Which of the files that a command is given are recordings, and the pace at which they are read. Called by what takes documents too.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { MAGIC } from '../record/recording.ts';
import type { Io } from './command.ts';
import { STDIN } from './ndjson.ts';

/** Of a pipe nothing may be taken only to look: it brings documents. */
export function isRecording(file: string): boolean {
  if (file === STDIN || !statSync(file).isFile()) return false;
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(MAGIC.length);
    readSync(fd, head, 0, head.length, 0);
    return head.equals(MAGIC);
  } finally {
    closeSync(fd);
  }
}

/** Between two pieces of a recording: the event loop has its turn, and the reader of stdout takes what was printed. */
export async function turnOf(io: Io): Promise<void> {
  await setImmediate();
  await io.drained?.();
}
