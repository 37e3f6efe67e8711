import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/sensor/decode.ts';
import { withoutDots } from '../../src/sensor/decode-files.ts';
import { FIELD, FIELD_FLAG, FILE, FILE_FLAG, FILE_OP, KIND } from '../../src/sensor/layout.ts';
import type { FileRecord } from '../../src/sensor/record.ts';
import { encodeText } from '../../src/text.ts';
import { type EncodedField, encodeFields, encodeRecord } from './encode.ts';

function file(op: number, flags = 0, tid = 137): EncodedField {
  const payload = Buffer.alloc(FILE.size);
  payload.writeUInt32LE(op, FILE.op);
  payload.writeUInt32LE(flags, FILE.flags);
  payload.writeUInt32LE(tid, FILE.tid);
  return { id: FIELD.file, payload };
}

function path(id: number, text: string, flags = 0): EncodedField {
  return { id, flags, payload: encodeText(text) };
}

/** The fields of a task, which every record has. */
function task(): EncodedField {
  const record = encodeRecord({ kind: 'session' });
  return { id: FIELD.task, payload: record.subarray(24, 24 + 144) };
}

function decode(...fields: EncodedField[]) {
  const decoder = new Decoder(new Set());
  const [record] = decoder.decode(encodeFields(KIND.file, 9n, fields));
  return { record: record as FileRecord | undefined, counts: decoder.counts };
}

describe('a record of a file', () => {
  const NO_FLAGS = {
    hardLink: false,
    symlink: false,
    special: false,
    tmpfile: false,
    exchange: false,
    directory: false,
  };
  it('has the operation, the paths and what the file is', () => {
    const { record } = decode(
      task(),
      file(FILE_OP.rename, FILE_FLAG.directory),
      path(FIELD.path, '/b'),
      path(FIELD.oldPath, '/a'),
    );
    expect(record).toMatchObject({
      kind: 'file',
      operation: 'rename',
      tid: 137,
      path: '/b',
      oldPath: '/a',
      ...NO_FLAGS,
      directory: true,
    });
    expect(record?.inode).toBeUndefined();
  });

  it.each(Object.entries(FILE_OP))('%s is %d on the wire', (operation, op) => {
    expect(decode(task(), file(op)).record).toMatchObject({ operation });
  });

  it.each(Object.entries(FILE_FLAG))('%s is flag %d on the wire', (name, flag) => {
    expect(decode(task(), file(FILE_OP.creation, flag)).record).toMatchObject({ ...NO_FLAGS, [name]: true });
  });

  it('leaves the target of a symbolic link as it was given, and takes the dots out of the other paths', () => {
    const { asGiven } = FIELD_FLAG;
    const link = decode(
      task(),
      file(FILE_OP.creation, FILE_FLAG.symlink),
      path(FIELD.path, '/a/./b', asGiven),
      path(FIELD.linkTarget, '../x/./y'),
    );
    expect(link.record).toMatchObject({ path: '/a/b', linkTarget: '../x/./y' });
    const hard = decode(
      task(),
      file(FILE_OP.creation, FILE_FLAG.hardLink),
      path(FIELD.path, '/a/./b'),
      path(FIELD.linkTarget, '/x/../y', asGiven),
    );
    expect(hard.record).toMatchObject({ path: '/a/./b', linkTarget: '/y' });
  });

  it('says which path was cut or could not be read', () => {
    const { record } = decode(
      task(),
      file(FILE_OP.rename),
      path(FIELD.path, '/./b', FIELD_FLAG.truncated | FIELD_FLAG.asGiven),
      path(FIELD.oldPath, '/a', FIELD_FLAG.fault),
    );
    expect(record).toMatchObject({ path: 'b', oldPath: '/a', truncated: ['path'], unreadable: ['old_path'] });
  });

  it.each<[string, EncodedField[]]>([
    ['no facts of a file', [task()]],
    ['an operation that is not known', [task(), file(99)]],
    ['facts that are cut', [task(), { ...file(1), payload: Buffer.alloc(FILE.size - 1) }]],
    ['no task', [file(1)]],
    ['an inode that is cut', [task(), file(1), { id: FIELD.fileInode, payload: Buffer.alloc(55) }]],
  ])('costs itself alone with %s', (_name, fields) => {
    const { record, counts } = decode(...fields);
    expect([record, counts.malformed, counts.decoded.file]).toEqual([undefined, 1, 0]);
  });
});

// as the call gave it, without dots
const PATHS: [string, string][] = [
  ['/a/b', '/a/b'],
  ['/a//b', '/a/b'],
  ['/a/./b/.', '/a/b'],
  ['/a/../b', '/b'],
  ['/../../a', '/a'],
  ['/a/b/../../..', '/'],
  ['/a/', '/a'],
  ['/', '/'],
  ['//', '/'],
  ['/.a/..b/c..', '/.a/..b/c..'],
  ['/a/.../b', '/a/.../b'],
  ['/home/u/p/../../../etc/passwd', '/etc/passwd'],
];
it.each(PATHS)('%s names %s', (given, wanted) => expect(withoutDots(given)).toBe(wanted));
