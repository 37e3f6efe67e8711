// The files of dead letters: whatever lies there, the lane goes on, and nothing is sent twice that need not be.

import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeLetter, encodeLetter } from '../../src/ship/dead-letter.ts';
import { DeadLetterBox } from '../../src/ship/dead-letters-io.ts';
import { withResends } from '../../src/ship/with-resends.ts';
import { FakeTime, parcel, sourceOf } from './fixture.ts';

let base: string;
let faults: string[];
let box: DeadLetterBox;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-dead-'));
  faults = [];
  box = new DeadLetterBox(
    base,
    'x',
    () => 0,
    (reason, isNew) => isNew && faults.push(reason),
  );
});
afterEach(() => rmSync(base, { recursive: true }));

/** Letters 1 to count, all to be sent again. out: their names. */
async function toResend(count: number): Promise<string[]> {
  for (let seq = 1; seq <= count; seq++) await box.put(parcel(seq), 'mapping');
  const names = box.names();
  for (const name of names) box.resend(name);
  return names;
}

const seqsOf = (asked = new Set<string>()) => [...box.resends(asked)].map((item) => item.parcel?.seq);
const resendPath = (name: string) => join(base, 'resend/x', name);

describe('what is to be sent again', () => {
  it('is read as it is asked for, and asked for once', async () => {
    await toResend(3);
    const asked = new Set<string>();
    const items = box.resends(asked);
    const first = items.next().value!;
    expect(asked.size).toBe(1);
    expect(seqsOf(asked)).toEqual([2, 3]);
    expect(seqsOf(asked)).toEqual([]);
    await first.settled?.();
    expect([asked.size, box.names('resend').length]).toEqual([2, 2]);
    expect(seqsOf(), 'in the lane that begins again').toEqual([2, 3]);
  });

  it('is sent no second time where its file cannot be removed', async () => {
    const [name] = await toResend(1);
    const [item] = [...box.resends(new Set())];
    rmSync(resendPath(name!));
    mkdirSync(resendPath(name!));
    await item!.settled!();
    expect(seqsOf()).toEqual([]);
    expect(seqsOf()).toEqual([]);
    expect(faults.length).toBe(1);
    rmSync(resendPath(name!), { recursive: true });
    await toResend(1);
    expect(seqsOf(), 'it is removed now').toEqual([]);
    expect(box.names('resend')).toEqual([]);
    await toResend(1);
    expect(seqsOf(), 'refused and asked for once more').toEqual([1]);
  });

  it.each<[string, (path: string) => void]>([
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a directory', (path) => mkdirSync(path)],
    ['no JSON', (path) => writeFileSync(path, '\x1b]52;c;AAAA\x07')],
    ['a document of two lines', (path) => writeFileSync(path, letter({ document: '{}\n{"delete":{}}' }))],
  ])('goes back to the dead letters where it is %s', async (_what, put) => {
    const [first] = await toResend(2);
    rmSync(resendPath(first!));
    put(resendPath(first!));
    expect(seqsOf()).toEqual([2]);
    expect(box.names()).toEqual([first]);
    expect(faults.length).toBe(1);
  });

  it('keeps nobody waiting where its folder cannot be read', async () => {
    mkdirSync(join(base, 'resend'));
    writeFileSync(join(base, 'resend/x'), '');
    const parcels = [parcel(1), parcel(2)];
    const source = withResends(sourceOf(parcels), (asked) => box.resends(asked), new FakeTime());
    const found: unknown[] = [];
    for await (const item of source.items(undefined, new AbortController().signal)) found.push(item.parcel);
    expect(found).toEqual(parcels);
    expect(faults.length).toBe(1);
  });

  it('lies in a folder of the shipper, also where root asks for it', async (ctx) => {
    if (process.getuid?.() !== 0) return ctx.skip('needs root');
    await box.put(parcel(1), 'mapping');
    rmSync(join(base, 'resend'), { recursive: true });
    chownSync(base, 4242, 4243);
    box.resend(box.names()[0]!);
    const folder = join(base, 'resend/x');
    expect([folder, dirname(folder)].map((path) => statSync(path).uid)).toEqual([4242, 4242]);
  });
});

describe('dead letters', () => {
  it('are bounded; one that is there already is kept all the same', async () => {
    await box.put(parcel(1), 'mapping');
    for (let i = 1; i < 10_000; i++) writeFileSync(join(base, 'dead/x', `${1e15 + i}-a.json`), '');
    expect(box.count()).toBe(10_000);
    await expect(box.put(parcel(2), 'mapping')).rejects.toMatchObject({ code: 'FB_SHIP_DEAD' });
    await box.put(parcel(1), 'again');
    box.remove(box.names().at(-1)!);
    await box.put(parcel(2), 'mapping');
    expect(box.count()).toBe(10_000);
  });

  it('leave nothing behind where they cannot be kept', async () => {
    await box.put(parcel(1), 'mapping');
    const name = box.names()[0]!;
    rmSync(join(base, 'dead/x', name));
    mkdirSync(join(base, 'dead/x', name));
    await expect(box.put(parcel(1), 'mapping')).rejects.toMatchObject({ code: 'FB_SHIP_DEAD' });
    expect(readdirSync(join(base, 'dead/x'))).toEqual([name]);
  });

  it('leave the event loop to others while they are written', async () => {
    let turns = 0;
    let done = false;
    const turn = () => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    for (let seq = 1; seq <= 50; seq++) await box.put(parcel(seq), 'mapping');
    done = true;
    expect(turns).toBeGreaterThan(50);
  });
});

const LETTER = encodeLetter(parcel(7), { reason: 'mapping', output: 'x', nowMs: 5 });
const letter = (change: object) => JSON.stringify({ ...JSON.parse(LETTER), ...change });

it.each([
  ...['null', '[]', '{}', letter({ schema: 2 }), letter({ seq: -1 }), letter({ seq: 1.5 }), letter({ rank: 4 })],
  ...[letter({ rank: null }), letter({ kind: 'toString' }), letter({ wall_ms: 9e300 }), letter({ host_id: 5 })],
  ...[letter({ rejected_ms: undefined }), letter({ document: {} })],
])('no dead letter: %s', (text) => {
  expect(() => decodeLetter(text)).toThrow();
});

it('a dead letter', () => {
  expect(decodeLetter(LETTER)).toMatchObject({ seq: 7, id: 'id-7', reason: 'mapping', rejected_ms: 5 });
});
