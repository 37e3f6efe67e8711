import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CapState } from '../../src/detect/signal-caps.ts';
import { openTermDatabase } from '../../src/detect/term-database-io.ts';
import { DurableTermStore, openTermStore } from '../../src/detect/term-store-io.ts';
import { Counters } from '../../src/stats.ts';

const RULE = { rule_id: 'r', fields: ['process.name'], queryHash: 'q1' };
let folder: string;
let path: string;
let open: DurableTermStore[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-terms-'));
  path = join(folder, 'terms.db');
});
afterEach(() => {
  for (const store of open) store.close();
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

function at(seconds: number) {
  return { bootId: 'boot-1', bootNs: BigInt(seconds) * 1_000_000_000n, wallMs: 1_000_000 + seconds * 1_000 };
}

function start(counters = new Counters(), file = path): DurableTermStore {
  const store = new DurableTermStore(openTermDatabase(file), counters);
  open.push(store);
  store.declare(RULE, at(0));
  return store;
}

/** What a crash at this moment leaves: the files as they are, without close. */
function crash(): DurableTermStore {
  const copy = join(folder, `crash-${readdirSync(folder).length}.db`);
  for (const part of ['', '-wal']) if (existsSync(path + part)) copyFileSync(path + part, copy + part);
  return start(new Counters(), copy);
}

it('keeps terms, history and its mark over a restart', () => {
  const store = start();
  store.see('r', '/\udcff', at(5));
  store.see('r', 'b', at(6));
  store.declare({ ...RULE, queryHash: 'q2' }, at(7));
  store.close();
  store.close();
  const again = start();
  expect(again.see('r', '/\udcff', at(100))).toEqual(at(5));
  expect(again.see('r', '/\udcfe', at(100))).toBeUndefined();
  expect(again.history('r')).toMatchObject({ start: at(0), changed: at(0) });
});

it('forgets evicted terms and those of other fields on disk too', () => {
  const store = new DurableTermStore(openTermDatabase(path), new Counters(), 2);
  open.push(store);
  store.declare(RULE, at(0));
  for (const [i, term] of ['a', 'b', 'c'].entries()) store.see('r', term, at(i));
  store.close();
  const again = start();
  expect(again.size).toBe(2);
  again.declare({ ...RULE, fields: ['user.name'] }, at(9));
  again.close();
  const database = new DatabaseSync(path);
  expect(database.prepare('SELECT count(*) AS n FROM terms').get()).toEqual({ n: 0 });
  database.close();
});

it('writes what is dirty at least every 60 s of event time', () => {
  const store = start();
  store.tick(at(0));
  store.see('r', 'a', at(1));
  store.tick(at(59));
  expect(crash().see('r', 'a', at(100))).toBeUndefined();
  store.tick(at(60));
  expect(crash().see('r', 'a', at(100))).toEqual(at(1));
});

it('writes much in pieces, and the checkpoint with the last of them', () => {
  const store = start();
  store.tick(at(0));
  for (let i = 0; i < 1_200; i++) store.see('r', `t${i}`, at(1));
  store.release('r', [], 42);
  const sizes: [number, number][] = [];
  for (let i = 0; i < 3; i++) {
    store.tick(at(60 + i));
    const copy = crash();
    sizes.push([copy.size, copy.checkpointSeq]);
  }
  expect(sizes).toEqual([
    [512, 0],
    [1_024, 0],
    [1_200, 42],
  ]);
});

describe('order with the journal', () => {
  it('does not write the term of an alert that is not durable', () => {
    const store = start();
    store.see('r', 'a', at(1));
    store.hold('r', 'a');
    store.flush();
    expect(crash().see('r', 'a', at(2))).toBeUndefined();
    store.release('r', ['a'], 7);
    store.flush();
    const after = crash();
    expect(after.see('r', 'a', at(2))).toEqual(at(1));
    expect(after.checkpointSeq).toBe(7);
  });

  it('forgets the term of an alert that will not be durable, on disk too', () => {
    const store = start();
    store.see('r', 'a', at(1));
    store.flush();
    store.see('r', 'a', at(2));
    store.hold('r', 'a');
    store.forget('r', 'a');
    expect(store.size).toBe(0);
    store.flush();
    expect(crash().size).toBe(0);
    expect(store.see('r', 'a', at(3))).toBeUndefined();
    store.flush();
    expect(crash().see('r', 'a', at(4))).toEqual(at(3));
  });

  it('does not forget a term that another alert may yet make durable', () => {
    const store = start();
    store.see('r', 'a', at(1));
    store.hold('r', 'a');
    store.hold('r', 'a');
    store.forget('r', 'a');
    store.flush();
    expect([store.size, crash().size]).toEqual([1, 0]);
    store.release('r', ['a'], 7);
    store.flush();
    expect(crash().see('r', 'a', at(4))).toEqual(at(1));
  });

  it('keeps a held term back when it is seen again', () => {
    const store = start();
    store.see('r', 'a', at(1));
    store.hold('r', 'a');
    store.see('r', 'a', at(2));
    store.flush();
    expect(crash().size).toBe(0);
  });

  it('waits for every alert of a term', () => {
    const store = start();
    store.see('r', 'a', at(1));
    store.hold('r', 'a');
    store.hold('r', 'a');
    store.release('r', ['a'], 1);
    store.flush();
    expect(crash().size).toBe(0);
  });
});

it('knows how many terms it has before a rule is declared', () => {
  const store = start();
  store.see('r', 'a', at(1));
  store.see('r', 'b', at(1));
  store.close();
  const again = openTermStore(folder, new Counters());
  open.push(again);
  expect(again.size).toBe(2);
  again.declare(RULE, at(2));
  expect(again.size).toBe(2);
});

it('begins to count anew in another journal', () => {
  const seqOf = (journalId: string) => {
    const store = openTermStore(folder, new Counters(), 10, journalId);
    open.push(store);
    const before = store.checkpointSeq;
    store.release('r', [], before + 5);
    store.close();
    return before;
  };
  expect(['one', 'one', 'two', 'two', 'one'].map(seqOf)).toEqual([0, 5, 0, 5, 0]);
});

it('keeps max_signals', () => {
  const store = start();
  const states: CapState[] = [{ rule_id: 'r', start: at(3), count: 5, capped: 2 }];
  store.keepCaps(() => states);
  store.close();
  expect(start().restoreCaps()).toEqual(states);
});

describe('files', () => {
  it('are not readable for others', () => {
    start();
    expect(statSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  it('of a newer version are refused and not touched', () => {
    start().close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 2');
    database.close();
    const before = readFileSync(path);
    expect(() => openTermDatabase(path)).toThrow(expect.objectContaining({ code: 'FB_TERMS_NEWER' }));
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['terms.db']);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['no database', () => Buffer.from('not a database, and long enough to be looked at: '.repeat(40))],
    ['cut off', (bytes) => bytes.subarray(0, 5_000)],
    [
      'overwritten in the middle',
      (bytes) => Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(4_096, 0xa5), bytes.subarray(8_192)]),
    ],
    ['another program’s', () => foreignDatabase()],
  ])('that are damaged (%s) are set aside, and a new one begins', (_name, damage) => {
    const store = start();
    store.see('r', 'a', at(1));
    store.release('r', [], 9);
    store.close();
    const damaged = damage(readFileSync(path));
    writeFileSync(path, damaged);
    const counters = new Counters();
    const fresh = openTermStore(folder, counters);
    open.push(fresh);
    expect(counters.get('detect_databases_damaged_total')).toBe(1);
    expect(fresh.damaged?.reason).not.toBe('');
    expect(readFileSync(fresh.damaged!.file).equals(damaged)).toBe(true);
    expect(fresh.checkpointSeq).toBe(0);
    fresh.declare(RULE, at(2));
    expect(fresh.see('r', 'a', at(3))).toBeUndefined();
  });

  it('that cannot be opened are said', () => {
    expect(() => openTermDatabase(join(folder, 'none', 'terms.db'))).toThrow(
      expect.objectContaining({ code: 'FB_TERMS_OPEN' }),
    );
  });

  it('that cannot be written cost no event: counted, kept dirty, written later', () => {
    const counters = new Counters();
    const store = start(counters);
    store.flush();
    const other = new DatabaseSync(path);
    other.exec('DROP TABLE terms');
    store.see('r', 'a', at(1));
    store.flush();
    expect(store.lastError).toBeDefined();
    expect(counters.get('detect_terms_flush_failed_total')).toBe(1);
    other.exec(
      'CREATE TABLE terms (rule_id TEXT, term BLOB, boot TEXT, ns INTEGER, ms REAL, PRIMARY KEY (rule_id, term)) STRICT',
    );
    other.close();
    store.flush();
    expect(store.lastError).toBeUndefined();
    expect(crash().size).toBe(1);
  });
});

function foreignDatabase(): Buffer {
  const other = join(folder, 'other.db');
  const database = new DatabaseSync(other);
  database.exec('CREATE TABLE terms (x); PRAGMA user_version = 1');
  database.close();
  const bytes = readFileSync(other);
  rmSync(other);
  return bytes;
}
