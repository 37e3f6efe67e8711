// What a run keeps for the next start, and what becomes of it when somebody has meddled with the file.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LoadPlan, readLoadPlan, writeLoadPlan } from '../../src/sensor/load-plan-io.ts';

const PLAN: LoadPlan = {
  wanted: new Set(['file', 'network']),
  files: {
    operations: new Set(['creation', 'deletion']),
    paths: ['/etc/', '/home/*/.'],
    except: ['/etc/mtab'],
    exceptNames: ['.git'],
    ownPid: 7,
  },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fb-plan-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'load-plan.json');

it('reads what was written, for a process of another number', () => {
  writeLoadPlan(folder, PLAN);
  expect(readLoadPlan(folder, 8)).toEqual({ ...PLAN, files: { ...PLAN.files, ownPid: 8 } });
  expect(readFileSync(file(), 'utf8')).not.toContain('ownPid');
});

it('is written again only if it is another', () => {
  writeLoadPlan(folder, PLAN);
  const { ino } = statSync(file());
  writeLoadPlan(folder, { ...PLAN, files: { ...PLAN.files!, ownPid: 9 } });
  expect(statSync(file()).ino).toBe(ino);
  writeLoadPlan(folder, { wanted: new Set() });
  expect(readLoadPlan(folder, 8)).toEqual({ wanted: new Set() });
});

it.each([
  ['nothing', undefined],
  ['no JSON', '{"wanted":["file"'],
  ['null', 'null'],
  ['no list', '{"wanted":"file"}'],
  ['no texts', '{"wanted":[1]}'],
  ['a filter without operations', '{"wanted":["file"],"files":{"paths":[],"except":[],"exceptNames":[]}}'],
  ['a filter that is a text', '{"wanted":["file"],"files":"all"}'],
])('is no plan: %s', (_, text) => {
  if (text !== undefined) writeFileSync(file(), text);
  expect(readLoadPlan(folder, 8)).toBeUndefined();
});

it('leaves out kinds and operations that this version does not know', () => {
  const files = { operations: ['creation', 'melting'], paths: [], except: [], exceptNames: [] };
  writeFileSync(file(), JSON.stringify({ wanted: ['file', 'weather'], files }));
  const plan = readLoadPlan(folder, 8)!;
  expect([plan.wanted, plan.files?.operations]).toEqual([new Set(['file']), new Set(['creation'])]);
});
