// Fields of a record at their limits, by the code of the BPF programs (native/bpf/emit.bpf.h) on memory that no exec can offer:
// pages that are not there, strings of the cap's length, a record that is nearly full. Bytes of an earlier record, or of the
// kernel, must not come along.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { FIELD_FLAG } from '../../src/sensor/layout.ts';
import { bpfMissing } from './live-sensor.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'build/test/fields');
const { truncated, fault } = FIELD_FLAG;

// name, payload's length, flags; no length: the field is left out
const CASES: [string, number?, number?][] = [
  ['empty', 0, 0],
  ['one byte', 1, 0],
  ['eight bytes', 8, 0],
  ['not aligned', 3333, 0],
  ['arguments at the cap', 32768, 0],
  ['arguments over the cap', 32768, truncated],
  ['environment at the cap', 8192, 0],
  ['environment over the cap', 8192, truncated],
  ['nothing there', 0, fault],
  ['second page missing', 3996, fault],
  ['last page missing', 32668, fault],
  ['over the cap, a page missing', 12288, truncated | fault],
  ['the page after the cap missing', 32768, truncated],
  ['little room', 48, truncated],
  ['room for eight bytes', 8, truncated],
  ['no room'],
  ['string of 4095', 4095, 0],
  ['string of 4096', 4096, 0],
  ['string of 4097', 4096, truncated],
  ['no string', 0, fault],
  ['string without room'],
];

const missing =
  (await bpfMissing()) ?? (existsSync(PROGRAM) ? undefined : 'build/test/fields is not built (scripts/build)');
const run = missing === undefined ? spawnSync(PROGRAM, [`${PROGRAM}.bpf.o`], { encoding: 'utf8' }) : undefined;
const printed = (run?.stdout ?? '').split('\n').filter((line) => line !== '');
const results = new Map<string, object>(printed.map((line) => JSON.parse(line)).map((result) => [result.case, result]));

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

it('runs the cases of the table and no others', () => {
  expect({ status: run?.status, stderr: run?.stderr }).toEqual({ status: 0, stderr: '' });
  expect([...results.keys()].sort()).toEqual(CASES.map(([name]) => name).sort());
});

it.each(CASES)('%s', (name, length, flags) => {
  const left = { case: name, head: true, end: 0 };
  const wanted = { ...left, end: 8 + Math.ceil((length ?? 0) / 8) * 8, flags, length, same: true, zeroed: true };
  expect(results.get(name)).toEqual(length === undefined ? left : wanted);
});

it('the BPF object names no path of the machine that built it', () => {
  const object = readFileSync(join(ROOT, 'build/forebear.bpf.o'), 'latin1');
  expect(object).toContain('native/bpf/forebear.bpf.c');
  expect(object).not.toContain(ROOT);
});
