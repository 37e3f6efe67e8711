import { describe, expect, it } from 'vitest';
import { AlertPrinter, MOST_WAITING } from '../../src/commands/alert-printer.ts';
import { sampleAlert } from './sample-alert.ts';

const ALERT = sampleAlert();

/** A pipe whose reader takes as many lines as the test says, and none by itself. */
function setUp() {
  const out: string[] = [];
  const said: string[] = [];
  let taken = 0;
  const waiting: { until: number; resolve: () => void }[] = [];
  const io = {
    out: (text: string) => void out.push(text),
    drained: () =>
      new Promise<void>((resolve) => {
        waiting.push({ until: out.length, resolve });
        if (out.length <= taken) resolve();
      }),
  };
  const printer = new AlertPrinter({ io, format: ({ uuid }) => uuid, say: (line) => said.push(line) });
  const print = (from: number, to: number) => {
    for (let seq = from; seq <= to; seq++) printer.print({ ...ALERT, uuid: `a${seq}` }, seq);
  };
  const take = async (count = Number.POSITIVE_INFINITY) => {
    taken = Math.min(out.length, taken + count);
    // What is resolved may wait again, for less than was taken.
    for (let i = 0; i < waiting.length; i++) {
      if (waiting[i]!.until <= taken) waiting[i]!.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { printer, out, said, print, take, waits: () => waiting.length };
}

const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `a${from + i}\n`);

describe('a reader that takes', () => {
  it('gets every alert, however many', async () => {
    const { out, said, print, take } = setUp();
    for (let i = 0; i < 5; i++) {
      print(i * MOST_WAITING + 1, (i + 1) * MOST_WAITING);
      await take();
    }
    expect([out.length, said]).toEqual([5 * MOST_WAITING, []]);
  });

  it('is waited for once at a time, whatever is printed meanwhile', async () => {
    const { print, take, waits } = setUp();
    print(1, 50);
    expect(waits()).toBe(1);
    await take();
    // For the first line, then for the 49 that came meanwhile.
    expect(waits()).toBe(2);
    print(51, 60);
    expect(waits()).toBe(3);
  });
});

describe('a reader that hangs', () => {
  it('leaves a bounded number of lines waiting, the others are not printed', () => {
    const { out, said, print } = setUp();
    print(1, 10 * MOST_WAITING);
    expect([out, said]).toEqual([lines(1, MOST_WAITING), []]);
  });

  it('is told how many once it takes again, and gets what comes then', async () => {
    const { out, said, print, take } = setUp();
    print(1, MOST_WAITING + 7);
    await take();
    expect(said).toEqual([
      `7 alerts were not printed, as the reader of the output did not take them; see forebear tail --from ${MOST_WAITING + 1}`,
    ]);
    print(2000, 2001);
    expect(out.slice(MOST_WAITING)).toEqual(lines(2000, 2001));
  });

  it('is told again when it hangs again', async () => {
    const { said, print, take } = setUp();
    print(1, MOST_WAITING + 1);
    await take();
    print(1, MOST_WAITING + 2);
    await take();
    expect(said.map((line) => line.split(',')[0])).toEqual(['1 alert was not printed', '2 alerts were not printed']);
  });

  it('has room again only for what it took', async () => {
    const { out, said, print, take } = setUp();
    print(1, MOST_WAITING);
    await take(1);
    print(1001, 1100);
    expect(out).toHaveLength(MOST_WAITING + 1);
    await take(500);
    expect(said).toEqual([]);
    await take();
    expect(said.map((line) => line.split(' ')[0])).toEqual(['99']);
  });

  it('until the end: the run can say what is missing', () => {
    const { printer, said, print } = setUp();
    print(1, MOST_WAITING + 3);
    printer.sayMissing();
    printer.sayMissing();
    expect(said).toHaveLength(1);
  });
});

it('leaves an alert that cannot be formatted to the caller, and goes on', () => {
  const out: string[] = [];
  const format = ({ uuid }: { uuid: string }) => {
    if (uuid === 'bad') throw new Error('bad');
    return uuid;
  };
  const printer = new AlertPrinter({ io: { out: (text) => void out.push(text) }, format, say: () => {} });
  expect(() => printer.print({ ...ALERT, uuid: 'bad' }, 1)).toThrow('bad');
  printer.print({ ...ALERT, uuid: 'good' }, 2);
  expect(out).toEqual(['good\n']);
});
