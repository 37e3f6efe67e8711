// Files against what was read of them: what is told when, and what is not.

import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileWatch, UNSEEN } from '../../src/agent/file-watch.ts';
import { SOURCE } from '../../src/agent/source-watch-io.ts';
import { WatchedFiles } from '../../src/agent/watched-files-io.ts';

const found = (states: Record<string, string>) => new Map(Object.entries(states));

describe('what differs', () => {
  it('is told once, when it lasts longer than an edit with its reload', () => {
    const watch = new FileWatch(1000);
    watch.compare(found({ a: '1' }), 0);
    watch.compare(found({ a: '2' }), 100);
    expect(watch.due(1099)).toEqual([]);
    expect(watch.due(1100)).toMatchObject([{ path: 'a', before: '1', now: '2', sinceMs: 100 }]);
    watch.compare(found({ a: '2' }), 2000);
    expect(watch.due(9000)).toEqual([]);
  });

  it('is told again when it differs otherwise, its time counting from the first', () => {
    const watch = new FileWatch(1000);
    watch.compare(found({ a: '1' }), 0);
    watch.compare(found({ a: '2' }), 0);
    watch.due(1000);
    watch.compare(found({ a: '3' }), 1500);
    expect(watch.due(1500)).toMatchObject([{ before: '1', now: '3', sinceMs: 0 }]);
  });

  it('is what a reload made the state to compare with', () => {
    const watch = new FileWatch(0);
    watch.compare(found({ a: '1' }), 0);
    watch.compare(found({ a: '2' }), 1);
    watch.rebase(found({ a: '2' }));
    watch.compare(found({ a: '2' }), 2);
    expect(watch.due(100, true)).toEqual([]);
  });

  it('knows what is new, what is gone, and what is back', () => {
    const watch = new FileWatch(0);
    watch.compare(found({ a: '1', b: '1' }), 0);
    expect(watch.compare(found({ b: '1', c: '1' }), 1)).toEqual([]);
    expect(watch.due(1)).toMatchObject([
      { path: 'a', now: 'absent' },
      { path: 'c', before: 'absent' },
    ]);
    expect(watch.compare(found({ a: '1', b: '1' }), 2).map(({ path }) => path)).toEqual(['a', 'c']);
    expect(watch.waiting).toBe(false);
  });
});

describe('what was not looked at, as there is too much', () => {
  it('is not told as gone where it was seen before, nor as new where it is seen now', () => {
    const watch = new FileWatch(0);
    watch.compare(found({ '/r': 'folder', '/r/a': '1', '/r/b': '1', '/r/c': UNSEEN }), 0);
    watch.compare(found({ '/r': 'folder', '/r/0': '1', '/r/a': '2', '/r/b': UNSEEN, '/r/c': UNSEEN }), 1);
    expect(watch.due(1).map(({ path }) => path)).toEqual(['/r/a', '/r/0']);
    expect(watch.compare(found({ '/r': 'folder', '/r/b': '1', '/r/c': 'folder', '/r/c/d': '1' }), 2)).toEqual([
      expect.objectContaining({ path: '/r/0' }),
    ]);
    expect(watch.due(2)).toMatchObject([{ path: '/r/a', now: 'absent' }]);
  });

  it('stays what it was when a part is loaded anew', () => {
    const watch = new FileWatch(0);
    watch.compare(found({ '/r/a': '1', '/r/b': '1' }), 0);
    watch.rebase(found({ '/r/a': '2', '/r/b': UNSEEN }), (path) => path === '/r/a');
    watch.compare(found({ '/r/a': '2', '/r/b': '2' }), 1);
    expect(watch.due(1)).toMatchObject([{ path: '/r/b', before: '1', now: '2' }]);
  });
});

