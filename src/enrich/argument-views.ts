// Arguments of images in the forms that events carry: all of them, or cut to 1 KiB for leaders and previous images. The
// table keeps one string an image; splitting it for each event of a busy shell would cost more than the rest, so the last
// few hundred are kept, bounded in characters too.

import type { Image } from './process-entry.ts';

/** Text of arguments beyond process and parent (invariants.md, Limits). */
export const CUT_CHARACTERS = 1024;
const VIEWS_MAX = 512;
const CHARACTERS_MAX = 1024 * 1024;

export interface ArgumentView {
  readonly args: readonly string[];
  /** args joined by one blank. */
  readonly commandLine: string;
  /** As much of args as fits into 1 KiB. */
  readonly cutArgs: readonly string[];
  readonly wasCut: boolean;
}

export class ArgumentViews {
  readonly #views = new Map<Image, { text: string; view: ArgumentView }>();
  #characters = 0;

  of(image: Image): ArgumentView {
    const held = this.#views.get(image);
    if (held !== undefined && held.text === image.argText) return held.view;
    const view = viewOf(image.args());
    if (held !== undefined || this.#views.size >= VIEWS_MAX || this.#characters > CHARACTERS_MAX) this.#clear();
    this.#views.set(image, { text: image.argText, view });
    this.#characters += image.argText.length;
    return view;
  }

  /** What is in use comes back at once; cheaper than to keep an order of use. */
  #clear(): void {
    this.#views.clear();
    this.#characters = 0;
  }
}

function viewOf(args: readonly string[]): ArgumentView {
  const cutArgs = cut(args);
  return { args, commandLine: args.join(' '), cutArgs, wasCut: cutArgs !== args };
}

/** in: arguments; out: the same array, or as many characters of them as the limit allows, blanks between them included. */
export function cut(args: readonly string[]): readonly string[] {
  let room = CUT_CHARACTERS;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg.length > room) return [...args.slice(0, i), ...(room > 0 ? [whole(arg.slice(0, room))] : [])];
    room -= arg.length + 1;
  }
  return args;
}

/** Not half of a surrogate pair at the end: it would read as a raw byte. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}
