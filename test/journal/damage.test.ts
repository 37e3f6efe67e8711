// Truncation at every byte and a flip of every byte, of every file of a small journal: reading and opening never throw anything
// untyped, never loop, and never lose a record outside the damaged one.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FOOTER_SIZE } from '../../src/journal/segment-header.ts';
import { append, codeOf, DIRECTORY, openOn, readAll } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

const RECORDS = 9;
let golden: MemoryDisk;
let texts: string[];

/** Two segments, the first sealed; records of sizes that need padding, one that carries a record's bytes in its payload. */
beforeAll(async () => {
  golden = new MemoryDisk();
  const writer = await openOn(golden, { maxSegmentBytes: 1100 });
  for (let i = 1; i < RECORDS; i++) await append(writer, `record ${i} ${'y'.repeat(i)}`);
  await append(writer, `FBr1 ${'FBr1'.repeat(12)}`);
  await writer.close();
  texts = (await readAll(golden)).texts;
  expect(texts.length).toBe(RECORDS);
  expect(segmentsOf(golden).length).toBe(2);
});

function segmentsOf(disk: MemoryDisk): string[] {
  return [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).sort();
}

/** The golden journal with one file changed; read in the same boot, or in another (no commit mark to go by). */
function changed(name: string, content: Buffer, sameBoot: boolean): MemoryDisk {
  const disk = golden.afterKill();
  if (!sameBoot) disk.boot = 'cc'.repeat(16);
  disk.put(name, content);
  return disk;
}

/** Reads, then opens and appends, then reads again. out: the golden texts that are still there both times. */
async function survivors(disk: MemoryDisk): Promise<string[]> {
  const before = await readAll(disk);
  const writer = await openOn(disk);
  const seq = await append(writer, 'after');
  await writer.close();
  const after = await readAll(disk);
  expect(seq).toBeGreaterThan(Math.max(0, ...before.seqs));
  expect(after.texts.at(-1)).toBe('after');
  expect(new Set(after.seqs).size).toBe(after.seqs.length);
  expect(after.texts.slice(0, -1)).toEqual(expect.arrayContaining(before.texts));
  expect(before.texts.filter((each) => !texts.includes(each))).toEqual([]);
  return before.texts;
}

const BOOTS = [true, false];

it.each(BOOTS)(
  'a flip of every byte of a segment costs at most the record it hits (same boot: %s)',
  async (sameBoot) => {
    let flips = 0;
    const lost = new Map<number, number>();
    for (const name of segmentsOf(golden)) {
      const content = golden.files().get(name)!;
      for (let at = 0; at < content.length; at++) {
        const bytes = Buffer.from(content);
        bytes[at]! ^= 1 << (at % 8);
        const kept = await survivors(changed(name, bytes, sameBoot));
        const missing = texts.filter((each) => !kept.includes(each));
        expect(missing.length, `${name} byte ${at}`).toBeLessThanOrEqual(1);
        if (missing.length === 1) expect(content.indexOf(missing[0]!), `${name} byte ${at}`).toBeLessThan(at + 100);
        if (at < 512) expect(missing, `header byte ${at}`).toEqual([]);
        lost.set(missing.length, (lost.get(missing.length) ?? 0) + 1);
        flips++;
      }
    }
    const framing = segmentsOf(golden).length * 512 + FOOTER_SIZE;
    expect(lost.get(1)).toBe(flips - framing);
    console.log(
      `journal: ${flips} flips, ${lost.get(1) ?? 0} cost the record they hit, ${lost.get(0) ?? 0} cost nothing`,
    );
  },
);

it.each(BOOTS)('truncation at every byte keeps every record before it (same boot: %s)', async (sameBoot) => {
  let cuts = 0;
  for (const name of segmentsOf(golden)) {
    const content = golden.files().get(name)!;
    for (let size = 0; size < content.length; size++) {
      const kept = await survivors(changed(name, content.subarray(0, size), sameBoot));
      const whole = texts.filter((each) => {
        const at = content.indexOf(each);
        return at < 0 || (size >= 512 && ((at + each.length + 7) & ~7) <= size);
      });
      expect(kept, `${name} cut to ${size}`).toEqual(
        size < 256 ? expect.arrayContaining([]) : expect.arrayContaining(whole),
      );
      cuts++;
    }
  }
  console.log(`journal: ${cuts} truncations, no record before the cut lost`);
});

it.each(['commit', 'journal.json'])('flips and cuts of %s cost no record', async (file) => {
  const name = `${DIRECTORY}/${file}`;
  const content = golden.files().get(name)!;
  for (let at = 0; at < content.length; at++) {
    const bytes = Buffer.from(content);
    bytes[at]! ^= 1 << (at % 8);
    for (const variant of [bytes, content.subarray(0, at)]) {
      expect(await survivors(changed(name, Buffer.from(variant), true)), `${file} byte ${at}`).toEqual(texts);
    }
  }
});

it('reports damage in the middle with its place and seq, keeps a copy, and tells it again until something is appended', async () => {
  const name = segmentsOf(golden)[1]!;
  const content = Buffer.from(golden.files().get(name)!);
  const first = Number(name.slice(-25, -9));
  content[content.indexOf(texts[first - 1]!)]! ^= 0xff;
  const disk = changed(name, content, true);
  const short = name.slice(DIRECTORY.length + 1);
  const expected = [{ segment: short, offset: 512, fromSeq: first, toSeq: first }];
  expect((await readAll(disk)).damage).toMatchObject(expected);
  for (let i = 0; i < 2; i++) {
    const writer = await openOn(disk);
    expect(writer.damage).toMatchObject(expected);
    await writer.close();
  }
  const { offset, bytes } = (await readAll(disk)).damage[0]!;
  const copy = disk.files().get(`${DIRECTORY}/quarantine/${short}-${offset}-${bytes}.bin`);
  expect(copy).toEqual(content.subarray(offset, offset + bytes));
  const writer = await openOn(disk);
  expect(await append(writer, 'gap')).toBe(RECORDS + 1);
  await writer.close();
  const again = await openOn(disk);
  expect(again.damage).toEqual([]);
  await again.close();
});

