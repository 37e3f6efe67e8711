// The file output on a real directory: what is in the files after sends, crashes, rotations and failures.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Answer, Output, Parcel } from '../../../src/ship/output.ts';
import { fileOutput } from '../../../src/ship/outputs/file-io.ts';
import { type OpenFile, openPlain } from '../../../src/ship/outputs/file-rotation-io.ts';
import { idOf, largeParcel, parcel, parcels } from './parcels.ts';

const never = new AbortController().signal;
let directory: string;
let path: string;
const opened: Output[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'forebear-file-'));
  path = join(directory, 'alerts.ndjson');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((output) => output.close()));
  rmSync(directory, { recursive: true, force: true });
});

function output(part: { max_bytes?: number; keep?: number; path?: string } = {}, openFile?: typeof openPlain): Output {
  const made = fileOutput({ path, max_bytes: 1 << 20, keep: 3, batch_bytes: 1 << 16, ...part }, openFile);
  opened.push(made);
  return made;
}

function verdicts(answer: Answer, batch: readonly Parcel[]): string[] {
  const all = answer.of === 'items' ? answer.verdicts : batch.map(() => answer.verdict);
  return all.map((verdict) => ('duplicate' in verdict ? 'duplicate' : verdict.is));
}

async function send(to: Output, batch: readonly Parcel[]): Promise<string[]> {
  return verdicts(await to.send(batch, never), batch);
}

function idsIn(file = path): string[] {
  const text = readFileSync(file, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { kibana: { alert: { uuid: string } } }).kibana.alert.uuid);
}

const ids = (...numbers: number[]) => numbers.map(idOf);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => idOf(from + i));

