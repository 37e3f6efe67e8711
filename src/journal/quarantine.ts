// Keeps a copy of what is damaged, for whoever investigates: quarantine/SEGMENT-OFFSET-LENGTH.bin. Best effort: a copy that
// cannot be made is counted, and the journal opens all the same. Bounded in files: damage must not fill the disk.

import type { Counters } from '../stats.ts';
import type { JournalDamage } from './journal.ts';
import { type JournalIo, readUpTo, replaceFile } from './journal-io.ts';

const MAX_FILES = 256;
/** Beside the segments. */
export const QUARANTINE = 'quarantine';

export class Quarantine {
  readonly #io: JournalIo;
  readonly #directory: string;
  readonly #counters: Counters;

  constructor(io: JournalIo, directory: string, counters: Counters) {
    this.#io = io;
    this.#directory = directory;
    this.#counters = counters;
  }

  /** Copies the bytes of each region once; regions without bytes have nothing to keep. */
  async keep(damage: readonly JournalDamage[]): Promise<void> {
    for (const region of damage) {
      if (region.bytes > 0) await this.#attempt(() => this.#copy(region));
    }
  }

  /** Moves a segment whose header is lost out of the way. */
  async move(name: string): Promise<void> {
    await this.#attempt(async () => {
      await this.#io.mkdir(`${this.#directory}/${QUARANTINE}`);
      await this.#io.rename(`${this.#directory}/${name}`, `${this.#directory}/${QUARANTINE}/${name}`);
    });
  }

  async #copy({ segment, offset, bytes }: JournalDamage): Promise<void> {
    const folder = `${this.#directory}/${QUARANTINE}`;
    await this.#io.mkdir(folder);
    const kept = await this.#io.readdir(folder);
    const name = `${segment}-${offset}-${bytes}.bin`;
    if (kept.includes(name)) return;
    if (kept.length >= MAX_FILES) throw new Error('quarantine is full');
    const copy = await readUpTo(this.#io, `${this.#directory}/${segment}`, offset, bytes);
    if (copy !== undefined) await replaceFile(this.#io, folder, name, copy);
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.#counters.add('journal_damages_quarantined_total');
    } catch {
      this.#counters.add('journal_quarantines_failed_total');
    }
  }
}