it('a torn tail that nobody was promised is cut and counted, not reported', async () => {
  const name = segmentsOf(golden)[1]!;
  const content = golden.files().get(name)!;
  const disk = changed(name, Buffer.concat([content, Buffer.from('half a record')]), true);
  const writer = await openOn(disk);
  expect([writer.damage, writer.status().tornBytes]).toEqual([[], 13]);
  await writer.close();
  expect(disk.files().get(name)).toEqual(content);
});

it('an acknowledged record at the very end is damage, not a torn tail', async () => {
  const name = segmentsOf(golden)[1]!;
  const content = golden.files().get(name)!;
  const disk = changed(name, content.subarray(0, content.length - 8), true);
  const writer = await openOn(disk);
  const short = name.slice(DIRECTORY.length + 1);
  expect(writer.damage).toMatchObject([{ segment: short, fromSeq: RECORDS, toSeq: RECORDS }]);
  const { offset, bytes } = writer.damage[0]!;
  expect(disk.files().get(`${DIRECTORY}/quarantine/${short}-${offset}-${bytes}.bin`)?.length).toBe(bytes);
  expect(await append(writer, 'next')).toBe(RECORDS + 1);
});

it('seqs are not given again when the newest segment, or all, have been taken away', async () => {
  for (const gone of [segmentsOf(golden).slice(1), segmentsOf(golden)]) {
    const disk = golden.afterKill();
    for (const name of gone) await disk.unlink(name);
    const writer = await openOn(disk);
    expect(writer.damage.at(-1)?.toSeq).toBe(RECORDS);
    expect(await append(writer, 'next')).toBe(RECORDS + 1);
  }
});

it('a segment or mark that needs a newer reader is refused with a hint, and nothing is changed', async () => {
  const { crc32 } = await import('node:zlib');
  for (const name of [...segmentsOf(golden), `${DIRECTORY}/commit`]) {
    const content = Buffer.from(golden.files().get(name)!);
    const copies = name.endsWith('.fbj') ? [content.subarray(0, 256), content.subarray(256, 512)] : [content];
    for (const block of copies) {
      block.writeUInt16LE(2, 10);
      block.writeUInt32LE(crc32(block.subarray(16), crc32(block.subarray(0, 12))), 12);
    }
    const disk = changed(name, content, true);
    const before = disk.files();
    expect(await codeOf(openOn(disk))).toBe('FB_JOURNAL_VERSION');
    expect(await codeOf(readAll(disk))).toBe('FB_JOURNAL_VERSION');
    expect(disk.files()).toEqual(before);
  }
});

const V1 = resolve(import.meta.dirname, '../golden/journal-v1');

function goldenV1(): MemoryDisk {
  const disk = new MemoryDisk();
  for (const name of readdirSync(V1)) disk.put(`${DIRECTORY}/${name}`, readFileSync(join(V1, name)));
  return disk;
}

/** Seq and payload of each record, as text. */
function identities({ records }: Awaited<ReturnType<typeof readAll>>): string[] {
  return records.map(({ seq, payload }) => `${seq} ${Buffer.from(payload).toString('hex')}`);
}

it('the golden journal of format 1: a flip of, and a cut at, every byte of every file', async () => {
  const whole = identities(await readAll(goldenV1()));
  const sum = { flips: 0, cuts: 0, lostToFlips: 0 };
  const firsts = segmentsOf(goldenV1()).map((each) => Number(each.slice(-25, -9)));
  /** The last so many records of a segment; of other files there are none to lose. */
  const lastOf = (name: string, count: number): string[] => {
    const next = firsts.find((first) => first > Number(name.slice(-25, -9))) ?? whole.length + 1;
    return name.endsWith('.fbj') ? whole.slice(next - 1 - count, next - 1) : [];
  };
  for (const [name, content] of goldenV1().files()) {
    for (let at = 0; at < content.length; at++) {
      const flipped = Buffer.from(content);
      flipped[at]! ^= 1 << (at % 8);
      for (const bytes of [flipped, content.subarray(0, at)]) {
        const disk = goldenV1();
        disk.put(name, bytes);
        const kept = identities(await readAll(disk));
        const where = `${name} byte ${at}, ${bytes === flipped ? 'flipped' : 'cut'}`;
        expect(whole, where).toEqual(expect.arrayContaining(kept));
        expect(new Set(kept).size, where).toBe(kept.length);
        const lost = whole.filter((each) => !kept.includes(each));
        if (bytes === flipped) expect(lost.length, where).toBeLessThanOrEqual(1);
        else expect(lost, where).toEqual(lastOf(name, lost.length));
        const writer = await openOn(disk);
        expect(await append(writer, 'after'), where).toBeGreaterThan(whole.length);
        expect(identities(await readAll(disk)).slice(0, kept.length), where).toEqual(kept);
        if (bytes === flipped) sum.lostToFlips += lost.length;
      }
      sum.flips++;
      sum.cuts++;
    }
  }
  console.log(
    `journal: golden journal of format 1: ${sum.flips} flips cost ${sum.lostToFlips} times the record they hit, ` +
      `${sum.cuts} cuts only what lay behind them; nothing twice`,
  );
});
