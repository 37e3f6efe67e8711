// forebear journal repair: the plan changes nothing, applying it mends what can be, and nothing is done beside a writer.

import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordSize } from '../../src/journal/format.ts';
import { LAUNCHER, whyNotBuilt } from './built.ts';
import { firstSeqOf, JournalFolder, linesOf, RECORDS, START } from './journal-folder.ts';
import { NOBODY, whyNotAsNobody } from './other-user.ts';

let at: JournalFolder;
beforeEach(() => {
  at = new JournalFolder();
});
afterEach(() => at.remove());

describe('repair', () => {
  const before = () => Object.fromEntries(at.segments().map((name) => [name, readFileSync(join(at.directory, name))]));
  const steps = async (...args: string[]): Promise<{ do: string; text: string }[]> =>
    (await at.json('repair', ...args)).steps;

  it('needs to be told which', async () => {
    await at.fill();
    const { status, err } = await at.run('repair', '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_COMMAND_USAGE']);
    expect((await at.run('repair', '--plan', '--apply')).status).toBe(2);
  });

  it('finds nothing to do in what is intact, and does nothing', async () => {
    await at.fill();
    const files = before();
    expect(await at.run('repair', '--plan')).toEqual({ status: 0, out: 'nothing to repair\n', err: '' });
    expect((await at.run('repair', '--apply')).out).toBe('nothing was to be repaired\n');
    expect(before()).toEqual(files);
  });

  it.each<[string, () => void, string[]]>([
    ['a record in the midst', () => at.damage(1), ['copy', 'record']],
    ['the first record of the last file', () => at.damage(-1), ['copy', 'record']],
    [
      'the last header',
      () => at.change(at.segments().at(-1)!, (content) => content.fill(0, 0, START)),
      ['move', 'record'],
    ],
    ['the last file taken away', () => rmSync(join(at.directory, at.segments().at(-1)!)), ['record']],
    [
      'a torn tail',
      () => at.change(at.segments().at(-1)!, (content) => Buffer.concat([content, Buffer.from('torn')])),
      ['cut'],
    ],
    [
      'a header in the midst',
      () => at.change(at.segments()[1]!, (content) => content.fill(0, 0, START)),
      ['move', 'record'],
    ],
    ['a segment that was taken away', () => rmSync(join(at.directory, at.segments()[1]!)), ['record']],
    ['a leftover', () => writeFileSync(join(at.directory, 'x.fbj.tmp'), 'x'), ['remove']],
  ])('%s: the plan changes nothing, applying it mends it', async (_name, damage, expected) => {
    await at.fill();
    damage();
    const files = before();
    const names = readdirSync(at.directory).sort();
    const planned = await steps('--plan');
    expect(planned.map((step) => step.do)).toEqual(expected);
    expect((await at.run('repair', '--plan')).status).toBe(1);
    expect([before(), readdirSync(at.directory).sort()]).toEqual([files, names]);
    expect(await steps('--apply')).toEqual(planned);
    expect(await at.run('repair', '--plan')).toEqual({ status: 0, out: 'nothing to repair\n', err: '' });
    expect((await at.run('check')).status).toBe(0);
  });

  it('keeps a copy of what is damaged, and tells in a gap record what is gone', async () => {
    await at.fill();
    const name = at.damage(1);
    const damaged = readFileSync(join(at.directory, name));
    await at.run('repair', '--apply');
    const seq = firstSeqOf(name);
    const bytes = recordSize(RECORDS[seq - 1]![1].length);
    const copy = readFileSync(join(at.directory, 'quarantine', `${name}-${START}-${bytes}.bin`));
    expect(copy).toEqual(damaged.subarray(START, START + bytes));
    const told = linesOf((await at.run('export', '--kind', 'gap', '--from', '18')).out).map((line) => JSON.parse(line));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      'forebear.gap.kind': 'damaged_records',
      'forebear.gap.detail': `${bytes} bytes at ${START} of ${name}`,
      'forebear.gap.from_seq': seq,
      'forebear.gap.to_seq': seq,
    });
    expect((await at.json('status')).quarantined).toBe(1);
  });

  it('keeps the journal’s id, whoever repairs it', async () => {
    await at.fill();
    const { journal_id } = await at.json('status');
    at.damage(0);
    await at.run('repair', '--apply');
    expect(await at.json('status')).toMatchObject({ journal_id, durable_seq: RECORDS.length + 1 });
  });

  it('refuses while somebody writes: a code, nothing changed', async () => {
    await at.fill();
    const writer = await at.open();
    at.damage(0);
    const files = before();
    const { status, err } = await at.run('repair', '--apply', '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_JOURNAL_LOCKED']);
    expect(before()).toEqual(files);
    await writer.close();
  });

  it('does not mend a chain that was changed, and says so', async () => {
    await at.fill();
    at.forge();
    for (const how of ['--plan', '--apply', '--plan']) {
      expect(await at.run('repair', how)).toMatchObject({ status: 1, out: expect.stringContaining('beyond repair') });
    }
    const [fault] = (await at.json('repair', '--plan')).beyond_repair;
    expect(fault).toMatchObject({ what: 'chain', text: expect.stringContaining('is not the one that was written') });
  });

  it('run by root, leaves no file that its owner could not open', async (ctx) => {
    const missing = whyNotAsNobody() ?? whyNotBuilt();
    if (missing !== undefined) ctx.skip(missing);
    await at.fill();
    at.damage(1);
    chmodSync(at.folder, 0o755);
    spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, at.state]);
    const { status, stderr } = spawnSync(LAUNCHER, ['journal', 'repair', '--apply', '--state', at.state]);
    expect([status, String(stderr)]).toEqual([0, '']);
    const paths = readdirSync(at.directory, { recursive: true, encoding: 'utf8' });
    const owners = paths.map((name) => [name, statSync(join(at.directory, name)).uid]);
    expect(owners).toEqual(paths.map((name) => [name, NOBODY]));
    expect(paths.some((name) => name.startsWith('quarantine/'))).toBe(true);
  });
});
