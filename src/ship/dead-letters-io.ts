// Dead letters: what an endpoint will never take, kept until somebody decides. One JSON file each, <ship>/dead/OUTPUT/SEQ-ID.json, durable
// before the lane goes on; not a segment of the journal, for each is looked at, sent again and removed by itself. Sent again: the
// file is moved to <ship>/resend/OUTPUT, where the lane finds it, and is removed once the endpoint has it. Bounded: when there is
// no room for more the lane holds, nothing is dropped. Called by the lane and by `forebear ship dead`.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';
import type { RecordKindName } from '../journal/journal.ts';
import type { DeadLetters } from './lane.ts';
import type { Parcel } from './output.ts';
import type { Item } from './source.ts';

/** As the file has it. */
export interface DeadLetter {
  schema: 1;
  output: string;
  seq: number;
  journal_id: string;
  host_id: string;
  kind: RecordKindName;
  rank: number;
  wall_ms: number;
  /** Of the document at the endpoint. */
  id: string;
  rejected_ms: number;
  reason: string;
  /** JSON text. */
  document: string;
  /** Base64. */
  payload: string;
}

const NAME = /^\d{16}-[A-Za-z0-9_-]{1,128}\.json$/;
const MOST_FILES = 10_000;

export class DeadLetterBox implements DeadLetters {
  readonly #directory: string;
  readonly #output: string;
  readonly #nowMs: () => number;

  /** in: the shipper's directory, the output's name. */
  constructor(directory: string, output: string, nowMs: () => number = Date.now) {
    this.#directory = directory;
    this.#output = output;
    this.#nowMs = nowMs;
  }

  /** Throws FB_SHIP_DEAD when it cannot be kept. */
  async put(parcel: Parcel, reason: string): Promise<void> {
    const folder = this.#folder('dead');
    try {
      mkdirSync(folder, { recursive: true, mode: 0o750 });
      if (namesIn(folder).length >= MOST_FILES)
        throw new Error(`there are ${MOST_FILES} already: look at them, then remove or resend them`);
      writeDurably(folder, nameOf(parcel), JSON.stringify(letterOf(parcel, reason, this.#output, this.#nowMs())));
    } catch (cause) {
      throw new ForebearError('FB_SHIP_DEAD', `cannot keep a dead letter in ${folder}: ${plainReason(cause)}`, {
        cause,
      });
    }
  }

  /** Names of the files, in order of seq. */
  names(where: 'dead' | 'resend' = 'dead'): string[] {
    return namesIn(this.#folder(where));
  }

  /** Throws FB_SHIP_DEAD for a file that is none of ours. */
  read(name: string, where: 'dead' | 'resend' = 'dead'): DeadLetter {
    const path = join(this.#folder(where), name);
    try {
      return checked(JSON.parse(readFileSync(path, 'utf8')));
    } catch (cause) {
      throw new ForebearError('FB_SHIP_DEAD', `cannot read the dead letter ${path}: ${plainReason(cause)}`, { cause });
    }
  }

  /** Asks the lane to try it once more. */
  resend(name: string): void {
    const folder = this.#folder('resend');
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    renameSync(join(this.#folder('dead'), name), join(folder, name));
    syncFolder(folder);
  }

  remove(name: string, where: 'dead' | 'resend' = 'dead'): void {
    rmSync(join(this.#folder(where), name), { force: true });
    syncFolder(this.#folder(where));
  }

  /** What is to be sent again; a file that cannot be read goes back to the dead letters, where it is shown as such. */
  resends(): Item[] {
    return this.names('resend').flatMap((name) => {
      try {
        return [{ parcel: parcelOf(this.read(name, 'resend')), settled: async () => this.remove(name, 'resend') }];
      } catch {
        mkdirSync(this.#folder('dead'), { recursive: true, mode: 0o750 });
        renameSync(join(this.#folder('resend'), name), join(this.#folder('dead'), name));
        return [];
      }
    });
  }

  #folder(where: 'dead' | 'resend'): string {
    return join(this.#directory, where, this.#output);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => NAME.test(name))
      .sort();
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/** The id is in the name: two documents of one record (an alert and its late amend) do not meet. */
function nameOf({ seq, id }: Parcel): string {
  return `${String(seq).padStart(16, '0')}-${id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 128)}.json`;
}

function letterOf(parcel: Parcel, reason: string, output: string, nowMs: number): DeadLetter {
  return {
    ...{
      schema: 1,
      output,
      seq: parcel.seq,
      journal_id: parcel.journalId,
      host_id: parcel.hostId ?? '',
      kind: parcel.kind,
    },
    ...{ rank: parcel.rank, wall_ms: parcel.wallMs, id: parcel.id, rejected_ms: nowMs, reason },
    document: Buffer.from(parcel.document).toString('utf8'),
    payload: Buffer.from(parcel.payload).toString('base64'),
  };
}

function parcelOf(letter: DeadLetter): Parcel {
  return {
    ...{ seq: letter.seq, journalId: letter.journal_id, hostId: letter.host_id, kind: letter.kind, rank: letter.rank },
    ...{ wallMs: letter.wall_ms, id: letter.id },
    document: Buffer.from(letter.document, 'utf8'),
    payload: Buffer.from(letter.payload, 'base64'),
  };
}

function checked(value: unknown): DeadLetter {
  const letter = value as DeadLetter | null;
  if (letter?.schema !== 1) throw new Error('it is not of this version');
  const texts = [letter.id, letter.document, letter.payload, letter.journal_id, letter.kind, letter.reason];
  if (texts.some((text) => typeof text !== 'string') || !Number.isSafeInteger(letter.seq))
    throw new Error('it is damaged');
  return letter;
}

function writeDurably(folder: string, name: string, text: string): void {
  const path = join(folder, name);
  const fd = openSync(`${path}.new`, 'w', 0o640);
  try {
    const bytes = Buffer.from(text, 'utf8');
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncFolder(folder);
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
