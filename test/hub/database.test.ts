import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import type { ForebearError } from '../../src/errors.ts';
import { openToEnrol, openToRead, openToServe } from '../../src/hub/database-io.ts';
import { scratchDirectory } from './fixture.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as ForebearError).code;
  }
  return 'opened';
}

it('is made once, keeps its id, and is not for everybody to read', () => {
  using directory = scratchDirectory();
  const path = join(directory.path, 'a/b');
  const ids = [1, 2].map(() => {
    using database = openToServe(path);
    return database.id;
  });
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(ids[1]).toBe(ids[0]);
  expect(statSync(join(path, 'hub.db')).mode & 0o007).toBe(0);
});

it('has one server; credentials and readers come beside it', () => {
  using directory = scratchDirectory();
  using _server = openToServe(directory.path);
  expect(codeOf(() => openToServe(directory.path))).toBe('FB_HUB_LOCKED');
  using enrolling = openToEnrol(directory.path);
  enrolling.sql.exec("INSERT INTO tokens VALUES (x'00', 'h', 1)");
  using reading = openToRead(directory.path);
  expect(reading.sql.prepare('SELECT host_id FROM tokens').all()).toHaveLength(1);
  expect(() => reading.sql.exec('DELETE FROM tokens')).toThrow();
});

it('syncs every commit', () => {
  using directory = scratchDirectory();
  using server = openToServe(directory.path);
  expect(server.sql.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  expect(server.sql.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(server.sql.prepare('PRAGMA page_size').get()).toEqual({ page_size: 8192 });
});

it('of a newer version is refused and left as it is', () => {
  using directory = scratchDirectory();
  openToServe(directory.path)[Symbol.dispose]();
  const file = join(directory.path, 'hub.db');
  const newer = new DatabaseSync(file);
  newer.exec('PRAGMA user_version = 3; PRAGMA journal_mode = DELETE');
  newer.close();
  const before = readFileSync(file);
  for (const open of [openToServe, openToEnrol, openToRead]) {
    expect(codeOf(() => open(directory.path))).toBe('FB_HUB_NEWER');
  }
  expect(readFileSync(file).equals(before)).toBe(true);
  // The lock was given back.
  expect(codeOf(() => openToServe(directory.path))).toBe('FB_HUB_NEWER');
});

it('is not made by readers', () => {
  using directory = scratchDirectory();
  expect(codeOf(() => openToRead(directory.path))).toBe('FB_HUB_ABSENT');
  expect(existsSync(join(directory.path, 'hub.db'))).toBe(false);
});

it.each([
  ['no database', (file: string) => writeFileSync(file, 'not a database, but long enough to look at '.repeat(20))],
  ['a folder', (file: string) => execFileSync('mkdir', [file])],
])('that is %s is refused, untouched', (_what, spoil) => {
  using directory = scratchDirectory();
  const file = join(directory.path, 'hub.db');
  spoil(file);
  for (const open of [openToServe, openToRead]) expect(codeOf(() => open(directory.path))).toBe('FB_HUB_DATABASE');
});

it('a directory that cannot be made is told of', () => {
  using directory = scratchDirectory();
  execFileSync('ln', ['-s', 'nowhere/at/all', join(directory.path, 'link')]);
  expect(codeOf(() => openToServe(join(directory.path, 'link')))).toBe('FB_HUB_DATABASE');
});

it('of the version before is converted: what hosts take is counted', () => {
  using directory = scratchDirectory();
  {
    using former = openToServe(directory.path);
    former.sql.exec(`
      DROP INDEX journals_by_host; ALTER TABLE hosts DROP COLUMN bytes; PRAGMA user_version = 1;
      INSERT INTO hosts (host_id, name, version, first_ms, seen_ms) VALUES ('h1', 'n', '0', 1, 1), ('h2', 'n', '0', 1, 1);
      INSERT INTO journals (host, journal_id, first_ms, seen_ms, top_seq) VALUES (1, 'j', 1, 1, 2);
      INSERT INTO records (journal, seq, kind, rank, wall_ms, arrived_ms, payload)
        VALUES (1, 1, 1, 1, 1, 1, zeroblob(100)), (1, 2, 1, 1, 1, 1, zeroblob(11))`);
  }
  using now = openToServe(directory.path);
  expect(now.sql.prepare('SELECT bytes FROM hosts ORDER BY host').all()).toMatchObject([{ bytes: 1111 }, { bytes: 0 }]);
});