it('appends each document as a line, in a file that the group may read', async () => {
  const to = output();
  expect(await send(to, parcels(2))).toEqual(['delivered', 'delivered']);
  expect(await send(to, parcels(1, 3))).toEqual(['delivered']);
  expect(idsIn()).toEqual(ids(1, 2, 3));
  expect(readFileSync(path)).toEqual(
    Buffer.concat(parcels(3).flatMap(({ document }) => [document, Buffer.from('\n')])),
  );
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

it('writes nothing twice that a life before wrote, though its cursor did not say so', async () => {
  await send(output(), parcels(5));
  const again = output();
  expect(await send(again, parcels(4, 3))).toEqual(['duplicate', 'duplicate', 'duplicate', 'delivered']);
  expect(idsIn()).toEqual(range(1, 6));
  // Behind a batch of which nothing is known everything is new, also what looks like an earlier one.
  expect(await send(again, parcels(1, 7))).toEqual(['delivered']);
  expect(await send(again, parcels(1, 2))).toEqual(['delivered']);
});

it('knows an alert by its uuid though more is folded into it, another record by its bytes', async () => {
  const gap = (n: number) => parcel(n, { kind: 'gap', id: idOf(100 + n) }, { kibana: { alert: { uuid: 'none' } } });
  await send(output(), [parcel(1), gap(2)]);
  const amended = parcel(1, { folded: [gap(9)] }, { process: { hash: { sha256: 'ab' } } });
  const same = parcel(1, { folded: [gap(9)] });
  expect(await send(output(), [amended, gap(2), gap(3)])).toEqual(['duplicate', 'duplicate', 'delivered']);
  // It has what was folded: a duplicate would make the lane send that once more.
  expect(await send(output(), [same, gap(2)])).toEqual(['delivered', 'duplicate']);
  expect(idsIn()).toEqual([idOf(1), 'none', 'none']);
});

it.each([
  { end: 'a torn line', tail: '{"kibana":{"alert":{"uu' },
  { end: 'a whole line without its newline', tail: parcel(3).document },
  { end: 'bytes that are no text', tail: Buffer.from([0xff, 0, 0, 0]) },
  { end: 'a number', tail: '17' },
])('mends an end with $end', async ({ tail }) => {
  await send(output(), parcels(2));
  writeFileSync(path, tail, { flag: 'a' });
  await send(output(), [parcel(3), parcel(4)]);
  expect(idsIn()).toEqual(ids(1, 2, 3, 4));
});

it('mends the only line', async () => {
  writeFileSync(path, parcel(1).document.subarray(0, 50));
  expect(await send(output(), parcels(1))).toEqual(['delivered']);
  expect(idsIn()).toEqual(ids(1));
});

it('begins anew at max_bytes and keeps as many as it should', async () => {
  const to = output({ max_bytes: 65536, keep: 2 });
  const batch = Array.from({ length: 10 }, (_, i) => largeParcel(i + 1, 30_000));
  expect(await send(to, batch)).toEqual(Array(10).fill('delivered'));
  expect([idsIn(), idsIn(`${path}.1`), idsIn(`${path}.2`)]).toEqual([ids(9, 10), ids(7, 8), ids(5, 6)]);
  expect(existsSync(`${path}.3`)).toBe(false);
});

it('gives a line beyond max_bytes a file of its own', async () => {
  const to = output({ max_bytes: 65536 });
  expect(await send(to, [parcel(1), largeParcel(2, 90_000), parcel(3)])).toEqual(Array(3).fill('delivered'));
  expect([idsIn(), idsIn(`${path}.1`), idsIn(`${path}.2`)]).toEqual([ids(3), ids(2), ids(1)]);
});

it('loses no earlier file to a rotation that a crash cut off', async () => {
  const to = output({ max_bytes: 65536, keep: 4 });
  for (let n = 1; n <= 4; n++) await send(to, [largeParcel(n, 60_000)]);
  // .1 had become .2 (and the others before it) when the machine went down.
  renameSync(`${path}.3`, `${path}.4`);
  renameSync(`${path}.2`, `${path}.3`);
  await send(output({ max_bytes: 65536, keep: 4 }), [largeParcel(5, 60_000)]);
  const files = [path, ...[1, 2, 3, 4].map((n) => `${path}.${n}`)];
  expect(files.map((file) => idsIn(file)[0])).toEqual(ids(5, 4, 3, 2, 1));
});

it('knows what was written before a rotation that came right before the crash', async () => {
  const settings = { max_bytes: 65536 };
  await send(output(settings), [largeParcel(1, 30_000), largeParcel(2, 30_000), largeParcel(3, 20_000)]);
  expect(idsIn(`${path}.1`)).toEqual(ids(1, 2));
  expect(await send(output(settings), [largeParcel(2, 30_000), largeParcel(3, 20_000), parcel(4)])).toEqual([
    'duplicate',
    'duplicate',
    'delivered',
  ]);
});

it('goes on in a new file when somebody moved the old one away', async () => {
  const to = output();
  await send(to, parcels(1));
  renameSync(path, `${path}.moved`);
  await send(to, parcels(1, 2));
  rmSync(path);
  await send(to, parcels(1, 3));
  expect(idsIn()).toEqual(ids(3));
  expect(idsIn(`${path}.moved`)).toEqual(ids(1));
});

it.each([
  { what: 'a symbolic link', make: () => symlinkSync('/etc/hostname', path) },
  { what: 'a dangling symbolic link', make: () => symlinkSync(join(directory, 'elsewhere'), path) },
  { what: 'a directory', make: () => mkdirSync(path) },
  { what: 'a FIFO', make: () => execFileSync('mkfifo', [path]) },
  { what: 'a file of something else', make: () => writeFileSync(path, Buffer.alloc(300_000, 'x')) },
])('holds, and touches nothing, where $what lies at the path', async ({ make }) => {
  make();
  const to = output();
  const answer = await to.send(parcels(2), never);
  expect(answer).toMatchObject({
    of: 'batch',
    verdict: { is: 'hold', reason: expect.stringContaining('alerts.ndjson') },
  });
  expect(existsSync(join(directory, 'elsewhere'))).toBe(false);
  rmSync(path, { recursive: true });
  expect(await send(to, parcels(2))).toEqual(['delivered', 'delivered']);
});

it('holds while the directory is not there', async () => {
  const nested = join(directory, 'later', 'a.ndjson');
  const to = output({ path: nested });
  expect(await to.send(parcels(1), never)).toMatchObject({
    verdict: { is: 'hold', reason: `${nested}: no such file or directory` },
  });
  mkdirSync(join(directory, 'later'));
  expect(await send(to, parcels(1))).toEqual(['delivered']);
});

it('rejects a document of two lines, and writes the others', async () => {
  const broken = parcel(2, { document: Buffer.from('{\n}') });
  expect(await send(output(), [parcel(1), broken, parcel(3)])).toEqual(['delivered', 'rejected', 'delivered']);
  expect(idsIn()).toEqual(ids(1, 3));
});

/** Calls that fail once, on the n-th file that is opened (1: the first). */
function failing(call: 'datasync' | 'write' | 'truncate', code: string, afterCalls: number): typeof openPlain {
  let left = afterCalls;
  return async (name: string): Promise<OpenFile> => {
    const file = await openPlain(name);
    const real = file.handle[call].bind(file.handle) as (...all: unknown[]) => Promise<unknown>;
    const fake = async (...all: unknown[]) => {
      if (left-- !== 0) return real(...all);
      // A write that comes short leaves something behind.
      if (call === 'write') await real(all[0], 0, 40);
      throw Object.assign(new Error(`${code}: injected, ${call}`), { code, syscall: call });
    };
    Object.defineProperty(file.handle, call, { value: fake });
    return file;
  };
}

it.each([
  { call: 'write', code: 'ENOSPC', is: 'hold' },
  { call: 'write', code: 'EINTR', is: 'retry' },
  // The first sync is that of the open.
  { call: 'datasync', code: 'EIO', is: 'hold' },
] as const)(
  'takes back what a $call that failed with $code left: $is, then each line once',
  async ({ call, code, is }) => {
    await send(output(), parcels(2));
    const to = output({}, failing(call, code, call === 'write' ? 0 : 1));
    expect(await send(to, parcels(3, 2))).toEqual(['duplicate', is, is]);
    expect(idsIn()).toEqual(ids(1, 2));
    expect(await send(to, parcels(2, 3))).toEqual(['delivered', 'delivered']);
    expect(idsIn()).toEqual(ids(1, 2, 3, 4));
  },
);

it('says of each parcel whether it was written when the second file of a batch failed', async () => {
  const to = output({ max_bytes: 65536 }, failing('write', 'ENOSPC', 1));
  const batch = [largeParcel(1, 60_000), largeParcel(2, 60_000), parcel(3)];
  expect(await send(to, batch)).toEqual(['delivered', 'hold', 'hold']);
  expect(await send(to, batch.slice(1))).toEqual(['delivered', 'delivered']);
  expect([idsIn(), idsIn(`${path}.1`), existsSync(`${path}.2`)]).toEqual([ids(2, 3), ids(1), false]);
});

it('holds on a file system that is really full, and goes on when there is room', async (ctx) => {
  const mounted = join(directory, 'small');
  mkdirSync(mounted);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', mounted], { stdio: 'pipe' });
  } catch {
    return ctx.skip('a tmpfs cannot be mounted here');
  }
  try {
    const to = output({ path: join(mounted, 'a.ndjson') });
    writeFileSync(join(mounted, 'filler'), Buffer.alloc(120_000));
    const batch = [largeParcel(1, 60_000), largeParcel(2, 60_000), largeParcel(3, 60_000)];
    expect(await to.send(batch, never)).toMatchObject({
      verdict: { is: 'hold', reason: expect.stringContaining('no space') },
    });
    expect(idsIn(join(mounted, 'a.ndjson'))).toEqual([]);
    rmSync(join(mounted, 'filler'));
    expect(await send(to, batch)).toEqual(Array(3).fill('delivered'));
    expect(idsIn(join(mounted, 'a.ndjson'))).toEqual(ids(1, 2, 3));
    await to.close();
  } finally {
    execFileSync('umount', [mounted]);
  }
});
