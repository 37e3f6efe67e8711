import { describe, expect, it } from 'vitest';
import { DEFAULT_EXCEPT, DEFAULT_EXCEPT_NAMES, DEFAULT_PATHS } from '../../src/config/file-places.ts';
import { encodeFilter, type FileFilter, lacking, widened, withoutRoom } from '../../src/sensor/file-filter.ts';
import { PLACE, UNWATCHED } from '../../src/sensor/layout.ts';
import { decodeRange } from '../../src/text.ts';

const NONE: FileFilter = { operations: new Set(['creation']), paths: [], except: [], exceptNames: [], ownPid: 7 };

/** What the kernel finds in fb_places: [beginning, value]. */
function placesOf(filter: Partial<FileFilter>): [string, number][] {
  const bytes = Buffer.from(encodeFilter({ ...NONE, ...filter }).contents.fb_places!);
  return Array.from({ length: bytes.length / (PLACE.size + 4) }, (_, i) => {
    const at = i * (PLACE.size + 4);
    const length = bytes.readUInt32LE(at) / 8;
    return [decodeRange(bytes, at + PLACE.path, at + PLACE.path + length), bytes.readUInt32LE(at + PLACE.size)];
  });
}

describe('places', () => {
  it('are watched, left out, or watched where a dot is', () => {
    expect(placesOf({ paths: ['/etc/', '/home/*/.', '/é'], except: ['/etc/x/'] })).toEqual([
      ['/etc/x/', 0],
      ['/etc/', 1],
      ['/home/', 2 | (6 << 8)],
      ['/é', 1],
    ]);
  });

  it('that are watched whole are no less so by their dots; what is watched is not left out', () => {
    expect(placesOf({ paths: ['/home/', '/home/*/.'] })).toEqual([['/home/', 1]]);
    expect(placesOf({ paths: ['/a/'], except: ['/a/'] })).toEqual([['/a/', 1]]);
  });

  it.each<[string, string[], string[], [string, number][]]>([
    ['dots hide nothing of a shorter beginning', ['/home/*/.', '/home'], [], [['/home', 1]]],
    ['a shorter beginning says it all', ['/etc/systemd/', '/etc/', '/etc/*/.'], [], [['/etc/', 1]]],
    [
      'but not behind an exception',
      ['/etc/', '/etc/x/y/', '/etc/x/*/.'],
      ['/etc/x/'],
      [
        ['/etc/x/', 2 | (7 << 8)],
        ['/etc/', 1],
        ['/etc/x/y/', 1],
      ],
    ],
    ['an exception that is longer than a key would hide others', ['/a/'], [`/${'a'.repeat(60)}`], [['/a/', 1]]],
    ['dots behind what is longer than a key are cut', [`/${'a'.repeat(60)}/*/.`], [], [[`/${'a'.repeat(59)}`, 1]]],
  ])('%s', (_name, paths, except, expected) => expect(placesOf({ paths, except })).toEqual(expected));

  it('count up to 60 bytes, and as many as there is room for', () => {
    expect(placesOf({ paths: [`/${'a'.repeat(80)}`] })).toEqual([[`/${'a'.repeat(59)}`, 1]]);
    const paths = Array.from({ length: 2000 }, (_, i) => `/${i}/`);
    expect(placesOf({ paths })).toHaveLength(PLACE.max);
    expect(withoutRoom({ ...NONE, paths })).toEqual(paths.slice(PLACE.max));
  });
});

it('names of folders are keys with their lengths', () => {
  const { constants, contents } = encodeFilter({ ...NONE, exceptNames: ['.git', 'node_modules', 'longer than that'] });
  expect(constants.fb_unwatched_lengths).toBe((1 << 4) | (1 << 12));
  expect(contents.fb_unwatched).toHaveLength(2 * (UNWATCHED.bytes + 1));
});

it('operations are bits of their number', () => {
  const { constants } = encodeFilter({ ...NONE, operations: new Set(['rename', 'modification']) });
  expect(constants).toMatchObject({ fb_file_ops: (1 << 2) | (1 << 4), fb_own_tgid: 7 });
});

it('what rules name is watched besides, and no exception hides it', () => {
  const filter = { ...NONE, paths: ['/etc/'], except: ['/usr/src/', '/var/cache/'], exceptNames: ['.git', '.npm'] };
  const prefixes = ['/usr/src/', '/home/u/.git/hooks/', '/etc/'];
  expect(widened(filter, { prefixes, folders: ['home', '.git', 'hooks'] })).toMatchObject({
    paths: ['/etc/', '/usr/src/', '/home/u/.git/hooks/'],
    except: ['/var/cache/'],
    exceptNames: ['.npm'],
  });
});

// a name between slashes as rules write it, which of .git and node_modules it may be
it.each<[string, string[]]>([
  ['.git', ['.git']],
  ['*.git', ['.git']],
  ['.GI?', ['.git']],
  ['node*', ['node_modules']],
  ['git', []],
  ['.gitx', []],
  ['x.git', []],
  ['(.git', []],
])('the folder %s of a rule takes %j from what is left out', (folder, named) => {
  const exceptNames = ['.git', 'node_modules'];
  const left = widened({ ...NONE, exceptNames }, { prefixes: [], folders: [folder] }).exceptNames;
  expect(exceptNames.filter((name) => !left.includes(name))).toEqual(named);
});

it('the defaults find room', () => {
  const filter = { ...NONE, paths: DEFAULT_PATHS, except: DEFAULT_EXCEPT, exceptNames: DEFAULT_EXCEPT_NAMES };
  expect(placesOf(filter)).toHaveLength(DEFAULT_PATHS.length + DEFAULT_EXCEPT.length);
  expect(encodeFilter(filter).contents.fb_unwatched).toHaveLength(DEFAULT_EXCEPT_NAMES.length * (UNWATCHED.bytes + 1));
});

describe('what a reload needs beyond what the kernel was given', () => {
  const paths = ['/etc/', '/opt/x/', '/home/*/.'];
  const given = { ...NONE, paths, except: ['/etc/out/', '/opt/'], exceptNames: ['.git', '.npm'] };
  // what is needed now, what is said
  const NEEDED: [Partial<FileFilter>, string[]][] = [
    [{}, []],
    [{ paths: ['/etc/', '/etc/systemd/', '/opt/x/'] }, []],
    [{ paths: ['/opt/x/y/', '/home/*/.', '/home/u/.ssh/'] }, []],
    [{ paths: ['/home/', '/home/u/x'] }, ['files in /home/', 'files in /home/u/x']],
    [{ exceptNames: ['.npm'] }, ['files in folders named .git']],
    [{ paths: ['/etc/out/a'] }, ['files in /etc/out/a']],
    [{ paths: ['/srv/'] }, ['files in /srv/']],
    [{ operations: new Set(['creation', 'deletion']) }, ["files' deletion"]],
  ];
  it('is what finds no room, but for what found none before', () => {
    const many = Array.from({ length: PLACE.max + 2 }, (_, i) => `/${i}/`);
    const full = { ...NONE, paths: many };
    expect(lacking(full, { ...full, paths: [...many, '/new/'] })).toEqual(['files in /new/']);
  });

  it.each(NEEDED)('%j: %j', (needed, said) => expect(lacking(given, { ...given, ...needed })).toEqual(said));
});
