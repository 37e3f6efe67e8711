// What native/test/file_cases.c wrote down that it did with files, and the tests that hold a sensor's records against it: on this
// host's kernel (files.test.ts), and by each source in guests (test/qemu/files.test.ts).

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { FileRecord, SensorRecord } from '../../src/sensor/record.ts';

/** As file_cases.c has it: by "": every source shows it. */
interface TruthLine {
  case: string;
  tgid: number;
  op: FileRecord['operation'] | 'none' | 'skip';
  path: string;
  old: string;
  target: string;
  flags: string;
  by: '' | 'hooks' | 'calls';
}

export interface FileAccount {
  truth: readonly TruthLine[];
  records: readonly SensorRecord[];
  /** Kernel's functions or system calls. */
  by: 'hooks' | 'calls';
}

export const FILE_CASES = [
  'open',
  'failures',
  'nodes',
  'socket',
  'links',
  'through-symlink',
  'nameless',
  'renames',
  'exchange',
  'folders',
  'deletions',
  'writes',
  'replaced-descriptor',
  'left-open',
  'left-open-high',
  'killed',
  'last-thread',
  'inherited',
  'not-closed',
  'closed-as-range',
  'set-back',
  'cut-by-itself',
  'by-handle',
  'beside-another',
  'unnamed-by-then',
  'bound',
  'overlay',
  'changed-root',
  'io_uring',
  '32-bits',
];

export function readTruth(path: string): TruthLine[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as TruthLine);
}

const FLAGS = ['hardLink', 'symlink', 'special', 'tmpfile', 'exchange', 'directory'] as const;

function inTermsOf(record: FileRecord): string {
  const { operation, path = '', oldPath = '', linkTarget = '' } = record;
  return textOf({
    op: operation,
    path,
    old: oldPath,
    target: linkTarget,
    flags: FLAGS.filter((flag) => record[flag]).join(),
  });
}

function textOf({ op, path, old, target, flags }: Pick<TruthLine, 'op' | 'path' | 'old' | 'target' | 'flags'>): string {
  return [op, path, old && `from ${old}`, target && `to ${target}`, flags].filter(Boolean).join(' ');
}

/** Read when a test runs: a suite may fill it in a hook. folder: of the cases; what is elsewhere is not theirs. */
export function itSeesEachFileCase(account: FileAccount, folder: string): void {
  it.for(FILE_CASES)('%s: each file that came, went, was renamed or written, once, in order', (name, ctx) => {
    const lines = account.truth.filter((line) => line.case === name);
    const skipped = lines.find(({ op }) => op === 'skip');
    if (skipped !== undefined) ctx.skip(`${name}: ${skipped.target}`);
    expect(lines.at(-1)?.op).toBe('none');
    const wanted = lines.filter(({ op, by }) => op !== 'none' && (by === '' || by === account.by)).map(textOf);
    const tgid = lines[0]?.tgid;
    const own = account.records.filter((record) => record.kind === 'file' && record.task.tgid === tgid);
    const theirs = own.filter(
      (record) => record.kind === 'file' && isIn(record, name === 'changed-root' ? '/' : folder),
    );
    const found = theirs.map((record) => inTermsOf(record as FileRecord));
    // What the kernel closes at an exit may come in any order.
    expect(name === 'changed-root' ? found.filter((text) => !text.includes('truth')) : found).toEqual(wanted);
  });

  it('says of what is created which inode it is', () => {
    const created = account.records.filter((record) => record.kind === 'file' && record.operation === 'creation');
    const opened = created.filter((record) => record.kind === 'file' && record.path?.endsWith('/open/creat'));
    expect(opened.map((record) => record.kind === 'file' && [record.inode?.mode, record.inode?.size])).toEqual([
      [0o100644, 0n],
    ]);
  });

  it('cuts nothing and leaves nothing unread', () => {
    const marked = account.records.filter(({ kind, truncated, unreadable }) => {
      return kind === 'file' && truncated.length + unreadable.length > 0;
    });
    expect(marked).toEqual([]);
  });
}

function isIn({ path, oldPath }: FileRecord, folder: string): boolean {
  return [path, oldPath].some((text) => text?.startsWith(folder));
}
