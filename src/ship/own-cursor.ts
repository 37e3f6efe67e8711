// The cursor of a running lane: its file is opened as the lane begins, and tried again when it begins again, so that one that
// cannot be read (a bad block, another version) stops this output alone. Made by lanes.ts.

import type { Cursor, CursorPosition } from '../journal/cursor.ts';
import type { LaneCursor } from './lane.ts';
import { openCursor } from './ship-files-io.ts';

export class OwnCursor implements LaneCursor {
  readonly #directory: string;
  readonly #output: string;
  #file: Cursor | undefined;

  /** in: the shipper's directory, the output's name. */
  constructor(directory: string, output: string) {
    this.#directory = directory;
    this.#output = output;
  }

  /** To be called before all else. Rejects with FB_JOURNAL_*; does nothing once it is open. */
  async open(): Promise<void> {
    this.#file ??= await openCursor(this.#directory, this.#output);
  }

  get position(): CursorPosition | undefined {
    return this.#file?.position;
  }

  async save(position: CursorPosition): Promise<void> {
    await this.#file!.save(position);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
