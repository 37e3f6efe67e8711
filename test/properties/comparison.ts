// What two runs over the same records may make differently, as tables with reasons; whatever no row names must be equal. In:
// alerts of both; out: undefined, or the first difference. Used by the tests of properties.

import { isDeepStrictEqual } from 'node:util';
import type { Alert } from '../../src/detect/alert.ts';

type Json = Readonly<Record<string, unknown>>;

/** A part of the document that may differ: why, and what must hold all the same. */
export interface MayDiffer {
  path: string;
  why: string;
  /** in: before, after; undefined where the document lacks it. */
  holds: (before: unknown, after: unknown) => boolean;
}

/** The documents of one run, and beside each what may differ of it. */
interface Split {
  same: string;
  parts: readonly unknown[];
}

export class Comparison {
  /** Rows that were needed: one that never is is stale. */
  readonly used = new Set<string>();
  readonly #rows: readonly MayDiffer[];
  readonly #paths: readonly (readonly string[])[];
  readonly #known = new WeakMap<Alert, Split>();

  constructor(rows: readonly MayDiffer[]) {
    this.#rows = rows;
    this.#paths = rows.map(({ path }) => path.split('.'));
  }

  /** in: the same alert of two runs; out: what differs and may not. */
  difference(before: Alert, after: Alert): string | undefined {
    const [a, b] = [this.#split(before), this.#split(after)];
    if (!isDeepStrictEqual(ruleOf(before.document), ruleOf(after.document))) return 'kibana.alert.rule';
    if (a.same !== b.same) return firstDifference(JSON.parse(a.same), JSON.parse(b.same), '');
    for (const [i, { path, holds }] of this.#rows.entries()) {
      const [was, is] = [a.parts[i], b.parts[i]];
      if (JSON.stringify(was) === JSON.stringify(is)) continue;
      this.used.add(path);
      if (!holds(was, is)) return `${path}: ${JSON.stringify(was)} -> ${JSON.stringify(is)}`;
    }
    return undefined;
  }

  #split(alert: Alert): Split {
    const known = this.#known.get(alert);
    if (known !== undefined) return known;
    const { document, gaps, terms, severity, uuid } = alert;
    const whole = JSON.parse(JSON.stringify({ ...withoutRule(document), gaps, terms, severity, uuid })) as Json;
    const parts = this.#paths.map((path) => cutOut(whole, path));
    const split = { same: JSON.stringify(whole), parts };
    this.#known.set(alert, split);
    return split;
  }
}

/** Long texts, the same objects over and over: compared by themselves, so that the rest is quick to write. */
function ruleOf(document: Json): unknown {
  return (document as unknown as Alerted).kibana.alert.rule;
}

function withoutRule(document: Json): Json {
  const { rule: _rule, ...alert } = (document as unknown as Alerted).kibana.alert;
  return { ...document, kibana: { alert } };
}

interface Alerted {
  kibana: { alert: { rule: unknown } };
}

/** Removes what stands at the path; out: that. */
function cutOut(document: Json, path: readonly string[]): unknown {
  const [key, ...rest] = path as [string, ...string[]];
  const value = document[key];
  if (rest.length > 0) return typeof value === 'object' && value !== null ? cutOut(value as Json, rest) : undefined;
  delete (document as Record<string, unknown>)[key];
  return value;
}

function firstDifference(a: unknown, b: unknown, path: string): string {
  const tables = [a, b].every((value) => typeof value === 'object' && value !== null);
  if (tables) {
    for (const key of new Set([a, b].flatMap((value) => Object.keys(value as object)))) {
      const [was, is] = [(a as Json)[key], (b as Json)[key]];
      if (JSON.stringify(was) !== JSON.stringify(is)) return firstDifference(was, is, `${path}.${key}`);
    }
  }
  return `${path.slice(1)}: ${JSON.stringify(a)} -> ${JSON.stringify(b)}`;
}

/** For lists: what is left is there before, in that order. */
export function isPartOf(before: unknown, after: unknown): boolean {
  if (!Array.isArray(before)) return false;
  let from = 0;
  for (const item of (after as readonly unknown[] | undefined) ?? []) {
    const at = before.findIndex((other, i) => i >= from && JSON.stringify(other) === JSON.stringify(item));
    if (at < 0) return false;
    from = at + 1;
  }
  return true;
}
