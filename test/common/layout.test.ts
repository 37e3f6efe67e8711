// The rules of ARCHITECTURE.md that a machine can hold: who imports whom, who touches the outside world, how large files grow.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const COMMON = ['config', 'errors', 'clock', 'log', 'stats', 'text', 'agent-status'];

/** Folder (or top-level file) of src -> what of ours it may import, itself and the common ground apart. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  ecs: [],
  sensor: [],
  journal: [],
  query: ['ecs'],
  enrich: ['ecs', 'sensor'],
  correlate: ['ecs', 'query'],
  detect: ['ecs', 'query', 'correlate'],
  proto: ['ecs', 'detect'],
  record: ['sensor', 'ecs'],
  metrics: ['ship'],
  service: [],
  ship: ['journal', 'proto', 'ecs', 'metrics'],
  hub: ['proto', 'journal', 'ship', 'ecs', 'metrics'],
  commands: [
    'agent',
    'ship',
    'hub',
    'metrics',
    'service',
    'ecs',
    'sensor',
    'enrich',
    'query',
    'correlate',
    'detect',
    'proto',
    'journal',
    'record',
  ],
  agent: ['ecs', 'sensor', 'enrich', 'query', 'correlate', 'detect', 'proto', 'journal', 'record', 'metrics'],
  main: ['commands'],
};

const OUTSIDE = /^node:(fs|net|http|https|http2|dgram|tls|child_process)(\/|$)/;
const MAY_TOUCH_OUTSIDE = /(-io|\/binding|\/transport[^/]*|^main|^clock)\.ts$|^commands\//;

interface SourceFile {
  path: string;
  stage: string;
  text: string;
  lines: number;
  imports: string[];
}

function sources(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('generated'))
    .map((path) => readSource(folder, path));
}

function readSource(folder: string, path: string): SourceFile {
  const text = readFileSync(join(ROOT, folder, path), 'utf8');
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
  return { path, stage: stageOf(path), text, lines: text.split('\n').length - 1, imports };
}

function stageOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '');
}

function importedStage(file: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return stageOf(relative(join(ROOT, 'src'), resolve(ROOT, 'src', dirname(file.path), specifier)));
}

const files = sources('src');

it('finds the sources', () => {
  expect(files.length).toBeGreaterThan(30);
});

it('keeps to the import table', () => {
  const broken = files.flatMap((file) =>
    file.imports.flatMap((specifier) => {
      const stage = importedStage(file, specifier);
      if (stage === undefined || stage === file.stage) return [];
      if (COMMON.includes(stage)) return [];
      return MAY_IMPORT[file.stage]?.includes(stage) ? [] : [`${file.path} imports ${specifier}`];
    }),
  );
  expect(broken).toEqual([]);
});

it('touches the outside world only in the files made for it', () => {
  const broken = files.flatMap((file) =>
    MAY_TOUCH_OUTSIDE.test(file.path)
      ? []
      : file.imports.filter((name) => OUTSIDE.test(name)).map((name) => `${file.path}: ${name}`),
  );
  expect(broken).toEqual([]);
});

it('ends the process in main.ts alone', () => {
  expect(files.filter((file) => /process\.exit\(/.test(file.text)).map((file) => file.path)).toEqual(['main.ts']);
});

it('has no runtime code generation, no catch-all file names, no re-exporting index', () => {
  const broken = files.filter(
    (file) =>
      /\bnew Function\b|\beval\(|node:vm'/.test(file.text) ||
      /(^|\/)(utils?|types|helpers|index)\.ts$/.test(file.path) ||
      /^export \* from/m.test(file.text),
  );
  expect(broken.map((file) => file.path)).toEqual([]);
});

it('keeps every file at one readable size', () => {
  const tooLong = [...files, ...sources('test')].filter(
    (file) => file.lines > (file.path.includes('tables/') ? 600 : 320),
  );
  expect(tooLong.map((file) => `${file.path}: ${file.lines} lines`)).toEqual([]);
});

it('opens every file with a comment that says its job', () => {
  expect(files.filter((file) => !file.text.startsWith('//')).map((file) => file.path)).toEqual([]);
});
