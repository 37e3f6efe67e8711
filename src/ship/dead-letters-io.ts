// Dead letters: what an endpoint will never take, kept until somebody decides. One JSON file each, <ship>/dead/OUTPUT/SEQ-ID.json, durable
// before the lane goes on; not a segment of the journal, for each is looked at, sent again and removed by itself. Sent again: the
// file is moved to <ship>/resend/OUTPUT, where the lane finds it, and is removed once the endpoint has it. Bounded: when there is
// no room for more the lane holds, nothing is dropped. Called by the lane and by `forebear ship dead`, maybe as root.

import {
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';
import { type DeadLetter, decodeLetter, encodeLetter, parcelOf } from './dead-letter.ts';
import type { DeadLetters } from './lane.ts';
import type { Parcel } from './output.ts';
import { readPlainFile } from './plain-file-io.ts';
import type { Item } from './source.ts';

const NAME = /^\d{16}-[A-Za-z0-9_-]{1,128}\.json$/;
const MOST_FILES = 10_000;
/** A document of the largest payload, and that payload in base64. */
const MOST_BYTES = 64 * 2 ** 20;

type Folder = 'dead' | 'resend';
type OnFault = (reason: string, isNew: boolean) => void;

export class DeadLetterBox implements DeadLetters {
  readonly #directory: string;
  readonly #output: string;
  readonly #nowMs: () => number;
  readonly #onFault: OnFault;
  /** How many there were when the folder was as it is. */
  #counted = { stamp: '', count: 0 };
  /** Names of which a fault was told. */
  readonly #told = new Set<string>();
  /** Of those that were sent again with success, and could not be removed: never sent once more. */
  readonly #sent = new Set<string>();

  /**
   * in: the shipper's directory, the output's name; what is told of letters that cannot be sent again, isNew: for the first
   * time of this one (each is tried every few seconds). */
  constructor(directory: string, output: string, nowMs = Date.now, onFault: OnFault = () => {}) {
    this.#directory = directory;
    this.#output = output;
    this.#nowMs = nowMs;
    this.#onFault = onFault;
  }

  /** Throws FB_SHIP_DEAD when it cannot be kept. */
  async put(parcel: Parcel, reason: string): Promise<void> {
    const folder = this.#folder('dead');
    try {
      await mkdir(folder, { recursive: true, mode: 0o750 });
      // Made by whoever has to remove files from it.
      await mkdir(this.#folder('resend'), { recursive: true, mode: 0o750 });
      const name = nameOf(parcel);
      const isNew = !isThere(join(folder, name));
      const count = this.count();
      if (isNew && count >= MOST_FILES)
        throw new Error(`there are ${MOST_FILES} already: look at them, then remove or resend them`);
      await writeDurably(folder, name, encodeLetter(parcel, { reason, output: this.#output, nowMs: this.#nowMs() }));
      this.#counted = { stamp: stampOf(folder), count: isNew ? count + 1 : count };
    } catch (cause) {
      throw new ForebearError('FB_SHIP_DEAD', `cannot keep a dead letter in ${folder}: ${plainReason(cause)}`, {
        cause,
      });
    }
  }

  /** How many there are; looks again only when the folder has changed. */
  count(): number {
    const folder = this.#folder('dead');
    const stamp = stampOf(folder);
    if (stamp !== this.#counted.stamp) this.#counted = { stamp, count: namesIn(folder).length };
    return this.#counted.count;
  }

  /** Names of the files, in order of seq. */
  names(where: Folder = 'dead'): string[] {
    return namesIn(this.#folder(where));
  }

  /** Throws FB_SHIP_DEAD for a file that is none of ours. */
  read(name: string, where: Folder = 'dead'): DeadLetter {
    const path = join(this.#folder(where), name);
    try {
      return decodeLetter(readPlainFile(path, MOST_BYTES).toString('utf8'));
    } catch (cause) {
      throw new ForebearError('FB_SHIP_DEAD', `cannot read the dead letter ${path}: ${plainReason(cause)}`, { cause });
    }
  }

  /** Asks the lane to try it once more. Throws FB_SHIP_DEAD. */
  resend(name: string): void {
    const folder = this.#folder('resend');
    this.#change(name, () => {
      makeAsOwner(folder, this.#directory);
      renameSync(join(this.#folder('dead'), name), join(folder, name));
      syncFolder(folder);
    });
  }

  /** Throws FB_SHIP_DEAD. */
  remove(name: string, where: Folder = 'dead'): void {
    this.#change(name, () => {
      unlink(join(this.#folder(where), name));
      syncFolder(this.#folder(where));
    });
  }

  #change(name: string, change: () => void): void {
    try {
      change();
    } catch (cause) {
      throw new ForebearError('FB_SHIP_DEAD', `cannot move or remove ${name}: ${plainReason(cause)}`, { cause });
    }
  }

  /**
   * What is to be sent again, read one by one. asked: names of those on their way, which are passed over; grows and shrinks with
   * what is yielded and settled. Never throws: the alerts behind must not wait for it. What cannot be read goes back to the
   * dead letters, where it is shown as such.
   */
  *resends(asked: Set<string>): Generator<Item> {
    for (const name of this.#attempt('', () => this.names('resend')) ?? []) {
      if (asked.has(name)) continue;
      if (this.#sent.has(name)) {
        this.#attempt(name, () => this.#removeSent(name));
        continue;
      }
      const parcel = this.#attempt(name, () => parcelOf(this.read(name, 'resend')));
      if (parcel === undefined) {
        this.#attempt(name, () => renameSync(join(this.#folder('resend'), name), join(this.#folder('dead'), name)));
        continue;
      }
      asked.add(name);
      const settled = async () => {
        this.#sent.add(name);
        asked.delete(name);
        this.#attempt(name, () => this.#removeSent(name));
      };
      yield { parcel, settled };
    }
  }

  #removeSent(name: string): void {
    this.remove(name, 'resend');
    this.#sent.delete(name);
    this.#told.delete(name);
  }

  #attempt<T>(name: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#onFault(plainReason(error), !this.#told.has(name));
      this.#told.add(name);
      return undefined;
    }
  }

  #folder(where: Folder): string {
    return join(this.#directory, where, this.#output);
  }
}

/** Outputs with a folder of dead letters, configured or not. */
export function outputsWithLetters(directory: string): string[] {
  const names = filesIn(join(directory, 'dead')).filter((name) => /^[a-z0-9][a-z0-9_-]*$/.test(name));
  return names.filter((name) => namesIn(join(directory, 'dead', name)).length > 0).sort();
}

function namesIn(folder: string): string[] {
  return filesIn(folder)
    .filter((name) => NAME.test(name))
    .sort();
}

/** Throws FB_SHIP_DEAD. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ENOENT') return [];
    throw new ForebearError('FB_SHIP_DEAD', `cannot read ${folder}: ${plainReason(cause)}`, { cause });
  }
}

/** The id is in the name: two documents of one record (an alert and its late amend) do not meet. */
function nameOf({ seq, id }: Parcel): string {
  return `${String(seq).padStart(16, '0')}-${id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 128)}.json`;
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Changes when a file comes or goes. */
function stampOf(folder: string): string {
  const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? '' : `${found.ino}/${found.mtimeNs}`;
}

/** Off the event loop: of a batch that is refused each document is synced twice, and other lanes go on meanwhile. */
async function writeDurably(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  try {
    const file = await open(`${path}.new`, 'w', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  } catch (error) {
    // A full disk shall not fill with their names.
    await rm(`${path}.new`, { force: true }).catch(() => {});
    throw error;
  }
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Where root makes the folder, it shall be the shipper's all the same: it has to remove what it has sent. */
function makeAsOwner(folder: string, owned: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o750 });
  if (made === undefined || process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(owned);
  for (let at = folder; at.length >= made.length; at = join(at, '..')) chownSync(at, uid, gid);
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
