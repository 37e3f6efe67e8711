// docs/metrics.md against the families in the source. FOREBEAR_WRITE_DOCS=1 writes its tables.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { COUNTER_FAMILIES } from '../../src/metrics/counters.ts';
import type { Family } from '../../src/metrics/prometheus.ts';
import { FAMILIES, SECTIONS } from './families.ts';

const FILE = resolve(import.meta.dirname, '../../docs/metrics.md');
const BEGIN =
  '<!-- Made from src/metrics by FOREBEAR_WRITE_DOCS=1 scripts/test test/metrics/docs.test.ts: do not edit. -->';
const END = '<!-- end -->';

/** Of a counter: who counts it, as its label program has it. */
function labelsOf({ name, labels = [] }: Family): string {
  const programs = COUNTER_FAMILIES.get(name.replace(/^forebear_/, ''))?.programs;
  const words = labels.map((label) => (label === 'program' && programs ? `program: ${programs.join(', ')}` : label));
  return words.join('; ');
}

const row = (family: Family) => `| \`${family.name}\` | ${family.type} | ${labelsOf(family)} | ${family.help} |`;
const table = (families: readonly Family[]) =>
  ['| metric | type | labels | what |', '|---|---|---|---|', ...families.map(row)].join('\n');
const tables = SECTIONS.map(({ title, families }) => `## ${title}\n\n${table(families)}\n`).join('\n');

it('docs/metrics.md lists every metric as the source tells it', () => {
  const text = readFileSync(FILE, 'utf8');
  const [before, rest] = text.split(`${BEGIN}\n\n`);
  const [, after] = rest!.split(`\n${END}`);
  const wanted = `${before}${BEGIN}\n\n${tables}\n${END}${after}`;
  if (process.env.FOREBEAR_WRITE_DOCS === '1') writeFileSync(FILE, wanted);
  expect(readFileSync(FILE, 'utf8')).toBe(wanted);
});

it('what docs/metrics.md says in words names only metrics that there are', () => {
  const names = new Set(FAMILIES.map(({ name }) => name));
  const named = [...readFileSync(FILE, 'utf8').matchAll(/\bforebear_[a-z0-9_]+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(FAMILIES.length);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});
