// One copy of each text that many processes share (paths, cgroups), counted, so that its bytes are accounted once and
// released with its last user. Called by the process table.

/** Bytes of a V8 string: header and one byte a character, two where a character is beyond Latin-1. */
export function stringBytes(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is Latin-1, which V8 stores in one byte
  const wide = /[^\u0000-\u00ff]/.test(text);
  return 16 + (wide ? 2 * text.length : text.length);
}

const SLOT_BYTES = 64;

export class Interner {
  readonly #known = new Map<string, { text: string; users: number }>();
  bytes = 0;

  get size(): number {
    return this.#known.size;
  }

  /** The shared copy; each call needs one release. */
  retain(text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    const known = this.#known.get(text);
    if (known !== undefined) {
      known.users++;
      return known.text;
    }
    this.#known.set(text, { text, users: 1 });
    this.bytes += SLOT_BYTES + stringBytes(text);
    return text;
  }

  release(text: string | undefined): void {
    if (text === undefined) return;
    const known = this.#known.get(text);
    if (known === undefined) return;
    if (--known.users > 0) return;
    this.#known.delete(text);
    this.bytes -= SLOT_BYTES + stringBytes(text);
  }
}