describe('what a path is', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'forebear-files-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function look(files: WatchedFiles, step = 2): Record<string, string> {
    const pass = files.pass(step);
    for (;;) {
      const { done, value } = pass.next();
      if (done === true)
        return Object.fromEntries([...value].map(([path, state]) => [path.slice(folder.length), state]));
    }
  }

  const CHANGES: [string, (path: string) => void, RegExp][] = [
    [
      'other content of the same length and time',
      (path) => {
        writeFileSync(path, 'bb');
        utimesSync(path, 1, 1);
      },
      /^file 644 \S+ sha256 3b64db95/,
    ],
    ['other rights', (path) => chmodSync(path, 0o666), /^file 666 /],
    ['a set-uid bit', (path) => chmodSync(path, 0o4644), /^file 4644 /],
    [
      'a link in its place',
      (path) => {
        rmSync(path);
        symlinkSync('/dev/null', path);
      },
      /^link to \/dev\/null$/,
    ],
    [
      'a folder in its place',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
      /^folder /,
    ],
    ['nothing in its place', (path) => rmSync(path), /^undefined$/],
  ];

  it.each(CHANGES)('tells %s', (_, change, expected) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'aa', { mode: 0o644 });
    utimesSync(path, 1, 1);
    const files = new WatchedFiles([{ path: folder, deep: true }], () => {});
    const before = look(files)['/file'];
    change(path);
    const now = look(files)['/file'];
    files.stop();
    expect(before).toMatch(/^file 644 \S+ sha256 961b6dd3/);
    expect(String(now)).toMatch(expected);
  });

  it('does not take another inode with the same content for a change, and follows a link to its file', () => {
    writeFileSync(join(folder, 'target'), 'aa');
    symlinkSync('target', join(folder, 'link'));
    const files = new WatchedFiles([{ path: join(folder, 'link'), deep: false }], () => {});
    const before = look(files);
    writeFileSync(join(folder, 'new'), 'aa');
    renameSync(join(folder, 'new'), join(folder, 'target'));
    expect(look(files)).toEqual(before);
    writeFileSync(join(folder, 'target'), 'bb');
    expect(look(files)['/link']).toMatch(/^link to target, file \d+ \S+ sha256 3b64db95/);
    files.stop();
  });

  it('looks into folders where it is to, and says what is not there', () => {
    mkdirSync(join(folder, 'deep/below'), { recursive: true });
    writeFileSync(join(folder, 'deep/below/file'), '');
    const roots = [
      { path: join(folder, 'deep'), deep: true },
      { path: folder, deep: false },
      { path: join(folder, 'none'), deep: true },
    ];
    const files = new WatchedFiles(roots, () => {});
    expect(Object.keys(look(files, 1)).sort()).toEqual(['', '/deep', '/deep/below', '/deep/below/file', '/none']);
    expect(look(files)['/none']).toBe('absent');
    files.stop();
  });

  it('looks into folders behind links as rules are loaded from them, into each once', () => {
    mkdirSync(join(folder, 'there/below'), { recursive: true });
    writeFileSync(join(folder, 'there/below/a.toml'), 'aa');
    symlinkSync('there', join(folder, 'rules'));
    symlinkSync('..', join(folder, 'there/below/loop'));
    const files = new WatchedFiles([{ path: join(folder, 'rules'), deep: true }], () => {});
    expect(look(files)).toEqual({
      '/rules': 'link to there',
      '/rules/below': expect.stringMatching(/^folder /),
      '/rules/below/a.toml': expect.stringMatching(/ sha256 961b6dd3/),
      '/rules/below/loop': 'link to ..',
    });
    const shallow = new WatchedFiles([{ path: join(folder, 'rules'), deep: false }], () => {});
    expect(Object.keys(look(shallow))).toEqual(['/rules']);
    files.stop();
    shallow.stop();
  });

  it('leaves out what nobody reads, as an editor leaves it beside what it edits', () => {
    mkdirSync(join(folder, 'rules/below'), { recursive: true });
    for (const name of ['a.toml', '.a.toml.swp', '4913', 'below/b.json', 'below/b.json~']) {
      writeFileSync(join(folder, 'rules', name), '');
    }
    const files = new WatchedFiles([{ path: join(folder, 'rules'), deep: true, only: SOURCE }], () => {});
    expect(Object.keys(look(files)).sort()).toEqual(['/rules', '/rules/a.toml', '/rules/below', '/rules/below/b.json']);
    files.stop();
  });

  it('says which of too many it did not look at: those of the last root, by name', () => {
    mkdirSync(join(folder, 'config'));
    mkdirSync(join(folder, 'rules/b'), { recursive: true });
    for (const name of ['config/x', 'rules/a', 'rules/b/y', 'rules/c']) writeFileSync(join(folder, name), '');
    const roots = ['config', 'rules'].map((name) => ({ path: join(folder, name), deep: true }));
    const files = new WatchedFiles(roots, () => {}, 4);
    const states = Object.entries(look(files));
    expect(states.flatMap(([path, state]) => (state === UNSEEN ? [] : [path]))).toEqual([
      '/config',
      '/config/x',
      '/rules',
      '/rules/a',
    ]);
    expect(states.flatMap(([path, state]) => (state === UNSEEN ? [path] : []))).toEqual(['/rules/c', '/rules/b']);
    files.stop();
  });

  it('reads no more at a time than holds up no event', () => {
    for (let i = 0; i < 4; i++) writeFileSync(join(folder, `${i}`), Buffer.alloc(3 << 20));
    const files = new WatchedFiles([{ path: folder, deep: true }], () => {});
    const steps = [...files.pass(1000)].length;
    expect(steps).toBe(2);
    expect([...files.pass(1000)]).toEqual([]);
    files.stop();
  });

  it('says at once that something may have changed', async () => {
    const changed = Promise.withResolvers<void>();
    const files = new WatchedFiles([{ path: folder, deep: true }], changed.resolve);
    look(files);
    writeFileSync(join(folder, 'file'), '');
    await changed.promise;
    files.stop();
  });
});
