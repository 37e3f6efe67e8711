// journal.json: which journal this is, and on which host it was begun. A new id is made when the host's identity changes
// (a clone must not be taken for its original) and when the file is lost; seqs go on either way, so an id never sees one
// seq twice. Read and written by the writer while it holds the lock. One JSON object; its last member is the crc32 of all
// text before it, so that a flipped bit is taken for a lost file, not for a newer version.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { unlessUnreadable } from './bad-blocks.ts';
import { refuseNewer } from './block.ts';
import type { Fork } from './fork-marker-io.ts';
import { type JournalIo, readUpTo, replaceFile } from './journal-io.ts';

export const META_FILE = 'journal.json';

export interface Meta {
  schema: number;
  journal_id: string;
  /** SHA-256 of what the caller calls the host's identity; machine ids do not stand here themselves. */
  host_identity: string;
  /** Ids that a hub refused from a seq on (fork-marker-io.ts), oldest first: this one goes on where they were. */
  forked?: readonly { journal_id: string; seq: number }[];
}

/** Of the forks that are remembered. */
const MOST_FORKS = 16;

/**
 * The journal id to write under. in: identity of the host (machine-id and product uuid, as one text; undefined: whoever's it is), maker of a new id,
 * what a hub refused: when that is the id in use, a new one begins.
 * out: the meta, and whether it is new and has to be saved before the first record.
 * Throws FB_JOURNAL_VERSION when the file is from a newer version.
 */
export async function chooseMeta(
  io: JournalIo,
  directory: string,
  hostIdentity: string | undefined,
  newId: () => string,
  fork?: Fork | undefined,
): Promise<{ meta: Meta; isNew: boolean }> {
  const host_identity = createHash('sha256')
    .update(hostIdentity ?? '')
    .digest('hex');
  const known = await readMeta(io, directory);
  const isForked = known !== undefined && known.journal_id === fork?.journalId;
  const isOurs = known !== undefined && (hostIdentity === undefined || known.host_identity === host_identity);
  if (isOurs && !isForked) return { meta: known, isNew: false };
  const before = known?.forked ?? [];
  const forked = isForked ? [...before, { journal_id: known.journal_id, seq: fork!.seq }].slice(-MOST_FORKS) : before;
  const meta = { schema: 1, journal_id: newId(), host_identity, ...(forked.length > 0 && { forked }) };
  return { meta, isNew: true };
}

/** Where a forked journal goes on, for the sender; undefined: it was not forked, as far as the agent knows. */
export function successorIn(
  meta: Meta | undefined,
  journalId: string,
): { journalId: string; fromSeq: number } | undefined {
  const fork = meta?.forked?.find(({ journal_id }) => journal_id === journalId);
  return fork && { journalId: meta!.journal_id, fromSeq: fork.seq };
}

export function saveMeta(io: JournalIo, directory: string, meta: Meta): Promise<void> {
  const open = JSON.stringify(meta).slice(0, -1);
  return replaceFile(io, directory, META_FILE, Buffer.from(`${open},"crc":${crc32(open)}}\n`));
}

/** out: undefined when absent or not what we wrote. */
export async function readMeta(io: JournalIo, directory: string): Promise<Meta | undefined> {
  const bytes = await unlessUnreadable(() => readUpTo(io, `${directory}/${META_FILE}`, 0, 4096));
  if (bytes === undefined) return undefined;
  const text = bytes.toString('utf8');
  const [, open, crc] = /^(.*),"crc":(\d{1,10})\}\n$/.exec(text) ?? [];
  if (open === undefined || crc32(open) !== Number(crc)) return undefined;
  const meta = parseObject(`${open}}`);
  if (typeof meta.schema === 'number') refuseNewer(meta.schema, META_FILE);
  if (typeof meta.journal_id !== 'string' || !/^[0-9a-f]{32}$/.test(meta.journal_id)) return undefined;
  if (meta.forked !== undefined && !Array.isArray(meta.forked)) return undefined;
  return typeof meta.host_identity === 'string' ? (meta as Meta) : undefined;
}

function parseObject(text: string): Partial<Meta> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
