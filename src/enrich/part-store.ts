// The shared parts of the process table, images and contexts, counted by their users: accounted once, released with the
// last one, their paths interned. Called by process-table.ts alone.

import { Interner } from './interner.ts';
import { baseName, type Context, Image } from './process-entry.ts';

export class PartStore {
  readonly #strings = new Interner();
  #bytes = 0;

  /** Of all parts in use and their strings. */
  get bytes(): number {
    return this.#bytes + this.#strings.bytes;
  }

  retain(part: Image | Context): void {
    if (part.users++ > 0) return;
    if (part instanceof Image) {
      part.executable = this.#strings.retain(part.executable);
      // A slice of the shared copy, not of one of its own.
      if (part.executable !== undefined) part.name = baseName(part.executable);
      part.cwd = this.#strings.retain(part.cwd);
      part.file = this.#strings.retain(part.file);
    } else {
      part.cgroup = this.#strings.retain(part.cgroup);
    }
    this.#bytes += part.bytes();
  }

  release(part: Image | Context): void {
    if (--part.users > 0) return;
    if (part instanceof Image) {
      this.#strings.release(part.executable);
      this.#strings.release(part.cwd);
      this.#strings.release(part.file);
    } else {
      this.#strings.release(part.cgroup);
    }
    this.#bytes -= part.bytes();
  }

  /** Changes an image in use; its executable stays what it is. */
  change(image: Image, fill: (image: Image) => void): void {
    this.#bytes -= image.bytes();
    this.#strings.release(image.cwd);
    fill(image);
    image.cwd = this.#strings.retain(image.cwd);
    this.#bytes += image.bytes();
  }
}
