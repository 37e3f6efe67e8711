// The file `fork` in the shipper's directory: a hub has said that it knows another record under a seq of this journal (a clone, a
// restored snapshot). Written by ship, which may not touch the journal; read by the agent, which begins a new journal id
// when it is the id in use. One JSON object. Either side may find it half written, of a stranger, or not at all.

import { closeSync, constants, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';

export interface Fork {
  /** 32 hexadecimal digits: the journal that was refused. */
  journalId: string;
  /** Its first seq that was. */
  seq: number;
}

const FILE = 'fork';
const MOST_BYTES = 256;

/** Throws the file system's errors. A marker that says the same is left as it is. */
export function writeForkMarker(directory: string, fork: Fork): void {
  const text = `${JSON.stringify({ journal_id: fork.journalId, seq: fork.seq })}\n`;
  const path = `${directory}/${FILE}`;
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {
    // Absent.
  }
  writeFileSync(`${path}.new`, text, { mode: 0o640, flush: true });
  renameSync(`${path}.new`, path);
}

/** out: undefined when there is none, or nothing that we wrote. Never throws. */
export function readForkMarker(directory: string): Fork | undefined {
  try {
    const { journal_id, seq } = JSON.parse(readSome(`${directory}/${FILE}`)) as { journal_id?: unknown; seq?: unknown };
    if (typeof journal_id !== 'string' || !/^[0-9a-f]{32}$/.test(journal_id)) return undefined;
    return Number.isSafeInteger(seq) && (seq as number) > 0 ? { journalId: journal_id, seq: seq as number } : undefined;
  } catch {
    return undefined;
  }
}

function readSome(path: string): string {
  // A FIFO would wait for ever.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(MOST_BYTES);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}
