// The pages for people as /usr/share/doc/forebear has them: docs/*.md and SECURITY.md side by side. A link goes to where its target
// is installed; one to what stays in the source tree becomes its text. Called by generate.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const TOP = resolve(import.meta.dirname, '..');
/** [text](path#anchor); the path relative to the page, no address. */
const LINK = /\[([^\]]*)\]\((?![a-z]+:)([^)\s#]*)(#[^)\s]*)?\)/g;

/** out: name of the file -> its text. */
export function installedPages(): Map<string, string> {
  const docs = readdirSync(join(TOP, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = [...docs.map((name) => `docs/${name}`), 'SECURITY.md'];
  return new Map(pages.map((page) => [basename(page), installedPage(page, new Set(pages))]));
}

function installedPage(page: string, pages: ReadonlySet<string>): string {
  return readFileSync(join(TOP, page), 'utf8').replace(LINK, (link, text: string, path: string, anchor = '') => {
    if (path === '') return link;
    const target = join(dirname(page), path);
    if (pages.has(target)) return `[${text}](${basename(target)}${anchor})`;
    return /^(rules|config)\//.test(target) ? `[${text}](../../forebear/${target})` : text;
  });
}
