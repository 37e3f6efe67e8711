// How far each configured output has got, for retention: read from the shipper's directory, which the agent does not write. An
// output that has never run pins everything, one that is gone from the configuration nothing, and one that has made no progress
// for its max_hold nothing either. A cursor of another journal counts as none. Called by agent.ts and, every few seconds, by run.ts.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { CommonSettings } from '../config/outputs.ts';
import { readCursor } from '../journal/cursor.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { readMeta } from '../journal/meta.ts';

export interface OutputCursorsOptions {
  /** The shipper's. */
  shipDirectory: string;
  journalDirectory: string;
  outputs: readonly Pick<CommonSettings, 'name' | 'max_hold'>[];
  nowMs: () => number;
}

export class OutputCursors {
  readonly #options: OutputCursorsOptions;
  #outputs: OutputCursorsOptions['outputs'];
  #seqs: readonly number[];

  constructor(options: OutputCursorsOptions) {
    this.#options = options;
    this.#outputs = options.outputs;
    this.#seqs = options.outputs.map(() => 0);
  }

  /** The configuration has these now. Until they were looked at, all is pinned. */
  follow(outputs: OutputCursorsOptions['outputs']): void {
    this.#outputs = outputs;
    this.#seqs = outputs.map(() => 0);
  }

  /** Everything up to there has been delivered, per output that pins something. */
  get seqs(): readonly number[] {
    return this.#seqs;
  }

  /** Never rejects: a cursor that cannot be read pins everything. */
  async refresh(): Promise<void> {
    const { journalDirectory } = this.#options;
    const outputs = this.#outputs;
    if (outputs.length === 0) return;
    const meta = await readMeta(nodeJournalIo, journalDirectory).catch(() => undefined);
    const found = await Promise.all(outputs.map((output) => this.#seqOf(output, meta?.journal_id)));
    if (outputs === this.#outputs) this.#seqs = found.filter((seq) => seq !== undefined);
  }

  /** undefined: it pins nothing. */
  async #seqOf({ name, max_hold }: OutputCursorsOptions['outputs'][number], journalId: string | undefined) {
    const path = join(this.#options.shipDirectory, 'cursors', name);
    try {
      if (max_hold > 0 && this.#options.nowMs() - statSync(path).mtimeMs > max_hold) return undefined;
      const position = await readCursor(nodeJournalIo, path);
      return position !== undefined && position.journalId === journalId ? position.seq : 0;
    } catch {
      return 0;
    }
  }
}
