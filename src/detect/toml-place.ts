// Where in the text of a rule file something is, so that an error names a line that an editor can go to: a place in the query,
// or the key of a value. In: the text (TOML, or one line of JSON); out: the place in it. Pure; called by compile-rule.ts.
// String forms: toml.io/en/v1.0.0#string; those of JSON are those of TOML's basic strings.

export interface Place {
  /** 1-based, columns in UTF-16 units. */
  line: number;
  column: number;
}

const QUERY_KEY =
  /(?:^[ \t]*(?:"?rule"?[ \t]*\.[ \t]*)?"?query"?[ \t]*=|[{,]\s*(?:query\s*=|"query"\s*[:=]))[ \t]*('''|"""|'|")/gm;

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
  const folded = /^\\[ \t]*\r?\n\s*/.exec(text.slice(at, at + 4096));
  if (folded !== null) return { length: folded[0].length, units: 0 };
  const digits = text[at + 1] === 'u' ? 4 : text[at + 1] === 'U' ? 8 : 0;
  const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
  return { length: 2 + digits, units: code > 0xffff ? 2 : 1 };
}

/** Of a line so much is looked at for a table's name or a key. */
const LONGEST_HEAD = 512;
const HEADER = /^\s*(\[\[?)([^[\]]+)\]\]?\s*(?:#.*)?$/;
const KEY = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;
const LONG_STRING = /'''|"""/g;

/**
 * in: the text of a TOML file, the path of a value as messages have it (rule.threat[1].tactic.id); out: where its key, or the
 * nearest table above it, is written; undefined where none is.
 */
export function placeOfPath(text: string, path: string): Place | undefined {
  let best: { length: number; place: Place } | undefined;
  for (const { key, line, column } of keysOf(text)) {
    const fits = path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`);
    if (fits && (best === undefined || key.length > best.length))
      best = { length: key.length, place: { line, column } };
  }
  return best?.place;
}

/** Tables and keys in the order of the text, with the index of each element of an array of tables. */
function* keysOf(text: string): Generator<Place & { key: string }> {
  const counts = new Map<string, number>();
  let table = '';
  let open = '';
  for (const [index, line] of text.split('\n').entries()) {
    if (open === '') {
      const head = line.slice(0, LONGEST_HEAD);
      const header = HEADER.exec(head);
      const name = header?.[2] ?? KEY.exec(head)?.[1];
      if (header !== null) table = indexed(dotted(header[2]!), header[1] === '[[', counts);
      const key = header !== null ? table : [table, dotted(name ?? '')].filter((part) => part !== '').join('.');
      if (name !== undefined) yield { key, line: index + 1, column: line.search(/\S/) + 1 };
    }
    for (const [quote] of line.matchAll(LONG_STRING)) open = open === '' ? quote : open === quote ? '' : open;
  }
}

/** `"a" . b` -> a.b */
function dotted(name: string): string {
  return name
    .split('.')
    .map((part) => part.trim())
    .join('.')
    .replaceAll(/["']/g, '');
}

/** rule.threat -> rule.threat[2] where that is the table that stands last in the text. */
function indexed(name: string, isElement: boolean, counts: Map<string, number>): string {
  const parts = name.split('.');
  let path = '';
  for (const [i, part] of parts.entries()) {
    path = path === '' ? part : `${path}.${part}`;
    if (isElement && i === parts.length - 1) counts.set(path, (counts.get(path) ?? -1) + 1);
    const count = counts.get(path);
    if (count !== undefined) path = `${path}[${count}]`;
  }
  return path;
}

function placeOf(text: string, at: number): Place {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
