// Alerts into a file of NDJSON, for other shippers: each document one line, appended and on the disk (fdatasync) before it is
// delivered. Made from an [outputs.NAME] of type "file". The file is begun anew at max_bytes (file-rotation-io.ts); after a
// crash its end is mended, and what it has already is not written again (file-tail.ts). It is ours alone: what others append
// behind our back survives, but in a failed write may be cut off with ours.

import type { OutputOf } from '../../config/outputs.ts';
import { plainReason } from '../../errors.ts';
import { type Answer, type Output, type Parcel, type Verdict, whole } from '../output.ts';
import { oneLine } from './bulk-reason.ts';
import { identityAt, type OpenFile, openPlain, rotate } from './file-rotation-io.ts';
import { KnownLines, mendOf } from './file-tail.ts';

const NEWLINE = Buffer.from('\n');
/** Of the file's end that is read at open, in batches: a cursor is never further behind. */
const TAIL_BATCHES = 4;
/** These pass by themselves; all others (full, read-only, forbidden, broken) are for an operator. */
const TRANSIENT = new Set(['EINTR', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

type Settings = Pick<OutputOf<'file'>, 'path' | 'max_bytes' | 'keep' | 'batch_bytes'>;

export function fileOutput(settings: Settings, openFile: typeof openPlain = openPlain): Output {
  return new FileOutput(settings, openFile);
}

class FileOutput implements Output {
  readonly type = 'file';
  readonly #settings: Settings;
  readonly #openFile: typeof openPlain;
  #file: OpenFile | undefined;
  /** What earlier lives wrote; undefined once a batch came of which they wrote nothing. */
  #known: KnownLines | undefined;
  #opened = false;
  /** Where a write failed: what is behind may not be on the disk, whatever a read shows. */
  #doubtful: { identity: string; size: number } | undefined;

  constructor(settings: Settings, openFile: typeof openPlain) {
    this.#settings = settings;
    this.#openFile = openFile;
  }

  async send(batch: readonly Parcel[]): Promise<Answer> {
    const verdicts = new Map<Parcel, Verdict>();
    try {
      await this.#ready();
      const wanted = batch.filter((parcel) => {
        const known = this.#knownVerdict(parcel);
        if (known !== undefined) verdicts.set(parcel, known);
        return known === undefined;
      });
      if (verdicts.size === 0) this.#known = undefined;
      await this.#append(wanted, (written) => {
        for (const parcel of written) verdicts.set(parcel, { is: 'delivered' });
      });
      return answer(batch, verdicts, { is: 'retry', reason: '' });
    } catch (error) {
      await this.#fail();
      const code = String((error as { code?: unknown }).code);
      return answer(batch, verdicts, { is: TRANSIENT.has(code) ? 'retry' : 'hold', reason: this.#reason(error) });
    }
  }

  /** undefined for a parcel that is to be written. */
  #knownVerdict(parcel: Parcel): Verdict | undefined {
    if (parcel.document.includes(0x0a)) return { is: 'rejected', reason: 'the document has more than one line' };
    const found = this.#known?.find(parcel);
    if (found === undefined) return undefined;
    // The very document has what was folded into it: nothing of that need follow.
    const isComplete = found === 'document' && parcel.folded !== undefined;
    return isComplete ? { is: 'delivered' } : { is: 'delivered', duplicate: true };
  }

  /** The file that has the name now: somebody may have moved it away. */
  async #ready(): Promise<OpenFile> {
    const { path } = this.#settings;
    if (this.#file !== undefined && this.#file.identity === (await identityAt(path))) return this.#file;
    await this.#release();
    const file = await this.#openFile(path);
    this.#file = file;
    await this.#undo(file);
    await this.#mend(file);
    return file;
  }

  /** Takes back what a failed write left. */
  async #undo(file: OpenFile): Promise<void> {
    const doubtful = this.#doubtful;
    if (doubtful?.identity === file.identity && file.size > doubtful.size) {
      await file.handle.truncate(doubtful.size);
      file.size = doubtful.size;
    }
    this.#doubtful = undefined;
  }

  /** Makes the end a whole line, the first time also durable: what is found there will be taken for delivered. */
  async #mend(file: OpenFile): Promise<void> {
    const tail = await this.#tailOf(file);
    const mend = mendOf(tail.bytes, tail.isAll);
    if (mend === undefined) throw new Error('the file has no lines of ours');
    if (mend.is === 'newline') file.size += await writeAll(file, [NEWLINE]);
    if (mend.is === 'cut') {
      file.size -= mend.bytes;
      await file.handle.truncate(file.size);
    }
    await file.handle.datasync();
    if (this.#opened) return;
    this.#known = await this.#knownLines(file);
    this.#opened = true;
  }

  async #knownLines(file: OpenFile): Promise<KnownLines> {
    const known = new KnownLines();
    const tail = await this.#tailOf(file);
    known.add(tail.bytes, tail.isAll);
    const former = `${this.#settings.path}.1`;
    if (!tail.isAll || (await identityAt(former)) === undefined) return known;
    const before = await openPlain(former);
    try {
      const { bytes, isAll } = await this.#tailOf(before);
      known.add(bytes, isAll);
    } finally {
      await before.handle.close();
    }
    return known;
  }

  async #tailOf({ handle, size }: OpenFile): Promise<{ bytes: Buffer; isAll: boolean }> {
    const wanted = Math.min(size, TAIL_BATCHES * this.#settings.batch_bytes);
    const bytes = Buffer.alloc(wanted);
    let read = 0;
    while (read < wanted) {
      const { bytesRead } = await handle.read(bytes, read, wanted - read, size - wanted + read);
      if (bytesRead === 0) throw new Error('the file became shorter while it was read');
      read += bytesRead;
    }
    return { bytes, isAll: wanted === size };
  }

  /** Lines in order, each file filled to max_bytes; a line that is longer than that has a file of its own. */
  async #append(parcels: readonly Parcel[], onWritten: (written: readonly Parcel[]) => void): Promise<void> {
    let next = 0;
    while (next < parcels.length) {
      const file = await this.#ready();
      const part = parcels.slice(next, next + this.#fitting(file.size, parcels, next));
      if (part.length === 0) await this.#rotate();
      else await this.#write(file, part);
      onWritten(part);
      next += part.length;
    }
  }

  #fitting(size: number, parcels: readonly Parcel[], from: number): number {
    let filled = size;
    let count = 0;
    for (const { document } of parcels.slice(from)) {
      filled += document.length + 1;
      if (filled > this.#settings.max_bytes) break;
      count++;
    }
    return count === 0 && size === 0 ? 1 : count;
  }

  async #write(file: OpenFile, parcels: readonly Parcel[]): Promise<void> {
    this.#doubtful = { identity: file.identity, size: file.size };
    const written = await writeAll(
      file,
      parcels.flatMap(({ document }) => [document, NEWLINE]),
    );
    await file.handle.datasync();
    file.size += written;
    this.#doubtful = undefined;
  }

  async #rotate(): Promise<void> {
    await this.#release();
    await rotate(this.#settings.path, this.#settings.keep);
  }

  /** Takes back at once what was written in part, so that nobody reads half a line; if that fails too, #undo tries again. */
  async #fail(): Promise<void> {
    const file = this.#file;
    if (file !== undefined && this.#doubtful?.identity === file.identity) {
      await file.handle.truncate(this.#doubtful.size).catch(() => {});
    }
    await this.#release();
  }

  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close().catch(() => {});
  }

  #reason(error: unknown): string {
    const reason = plainReason(error);
    return oneLine(reason.includes(this.#settings.path) ? reason : `${this.#settings.path}: ${reason}`);
  }

  async close(): Promise<void> {
    await this.#release();
  }
}

/** One verdict for each parcel; rest: of those that were not written. */
function answer(batch: readonly Parcel[], verdicts: ReadonlyMap<Parcel, Verdict>, rest: Verdict): Answer {
  if (verdicts.size === 0) return whole(rest);
  return { of: 'items', verdicts: batch.map((parcel) => verdicts.get(parcel) ?? rest) };
}

/** One write where the system takes all at once. out: bytes. */
async function writeAll({ handle }: OpenFile, parts: readonly Uint8Array[]): Promise<number> {
  const bytes = Buffer.concat(parts);
  let written = 0;
  while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten;
  return bytes.length;
}
