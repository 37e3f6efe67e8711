import { describe, expect, it } from 'vitest';
import { contextOf, ENTRY_BYTES, Image, ProcessEntry } from '../../src/enrich/process-entry.ts';
import { ProcessTable } from '../../src/enrich/process-table.ts';
import { Counters } from '../../src/stats.ts';
import { taskState } from './fake-host.ts';

const LIMIT = 64 * 1024 * 1024;
const SECOND = 1_000_000_000n;
const ARGS = ['--one', '--two=2', 'three', '-4', 'five-five', '--six', 'seven', '/tmp/eight'];

interface Made {
  table: ProcessTable;
  counters: Counters;
  evictedLive: () => number;
}

function make(maxBytes = LIMIT): Made {
  const counters = new Counters();
  let evicted = 0;
  const table = new ProcessTable({ maxBytes, graceNs: 30n * SECOND, counters, onEvictLive: () => evicted++ });
  return { table, counters, evictedLive: () => evicted };
}

const context = contextOf(taskState(), undefined);

/** A process with an image of its own. */
function entryOf(
  pid: number,
  startNs: bigint,
  executable = '/usr/bin/thing',
  args: readonly string[] = ARGS,
): ProcessEntry {
  const image = new Image({
    executable,
    args: [...args, String(pid)],
    argc: args.length + 1,
    cwd: '/srv',
    source: 'kernel',
  });
  return new ProcessEntry('boot', pid, startNs, image, context);
}

function addChild(table: ProcessTable, parent: ProcessEntry, pid: number): ProcessEntry {
  const child = table.add(entryOf(pid, parent.startNs + BigInt(pid)));
  table.point(child, 'origin', parent);
  return child;
}

describe('bounds', () => {
  it('holds 100,000 processes with eight arguments each in 64 MiB, none evicted', () => {
    const { table, evictedLive } = make();
    for (let pid = 1; pid <= 100_000; pid++) table.add(entryOf(pid, BigInt(pid), `/usr/bin/tool-${pid % 500}`));
    expect(table.size).toBe(100_000);
    expect(evictedLive()).toBe(0);
    expect(table.bytes).toBeLessThanOrEqual(LIMIT);
    expect(table.bytes).toBeGreaterThan(100_000 * (ENTRY_BYTES + 100));
  });

  it('never exceeds its limit, whatever comes', () => {
    const { table } = make(1024 * 1024);
    for (let pid = 1; pid <= 20_000; pid++) {
      const entry = table.add(entryOf(pid, BigInt(pid), `/opt/${pid}/bin`));
      if (pid % 3 === 0) table.exit(entry);
      expect(table.bytes).toBeLessThanOrEqual(1024 * 1024);
    }
    expect(table.size).toBeGreaterThan(500);
  });

  it('is back at nothing when all have left', () => {
    const { table } = make();
    const parent = table.add(entryOf(1, 1n));
    let last = parent;
    for (let pid = 2; pid <= 5000; pid++) last = addChild(table, last, pid);
    for (let pid = 1; pid <= 5000; pid++) table.exit(table.current(pid)!);
    table.advance(31n * SECOND);
    expect([table.size, table.bytes]).toEqual([0, 0]);
  });

  it('keeps the last eight execs of a process that execs again and again', () => {
    const { table } = make();
    const entry = table.add(entryOf(1, 1n));
    for (let i = 0; i < 10; i++) table.setImage(entry, entryOf(1, 1n).image, BigInt(i + 1));
    const { bytes } = table;
    for (let i = 10; i < 100; i++) table.setImage(entry, entryOf(1, 1n).image, BigInt(i + 1));
    expect(entry.earlier).toEqual(Array.from({ length: 8 }, (_, i) => BigInt(99 - i)));
    expect(table.bytes).toBe(bytes);
  });

  it('accounts a shared image once', () => {
    const { table } = make();
    const parent = table.add(entryOf(1, 1n));
    const before = table.bytes;
    table.add(new ProcessEntry('boot', 2, 2n, parent.image, parent.context));
    expect(table.bytes - before).toBe(ENTRY_BYTES);
  });

  it('accounts what is read later', () => {
    const { table } = make();
    const entry = table.add(
      new ProcessEntry('boot', 1, 1n, new Image({ executable: '/bin/a', source: 'unread' }), context),
    );
    const before = table.bytes;
    table.fillImage(entry, (image) => image.setArgs(['x'.repeat(1000)], 1, false));
    expect(table.bytes - before).toBe(16 + 1000);
    table.exit(entry);
    table.advance(31n * SECOND);
    expect(table.bytes).toBe(0);
  });
});

