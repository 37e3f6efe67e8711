// Which variables of an environment may leave decode. In: names, of which one may be a pattern: `*` for any text, `?` for one
// character, and a `~` in front where the case of letters does not count (`LD_*`, `~http_proxy`). Out: what decode-fields.ts asks.
// Names come from the configuration and from rules (detect/environment-names.ts).

import { encodeText } from '../text.ts';

export interface WantedNames {
  /** NAME= of those that are no patterns. */
  readonly exact: readonly Buffer[];
  /** Asked of names in Latin-1. */
  readonly patterns: readonly ((name: string) => boolean)[];
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

function patternOf(name: string): (variable: string) => boolean {
  if (!name.startsWith('~')) return (variable) => fits(name, variable);
  const folded = name.slice(1).toLowerCase();
  return (variable) => fits(folded, variable.toLowerCase());
}

/** At most as many steps as the two lengths multiplied, whatever a process calls its variables. */
function fits(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let taken = 0;
  for (let i = 0; i < name.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      taken = i;
    } else if (pattern[at] === '?' || pattern[at] === name[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
