// tail and show on a journal that is damaged: what is left is shown, what is not is named once, with file, offset and numbers.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { recordSize } from '../../src/journal/format.ts';
import { fakeIo } from './fake-io.ts';
import { firstSeqOf, JournalFolder, linesOf, RECORDS, START } from './journal-folder.ts';

let at: JournalFolder;
beforeEach(() => {
  at = new JournalFolder();
});
afterEach(() => at.remove());

async function run(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram([...args, '--state', at.state], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

const ALERTS = RECORDS.filter(([kind]) => kind === 'alert').length;
/** The line about the first record of a segment, and only that. */
function lineOf(segment: string): string {
  const seq = firstSeqOf(segment);
  const bytes = recordSize(RECORDS[seq - 1]![1].length);
  return `forebear: journal: ${bytes} damaged bytes at ${START} of ${segment}: record ${seq} is missing\n`;
}

describe('tail', () => {
  it.each([
    ['-n', 'all'],
    ['-n', '10'],
    ['-n', '1'],
    ['--from', '1'],
  ])('%s %s: shows the others, and names the damage once', async (...args) => {
    await at.fill();
    const segment = at.damage(1);
    const { status, out, err } = await run('tail', '--json', ...args);
    const asked = args[1] === 'all' || args[0] === '--from' ? ALERTS : Number(args[1]);
    expect(linesOf(out)).toHaveLength(Math.min(asked, ALERTS - 1));
    expect(status).toBe(0);
    expect(err).toBe(args.join(' ') === '-n 1' ? '' : lineOf(segment));
  });

  it('names it where no alert is left to be shown', async () => {
    await at.fill();
    for (let i = 0; i < at.segments().length; i++) at.change(at.segments()[i]!, (content) => content.fill(0, START));
    const { status, out, err } = await run('tail');
    expect([status, out]).toEqual([1, '']);
    expect(err).toContain(`damaged bytes at ${START} of ${at.segments()[0]}: records 1 to`);
  });

  it('names what lies before the records that it shows, as long as alerts may have been there', async () => {
    await at.fill();
    const segment = at.damage(1);
    const { status, out, err } = await run('tail', '-n', '2', '--rule', 'no such rule');
    expect([status, linesOf(out).length]).toEqual([1, 2]);
    expect(err).toBe(lineOf(segment));
  });

  it('names a file that is missing, and one whose header is lost', async () => {
    await at.fill();
    const [, second] = at.segments();
    at.change(second!, (content) => content.fill(0, 0, START));
    const { err } = await run('tail', '-n', 'all');
    const next = firstSeqOf(at.segments()[2]!) - 1;
    expect(err).toContain(`of ${second}: record`);
    expect(err).toContain(`${firstSeqOf(second!)} to ${next} are missing\n`);
  });
});

describe('show', () => {
  it('shows an alert that lies behind damage, and names the damage', async () => {
    await at.fill();
    const segment = at.damage(1);
    const { status, out, err } = await run('show', 'uuid-11', '--json');
    expect([status, JSON.parse(out)]).toEqual([0, expect.anything()]);
    expect(err).toBe(lineOf(segment));
  });

  it('an alert that is gone: not found, and the damage is named', async () => {
    await at.fill();
    const segment = at.damage(1);
    const { status, err } = await run('show', String(firstSeqOf(segment)));
    expect(status).toBe(1);
    expect(err).toContain(lineOf(segment));
  });
});
