// The sources as plain JavaScript in a folder of their own: under --jitless Node cannot strip types itself (WebAssembly).
// In: nothing; out: the folder, laid out as the repository, with .mjs for .ts. The caller removes it.

import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from './peers.ts';

const IMPORT = /((?:from|import)\s*\(?\s*'\.[^']*)\.ts'/g;

export function stripSources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fb-stripped-'));
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const file of sources()) {
    const to = join(folder, file.replace(/\.ts$/, '.mjs'));
    mkdirSync(dirname(to), { recursive: true });
    const text = readFileSync(join(ROOT, file), 'utf8');
    writeFileSync(to, file.endsWith('.ts') ? stripTypeScriptTypes(text).replace(IMPORT, "$1.mjs'") : text);
  }
  return folder;
}

function sources(): string[] {
  const files = globSync('{src,bench,test/detect,test/enrich}/**/*.{ts,js}', { cwd: ROOT });
  return files.filter((file) => !/\.(test|d)\.ts$/.test(file));
}
