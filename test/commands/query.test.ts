// `forebear query` as a whole: output, exit status, bad input. The language itself is tested in test/query.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { registerQuery } from '../../src/commands/query.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';

const FIRST =
  '{ "process.name":"systemctl",  "process":{"args":["systemctl","enable"],"pid":42}, "event":{"action":"exec"} }';
const SECOND = '{"user":{"id":9007199254740993},"n":[{"k":"a","l":1},{"k":"b","l":2}]}';
let folder = '';
const path = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-query-'));
  writeFileSync(path('good.ndjson'), `\ufeff${FIRST}\r\n${SECOND}`);
  writeFileSync(path('bad.ndjson'), `not json\n[1]\n${FIRST}\n"\u001b"\n{"process":{"pid":"x"}}\n`);
  writeFileSync(path('worse.ndjson'), 'a\nb\n');
  writeFileSync(path('empty.ndjson'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function query(args: string[], io: FakeIo = fakeIo()) {
  const entry = { name: 'query', summary: '', load: async () => registerQuery };
  const status = await runProgram(['query', ...args], io, [entry]);
  return { status, out: io.stdout(), err: io.stderr() };
}
const kql = (text: string, ...files: string[]) => query(['--language', 'kql', '--json', text, ...files.map(path)]);

describe('matching documents', () => {
  test('--json prints the very text, one a line, and nothing else', async () => {
    expect(await kql('process.pid:42 or user.id:9007199254740993', 'good.ndjson')).toEqual({
      status: 0,
      out: `${FIRST}\n${SECOND}\n`,
      err: '',
    });
  });

  test('a big whole number is not its neighbour', async () => {
    expect((await kql('x.id:9007199254740992', 'good.ndjson')).status).toBe(1);
    expect((await kql('user.id:9007199254740993', 'good.ndjson')).out).toBe(`${SECOND}\n`);
  });

  test('braces keep objects apart, also of fields that nobody declared', async () => {
    expect((await kql('n:{ k:a and l:1 }', 'good.ndjson')).status).toBe(0);
    expect((await kql('n:{ k:a and l:2 }', 'good.ndjson')).status).toBe(1);
    expect((await kql('n.k:a and n.l:2', 'good.ndjson')).status).toBe(0);
  });

  test.each([
    [`{"_index":"i","_id":"1","_source":${SECOND}}`, '._source'],
    [`{"took":1,"hits":{"total":{"value":1},"hits":[{"_source":${SECOND}}]}}`, '.hits.hits[]._source'],
  ])('of answers of a search it is said, once, where the events are: %s', async (line, at) => {
    writeFileSync(path('hits.ndjson'), `${FIRST}\n${line}\n${line}\n`);
    const { status, err } = await kql('process.pid:42', 'hits.ndjson');
    const file = path('hits.ndjson');
    expect([status, err]).toEqual([
      0,
      `${file}:2: the answer of a search, whose events are in ${at}: jq -c '${at}' ${file} brings them, one a line\n`,
    ]);
  });

  test('a document may have a field _source', async () => {
    writeFileSync(path('source.ndjson'), '{"_source":{"a":1}}\n{"hits":{"hits":3}}\n');
    expect((await kql('_source.a:1', 'source.ndjson')).err).toBe('');
  });

  test('for a person: a line each, and the count on stderr', async () => {
    const { status, out, err } = await query(['--language', 'kql', 'process:*', path('good.ndjson')]);
    expect({ status, out, err }).toEqual({
      status: 0,
      out: 'exec  systemctl  systemctl enable\n',
      err: '1 of 2 documents matched\n',
    });
  });

  test('several files, and standard input', async () => {
    const stdin = async function* () {
      yield Buffer.from(SECOND.slice(0, 10));
      yield Buffer.from(`${SECOND.slice(10)}\n`);
    };
    const { status, out } = await query(
      ['--language', 'kql', '--json', 'n:*', path('good.ndjson'), '-'],
      fakeIo({ stdin }),
    );
    expect({ status, out }).toEqual({ status: 0, out: `${SECOND}\n${SECOND}\n` });
  });

  test('nothing matches, or there is nothing: 1', async () => {
    expect(await kql('zz:1', 'good.ndjson')).toEqual({ status: 1, out: '', err: '' });
    expect((await kql('zz:1', 'empty.ndjson')).status).toBe(1);
  });

  test('the timestamp field is a date', async () => {
    const stdin = async function* () {
      yield Buffer.from('{"when":"2024-03-01T10:00:00Z"}\n');
    };
    const args = ['--language', 'kql', '--timestamp-field', 'when', 'when > 2024-02', '-'];
    expect((await query(args, fakeIo({ stdin }))).status).toBe(0);
  });
});

describe('bad input', () => {
  test('a line costs itself: said with file and line, the rest goes on', async () => {
    const { status, out, err } = await kql('process.pid:42', 'bad.ndjson');
    expect({ status, out }).toEqual({ status: 0, out: `${FIRST}\n` });
    expect(err).toContain(`${path('bad.ndjson')}:1: `);
    expect(err).toContain(`${path('bad.ndjson')}:2: not a JSON object\n`);
    expect(err).toContain('3 lines could not be read');
    expect(err).toContain('process.pid (1)');
    expect(err).not.toContain('\u001b');
  });

  test('no line is a document: 2, and one error that says why', async () => {
    const { status, err } = await kql('a', 'worse.ndjson', 'worse.ndjson');
    expect(status).toBe(2);
    const message = expect.stringMatching(/worse\.ndjson:1: .*JSON/);
    expect(JSON.parse(err).error).toMatchObject({ code: 'FB_QUERY_INPUT', message });
  });

  test('faulty lines before the first document are reported with it', async () => {
    const { status, err } = await kql('process:*', 'worse.ndjson', 'good.ndjson');
    expect(status).toBe(0);
    expect(err.split('\n').map((line) => line.replace(/.*(worse\.ndjson:\d).*/, '$1'))).toEqual([
      'worse.ndjson:1',
      'worse.ndjson:2',
      '2 lines could not be read',
      '',
    ]);
  });

  test.each([
    ['a:(b', 'FB_QUERY_SYNTAX', 1, 5],
    ['process.pid:abc', 'FB_QUERY_VALUE', 1, 13],
  ])('%s is %s with its place', async (text, code, line, column) => {
    const { status, out, err } = await kql(text, 'good.ndjson');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(JSON.parse(err).error).toMatchObject({ code, line, column });
  });

  test.each([
    ['a file that is not there', ['--language', 'kql', 'a', 'absent'], 'absent'],
    ['a folder', ['--language', 'kql', 'a', '.'], 'folder'],
    ['another language', ['--language', 'spl', 'a', 'good.ndjson'], 'language'],
    ['no language', ['a', 'good.ndjson'], 'language'],
    ['no file', ['--language', 'kql', 'a'], 'file'],
  ])('%s: 2, said on stderr, nothing read', async (_, args, word) => {
    const { status, out, err } = await query(args.map((arg) => (/ndjson$|^absent$|^\.$/.test(arg) ? path(arg) : arg)));
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(word);
  });
});

test('hostile text is escaped for a person', async () => {
  const stdin = async function* () {
    yield Buffer.from('{"event":{"action":"exec"},"process":{"name":"a\\u001b]52;c;x\\u0007\\u202e"}}\n');
  };
  const { out } = await query(['--language', 'kql', 'process.name:*', '-'], fakeIo({ stdin }));
  expect(out).not.toMatch(/[\p{Cc}\p{Cf}](?<!\n)/u);
});

test('a command that is stopped ends with what it has', async () => {
  const io: FakeIo = fakeIo({
    stdin: async function* () {
      yield Buffer.from(`${FIRST}\n`);
      io.stop();
      for (;;) yield Buffer.from(`${SECOND}\n`);
    },
  });
  expect(await query(['--language', 'kql', '--json', 'process.pid:42', '-'], io)).toMatchObject({
    status: 0,
    out: `${FIRST}\n`,
  });
});
