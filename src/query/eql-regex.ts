// Patterns of `regex`: a test of the whole value that takes one look-up per character, and texts of which a value that matches has
// one. The syntax: eql-regex-tree.ts. In: pattern; out: Regex, or RegexFault. Called by the compiler, the functions and the
// reference interpreter.

import { compileAutomaton } from './eql-automaton.ts';
import { parseRegex, type RegexNode } from './eql-regex-tree.ts';
import { foldCase } from './eql-values.ts';
import type { TextTest } from './glob.ts';

export interface Regex {
  readonly test: TextTest;
  /** Lower case; a value that matches has one of them in it, but for the case of ASCII letters. Undefined: none is known. */
  readonly parts?: readonly string[];
}

const MAX_PARTS = 32;
const MAX_KEPT = 100;
/** A rule's patterns are compiled when it is checked and when it is planned, and rules share patterns. */
const kept = new Map<string, Regex>();

/** in: pattern, whether the case of ASCII letters is ignored; out: its test; throws RegexFault. */
export function compileRegex(pattern: string, insensitive: boolean): Regex {
  const key = `${insensitive ? 'i' : 's'}${pattern}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  if (kept.size >= MAX_KEPT) kept.clear();
  const made = compiled(pattern, insensitive);
  kept.set(key, made);
  return made;
}

function compiled(pattern: string, insensitive: boolean): Regex {
  const tree = parseRegex(pattern, insensitive);
  const run = compileAutomaton(tree);
  const { text, needs } = needed(tree);
  const found = text === undefined || text === '' ? needs : [text];
  if (found === undefined || found.length > MAX_PARTS) return { test: run };
  const parts = [...new Set(found.map(foldCase))];
  if (insensitive) return { test: run, parts };
  return { test: (value) => found.some((part) => value.includes(part)) && run(value), parts };
}

interface Needed {
  /** The one text that matches, where it is one, but for its case. */
  readonly text?: string;
  /** Texts of which what matches has one. */
  readonly needs?: readonly string[] | undefined;
}

function needed(node: RegexNode): Needed {
  switch (node.kind) {
    case 'chars':
      return node.char === undefined ? {} : { text: node.char };
    case 'sequence':
      return neededByAll(node.parts.map(needed));
    case 'choice': {
      const needs = node.parts.map((part) => listOf(needed(part)));
      return needs.every((need) => need !== undefined) ? { needs: needs.flat() } : {};
    }
    case 'repeat': {
      const needs = node.least === 0 ? undefined : listOf(needed(node.part));
      return needs === undefined ? {} : { needs };
    }
    case 'both':
      return { needs: best(node.parts.map((part) => listOf(needed(part)))) };
    case 'complement':
      return {};
  }
}

function listOf({ text, needs }: Needed): readonly string[] | undefined {
  return text === undefined || text === '' ? needs : [text];
}

/** Neighbours that are texts are one text. */
function neededByAll(parts: readonly Needed[]): Needed {
  if (parts.every(({ text }) => text !== undefined)) return { text: parts.map(({ text }) => text).join('') };
  const candidates: (readonly string[] | undefined)[] = [];
  let run = '';
  for (const part of parts) {
    if (part.text !== undefined) run += part.text;
    else {
      candidates.push([run], part.needs);
      run = '';
    }
  }
  return { needs: best([...candidates, [run]]) };
}

/** The candidate whose shortest text is longest. */
function best(candidates: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const shortest = (texts: readonly string[] | undefined) =>
    texts === undefined ? 0 : Math.min(...texts.map(({ length }) => length));
  const longest = candidates.reduce((a, b) => (shortest(b) > shortest(a) ? b : a));
  return shortest(longest) === 0 ? undefined : longest;
}
