// Whether bin/forebear runs what is in src: tests that write with src and read with dist need the same program in both.

import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
export const LAUNCHER = join(ROOT, 'bin/forebear');

/** Why the built program cannot be tested; undefined when it can. */
export function whyNotBuilt(): string | undefined {
  const built = statSync(join(ROOT, 'dist/main.js'), { throwIfNoEntry: false })?.mtimeMs;
  if (built === undefined) return 'not built: npm run build';
  return newestSource() > built ? 'dist is older than src: npm run build' : undefined;
}

function newestSource(): number {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((name) => name.endsWith('.ts'));
  return Math.max(...sources.map((name) => statSync(join(ROOT, 'src', name)).mtimeMs));
}
