// Reading what a parcel carries: its ECS document, nested as ecs/document.ts writes alerts, or with dotted names at the top as
// record-document.ts writes other records. For outputs that need parts of it (a
// host to group by, a time, a reason) or that send another form of it. Pure.

import type { Parcel } from '../output.ts';

export type Document = Readonly<Record<string, unknown>>;

/** in: a parcel; out: its document, undefined when it is no JSON object (then it will never fit). */
export function readDocument({ document }: Parcel): Document | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(document));
    return isTable(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The value at a dotted path; undefined where there is none. Own members only. */
export function valueAt(document: Document, path: string): unknown {
  if (Object.hasOwn(document, path)) return document[path];
  let at: unknown = document;
  for (const key of path.split('.')) {
    if (!isTable(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

/** The text at a dotted path; "" where there is none. */
export function textAt(document: Document, path: string): string {
  const value = valueAt(document, path);
  return typeof value === 'string' ? value.toWellFormed() : '';
}

export function isTable(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
