// forebear journal status and check on a real journal, intact and damaged.

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { progressLine } from '../../src/commands/journal-progress.ts';
import { Cursor } from '../../src/journal/cursor.ts';
import { recordSize } from '../../src/journal/format.ts';
import { nodeJournalIo } from '../../src/journal/journal-io.ts';
import { encodeGap } from '../../src/proto/record-codec.ts';
import { fakeIo } from './fake-io.ts';
import { firstSeqOf, JournalFolder, NINE, RECORDS, START } from './journal-folder.ts';

let at: JournalFolder;
beforeEach(() => {
  at = new JournalFolder();
});
afterEach(() => at.remove());

describe('status', () => {
  it('says what the journal is and has', async () => {
    const links = await at.fill();
    const last = RECORDS.length;
    expect(await at.json('status')).toEqual({
      directory: at.directory,
      journal_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      segments: at.segments().length,
      bytes: at.segments().reduce((sum, name) => sum + statSync(join(at.directory, name)).size, 0),
      first_seq: 1,
      durable_seq: last,
      link: links[last],
      first_time: new Date(NINE + 1000).toISOString(),
      last_time: new Date(NINE + 1000 * last).toISOString(),
      damaged_segments: [],
      quarantined: 0,
      outputs: [],
    });
    expect((await at.run('status')).out).toContain(`${links[last]}@${last}\n`);
  });

  it('tells how far outputs are, and of a cursor that is of another journal', async () => {
    await at.fill();
    const { journal_id: journalId } = await at.json('status');
    const ship = join(at.state, 'ship/cursors');
    mkdirSync(ship, { recursive: true });
    for (const [name, id, seq] of [
      ['central', journalId, 5],
      ['old', '0'.repeat(32), 9],
    ] as const) {
      const cursor = await Cursor.open(nodeJournalIo, join(ship, name));
      await cursor.save({ seq, journalId: id, link: Buffer.alloc(32) });
      await cursor.close();
    }
    const config = join(at.folder, 'f.toml');
    writeFileSync(config, '[outputs.archive]\ntype = "file"\npath = "/tmp/x"\n');
    const { outputs } = await at.json('status', '--config', config);
    expect(outputs).toEqual([
      { name: 'archive', seq: null, behind: RECORDS.length, same_journal: true },
      { name: 'central', seq: 5, behind: RECORDS.length - 5, same_journal: true },
      { name: 'old', seq: 9, behind: RECORDS.length, same_journal: false },
    ]);
  });

  it.each(['status', 'check', 'export', 'repair'])(
    '%s: without a journal: an error with a code, status 2',
    async (which) => {
      const more = which === 'repair' ? ['--plan'] : [];
      const { status, err } = await at.run(which, ...more);
      expect([status, err]).toEqual([2, expect.stringContaining('there is no journal in')]);
      expect(existsSync(at.directory)).toBe(false);
    },
  );
});

describe('check', () => {
  it('finds no fault in what was written, and tells the head of the chain', async () => {
    const links = await at.fill();
    const { status, out } = await at.run('check');
    expect(status).toBe(0);
    expect(out).toContain(`${RECORDS.length}, from 1 to ${RECORDS.length}, in ${at.segments().length} files`);
    expect(out).toContain(`${links[RECORDS.length]}@${RECORDS.length}\n`);
    expect(out).toContain('no faults\n');
  });

  it('names damage with its place, and what is gone', async () => {
    await at.fill();
    const name = at.damage(1);
    const seq = firstSeqOf(name);
    const bytes = recordSize(RECORDS[seq - 1]![1].length);
    const { status, out } = await at.run('check');
    expect(status).toBe(1);
    expect(out).toContain(`damaged     ${bytes} bytes at ${START} of ${name}: record ${seq} is gone\n1 fault\n`);
    expect((await at.json('check')).faults).toEqual([
      { what: 'damaged', segment: name, offset: START, bytes, seq, to_seq: seq },
    ]);
  });

  it('does not count what a gap record tells of', async () => {
    await at.fill();
    const name = at.damage(1);
    const seq = firstSeqOf(name);
    const gapSeq = await at.add(
      'gap',
      encodeGap({ kind: 'damaged_records', detail: '', count: 1, fromSeq: seq, toSeq: seq }),
    );
    const { status, out } = await at.run('check');
    expect(status).toBe(0);
    expect(out).toContain(`(told of in record ${gapSeq})\nno faults, 1 that the journal tells of itself\n`);
  });

  it('names a record that was changed by somebody who knows the format, gap record or not', async () => {
    await at.fill();
    at.forge();
    await at.add('gap', encodeGap({ kind: 'damaged_records', detail: '', count: 1, fromSeq: 1, toSeq: 99 }));
    expect(await at.run('check')).toMatchObject({ status: 1, out: expect.stringContaining('chain       ') });
  });

  it('names a record that is not what its kind says', async () => {
    await at.fill();
    const seq = await at.add('gap', Buffer.from([0xff]));
    expect((await at.json('check')).faults).toEqual([{ what: 'unreadable', segment: '', seq }]);
  });

  it('shows a hundred faults to a person, and all to a program', async () => {
    const writer = await at.open();
    const bad = Array.from({ length: 150 }, () =>
      writer.append(Buffer.of(0xff), { kind: 'gap', rank: 0, wallMs: NINE }),
    );
    await Promise.all(bad);
    await writer.close();
    const { out } = await at.run('check');
    expect(out.match(/^unreadable {2}record/gm)).toHaveLength(100);
    expect(out).toContain('... and 50 more; --json names all\n150 faults\n');
    expect((await at.json('check')).faults).toHaveLength(150);
  });

  it.each<[string, (links: string[]) => string, number, string]>([
    ['that it has', (links) => `${links[9]}@9`, 0, 'the same'],
    ['in capitals', (links) => `${links[9]!.toUpperCase()}@9`, 0, 'the same'],
    ['of another record', (links) => `${links[8]}@9`, 1, 'NOT the record that it was'],
    ['beyond its end', (links) => `${links[9]}@99`, 1, 'GONE'],
    ['before its begin', (links) => `${links[9]}@0`, 1, 'cannot be compared'],
  ])('compares with a head %s', async (_name, head, code, text) => {
    const links = await at.fill();
    const { status, out } = await at.run('check', '--expect-link', head(links));
    expect([status, out]).toEqual([code, expect.stringContaining(text)]);
    expect(out.endsWith('no faults\n')).toBe(code === 0);
  });

  it('cannot compare a head behind damage in the same file', async () => {
    const links = await at.fill();
    at.damage(0);
    const { expected } = await at.json('check', '--expect-link', `${links[2]}@2`);
    expect(expected).toEqual([{ seq: 2, link: links[2], verdict: 'unknown' }]);
  });

  it.each(['x@1', `${'a'.repeat(64)}`, `${'a'.repeat(63)}@1`, `${'a'.repeat(64)}@-1`])(
    'refuses a head that is none: %s',
    async (head) => {
      const { status, err } = await at.run('check', '--json', '--expect-link', head);
      expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_COMMAND_USAGE']);
    },
  );
});

describe('progress', () => {
  it.each([
    ['on a terminal', true, 9, `\rreading: file 3 of 9\r${' '.repeat(20)}\r`],
    ['of a short journal', true, 7, ''],
    ['not on a terminal', false, 9, ''],
  ])('%s', (_name, errIsTerminal, of, shown) => {
    const io = fakeIo({ errIsTerminal });
    const progress = progressLine(io, 'reading');
    progress.show(3, of);
    progress.end();
    progress.end();
    expect(io.stderr()).toBe(shown);
  });
});
