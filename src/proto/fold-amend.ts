// What later became known of an alert, merged into its document. Called by show, tail, replay, ship and the hub.

import { parseJson } from '../ecs/json.ts';

type Json = Readonly<Record<string, unknown>>;

/** in: a document, what is to be merged into it (nested); out: a new document; where both have a value, the amended one. */
export function foldAmend(document: Json, amendment: Json): Json {
  const folded: Record<string, unknown> = { ...document };
  for (const [key, value] of Object.entries(amendment)) {
    const before = Object.hasOwn(document, key) ? document[key] : undefined;
    Object.defineProperty(folded, key, {
      value: isObject(value) && isObject(before) ? foldAmend(before, value) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return folded;
}

/** The same over text: numbers beyond 2^53 keep their digits. Without amendments the text itself. */
export function foldText(text: string, amendments: readonly Json[]): string {
  if (amendments.length === 0) return text;
  const document = parseJson(text);
  return isObject(document) ? JSON.stringify(amendments.reduce(foldAmend, document)) : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
