// Which of the files that a command is given are recordings. Called by replay and query, which take documents too.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { MAGIC } from '../record/recording.ts';
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
