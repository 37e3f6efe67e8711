// Every KQL rule of the corpus of real rules parses and compiles. The corpus is not part of the repository.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileKql } from '../../src/query/kql-compile.ts';

const CORPUS = '../shared/corpus/elastic-siem';

test('all KQL queries of the corpus compile', (ctx) => {
  if (!existsSync(CORPUS)) return ctx.skip(`no rule corpus at ${CORPUS}`);
  const queries = globSync(`${CORPUS}/**/*.toml`).flatMap((file) => {
    const { rule } = parse(readFileSync(file, 'utf8')) as { rule: { language?: string; query?: string } };
    return rule.language === 'kuery' ? [rule.query!] : [];
  });
  const table = new FieldTable();
  const started = performance.now();
  const compiled = queries.map((query) => compileKql(query, table));
  console.log(`${queries.length} KQL rules compiled in ${(performance.now() - started).toFixed(1)} ms`);
  expect(queries.length).toBeGreaterThan(30);
  expect(compiled.filter(({ cover }) => cover !== undefined && cover.length > 0).length).toBeGreaterThan(
    queries.length / 2,
  );
});
