// Where in the text of a rule file a place of its query is, so that an error in a query names a line that an editor can
// go to. In: the file, the query as parsed, a place in it; out: the place in the file. Pure; called by compile-rule.ts.
// String forms: toml.io/en/v1.0.0#string.

export interface Place {
  /** 1-based, columns in UTF-16 units. */
  line: number;
  column: number;
}

const QUERY_KEY = /^[ \t]*query[ \t]*=[ \t]*('''|"""|'|")/gm;

/** out: undefined when the query does not stand in the text as the value of a key `query`. */
export function placeInFile(text: string, query: string, place: Place): Place | undefined {
  const lines = query.split('\n').slice(0, place.line - 1);
  const offset = lines.reduce((sum, line) => sum + line.length + 1, place.column - 1);
  for (const match of text.matchAll(QUERY_KEY)) {
    const quote = match[1]!;
    const start = match.index + match[0].length;
    const lineEnd = quote.length === 3 ? /^\r?\n/.exec(text.slice(start, start + 2)) : null;
    const at = find(text, start + (lineEnd?.[0].length ?? 0), query, offset, quote.startsWith('"'));
    if (at !== undefined) return placeOf(text, at);
  }
  return undefined;
}

/** Walks query and text side by side; out: the index in the text of query[offset], undefined when they differ. */
function find(text: string, from: number, query: string, offset: number, escapes: boolean): number | undefined {
  let at = from;
  let found: number | undefined;
  for (let i = 0; ; ) {
    const written = escapes ? escapeAt(text, at) : undefined;
    if (written?.units === 0) {
      at += written.length;
      continue;
    }
    if (found === undefined && i >= offset) found = at;
    if (i >= query.length) return found ?? at;
    if (written === undefined) {
      if (text[at] === '\r' && query[i] === '\n') at++;
      if (text[at] !== query[i]) return undefined;
    }
    at += written?.length ?? 1;
    i += written?.units ?? 1;
  }
}

/** An escape of a basic string: its length in the text and in the value; a line end that is escaped has no value. */
function escapeAt(text: string, at: number): { length: number; units: number } | undefined {
  if (text[at] !== '\\') return undefined;
  const folded = /^\\[ \t]*\r?\n\s*/.exec(text.slice(at));
  if (folded !== null) return { length: folded[0].length, units: 0 };
  const digits = text[at + 1] === 'u' ? 4 : text[at + 1] === 'U' ? 8 : 0;
  const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
  return { length: 2 + digits, units: code > 0xffff ? 2 : 1 };
}

function placeOf(text: string, at: number): Place {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