describe('who is evicted', () => {
  it('takes the exited without descendants first, then details of the referred, then live ones without descendants', () => {
    const { table, counters, evictedLive } = make(2 * 1024 * 1024);
    const init = table.add(entryOf(1, 1n));
    const shell = table.add(entryOf(2, 2n, '/usr/bin/thing', ['x'.repeat(100_000)]));
    const child = addChild(table, shell, 3);
    table.exit(shell);
    for (let pid = 10; pid < 500; pid++) table.exit(addChild(table, init, pid));
    const reason = (name: string) => counters.get('enrich_processes_evicted_total', name);

    for (let pid = 1000; reason('referred') === 0; pid++) addChild(table, init, pid);
    expect(reason('exited')).toBe(490);
    expect(reason('live')).toBe(0);
    expect(shell.image.args()).toEqual([]);
    expect(shell.image.executable).toBe('/usr/bin/thing');
    expect(child.origin).toBe(shell);

    for (let pid = 100_000; reason('live') === 0; pid++) addChild(table, init, pid);
    expect(evictedLive()).toBe(reason('live'));
    expect(table.current(1)).toBe(init);
  });
});

describe('how long an entry stays', () => {
  it('keeps an exited one for its grace, in record time', () => {
    const { table } = make();
    table.advance(100n * SECOND);
    table.exit(table.add(entryOf(5, 5n)));
    table.advance(129n * SECOND);
    expect(table.find(5, 5n)).toBeDefined();
    table.advance(130n * SECOND);
    expect(table.find(5, 5n)).toBeUndefined();
  });

  it('keeps ancestors and leaders for as long as a descendant lives, then lets all go at once', () => {
    const { table } = make();
    const shell = table.add(entryOf(2, 2n));
    const middle = addChild(table, shell, 3);
    const child = addChild(table, middle, 4);
    table.point(child, 'leader', shell);
    table.exit(shell);
    table.exit(middle);
    table.advance(3600n * SECOND);
    expect(table.size).toBe(3);
    table.exit(child);
    table.advance(7200n * SECOND);
    expect([table.size, table.bytes]).toEqual([0, 0]);
  });

  it('tells two users of one pid apart', () => {
    const { table, counters } = make();
    const first = table.add(entryOf(7, 7n));
    const child = addChild(table, first, 8);
    const second = table.add(entryOf(7, 70n));
    expect(first.exited).toBe(true);
    expect(counters.get('enrich_exits_missed_total')).toBe(1);
    expect(table.current(7)).toBe(second);
    expect(table.find(7, 7n)).toBe(first);
    expect(table.before(7, child.startNs)).toBe(first);
    table.advance(31n * SECOND);
    expect(table.find(7, 7n)).toBe(first);
    table.exit(child);
    table.advance(62n * SECOND);
    expect(table.find(7, 7n)).toBeUndefined();
    expect(table.current(7)).toBe(second);
  });

  it('finds lost exits against the world, in bounded steps, and counts them', () => {
    const { table, counters } = make();
    for (let pid = 1; pid <= 100; pid++) table.add(entryOf(pid, BigInt(pid)));
    let asked = 0;
    const isAlive = (pid: number) => {
      asked++;
      return pid % 10 !== 0;
    };
    let wrapped = false;
    for (let call = 0; !wrapped; call++) {
      wrapped = table.expire(isAlive, 30).wrapped;
      expect(asked).toBe(Math.min(100, (call + 1) * 30));
    }
    expect(counters.get('enrich_exits_missed_total')).toBe(10);
    table.advance(31n * SECOND);
    expect(table.size).toBe(90);
  });
});
