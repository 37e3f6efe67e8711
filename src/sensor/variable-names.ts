// Which variables of an environment may leave decode. In: names, of which one may be a pattern: `*` for any text, `?` for one
// character, and a `~` in front where the case of letters does not count (`LD_*`, `~http_proxy`). Out: what decode-fields.ts asks.
// Names come from the configuration and from rules (detect/environment-names.ts).

import { encodeText } from '../text.ts';

export interface WantedNames {
  /** NAME= of those that are no patterns. */
  readonly exact: readonly Buffer[];
  /** Asked of names in Latin-1. */
  readonly patterns: readonly RegExp[];
}

/** in: names; one that no variable can have is left out. */
export function wantedNames(names: ReadonlySet<string>): WantedNames {
  const possible = [...names].filter((name) => /^~?[^=\0]+$/.test(name));
  const isPattern = (name: string) => /[*?]|^~/.test(name);
  return {
    exact: possible.filter((name) => !isPattern(name)).map((name) => Buffer.from(encodeText(`${name}=`))),
    patterns: possible.filter(isPattern).map(patternOf),
  };
}

/** Names are short and stars few: at most 128 characters of a name are looked at (decode-fields.ts). */
function patternOf(name: string): RegExp {
  const insensitive = name.startsWith('~');
  const text = insensitive ? name.slice(1) : name;
  const source = text.replace(/\*+|\?|[^A-Za-z0-9_]/g, (part) => {
    if (part === '?') return '.';
    return part.startsWith('*') ? '.*' : `\\${part}`;
  });
  return new RegExp(`^${source}$`, insensitive ? 'is' : 's');
}
