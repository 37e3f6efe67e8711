// Every EQL rule of the corpus of real rules parses and compiles. The corpus is not part of the repository.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';

const CORPUS = '../shared/corpus';

function queries(folder: string): string[] {
  return globSync(`${CORPUS}/${folder}/**/*.toml`).flatMap((file) => {
    const { rule } = parse(readFileSync(file, 'utf8')) as {
      rule: { language?: string; type?: string; query?: string };
    };
    return rule.language === 'eql' || folder === 'elastic-behavior' ? [rule.query!] : [];
  });
}

for (const [folder, endpoint, least] of [
  ['elastic-siem', false, 100],
  ['elastic-behavior', true, 100],
] as const) {
  test(`all EQL queries of ${folder} compile, each probe with a cover`, (ctx) => {
    if (!existsSync(CORPUS)) return ctx.skip(`no rule corpus at ${CORPUS}`);
    const table = new FieldTable();
    const texts = queries(folder);
    const programs = texts.map((text) => compileEql(text, table, { endpoint, stream: true }));
    const probes = programs.flatMap((program) => program.probes);
    console.log(`${folder}: ${programs.length} EQL rules, ${probes.length} probes`);
    expect(programs.length).toBeGreaterThan(least);
    expect(probes.every(({ cover }) => cover !== undefined && cover.length > 0)).toBe(true);
    expect(programs.every(({ fields }) => fields.length > 0)).toBe(true);
  });
}
