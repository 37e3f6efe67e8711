// The pages for people: docs/, README.md and its like. In: the tree; out: their text, their console blocks, their links. Called by the
// tests of this folder.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const TOP = resolve(import.meta.dirname, '../..');

const DOCS = readdirSync(join(TOP, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);

const OTHERS = [
  ...['README.md', 'ARCHITECTURE.md', 'CHANGES.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...['packaging/README.md', 'systemd/README.md'],
];

/** Paths in the tree. */
export const PAGES: readonly string[] = [...DOCS, ...OTHERS.filter((page) => existsSync(join(TOP, page)))];

export function textOf(page: string): string {
  return readFileSync(join(TOP, page), 'utf8');
}

/** Typed lines of ```console blocks, without the prompt. */
export function typedLines(page: string): string[] {
  const blocks = [...textOf(page).matchAll(/^ *```console\n([\s\S]*?)^ *```$/gm)].map(([, block]) => block!);
  return blocks.flatMap((block) => [...block.matchAll(/^ *[$#] (.*)$/gm)].map(([, line]) => line!));
}

/** Commands of Forebear in running text: `forebear tail -n 1`. */
export function namedCommands(page: string): string[] {
  return [...proseOf(page).matchAll(/`(forebear [^`]+)`/g)].map(([, line]) => line!.replaceAll('\n', ' '));
}

function proseOf(page: string): string {
  return proseIn(textOf(page));
}

function proseIn(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '');
}

/** [text](target), fenced blocks left out. */
export function linksOf(page: string): string[] {
  return linksIn(textOf(page));
}

export function linksIn(text: string): string[] {
  return [...proseIn(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** As GitHub makes them of headings. */
export function anchorsOf(page: string): Set<string> {
  return anchorsIn(textOf(page));
}

export function anchorsIn(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  const slug = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  return new Set(headings.map(slug));
}
