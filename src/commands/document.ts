// Reading a nested ECS document by dotted names, for the commands that print one. Documents come from the journal: any
// shape is possible, nothing here throws.

type Json = Readonly<Record<string, unknown>>;

/** in: document, "process.parent.name"; out: the value, through nested objects or dotted keys; undefined when absent. */
export function valueAt(document: unknown, path: string): unknown {
  if (!isObject(document)) return undefined;
  if (Object.hasOwn(document, path)) return document[path];
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    if (!Object.hasOwn(document, head)) continue;
    const found = valueAt(document[head], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A string, number or boolean as text; of an array the first; undefined for anything else. */
export function textAt(document: unknown, path: string): string | undefined {
  return textsAt(document, path)[0];
}

/** All values as text; a single value as a list of one. */
export function textsAt(document: unknown, path: string): string[] {
  const value = valueAt(document, path);
  return (Array.isArray(value) ? value : [value]).flatMap((item) =>
    ['string', 'number', 'boolean'].includes(typeof item) ? [String(item)] : [],
  );
}

/** The objects of an array (or a single one); anything else is left out. */
export function objectsAt(document: unknown, path: string): Json[] {
  const value = valueAt(document, path);
  return (Array.isArray(value) ? value : [value]).filter(isObject);
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
