import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { VERSION } from '../../src/commands/version.ts';
import { FRAME_HEAD_BYTES } from '../../src/record/recording.ts';
import { newFolder, RULES, remove, start, story } from '../agent/agent-run.ts';
import { ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

const DOCUMENTS = RULES.replace(/toml$/, 'ndjson');
const BASELINE = join(RULES, '../baseline.ndjson');
const PROGRAMS = ['/tmp/one', '/tmp/two', '/tmp/three'];

let folder: string;
let recording: string;
/** The documents of the live run, without the time of detection, which a replay takes from the event. */
let live: string[];
let n = 0;
const path = (name = `file${n++}`) => join(folder, name);

beforeAll(async () => {
  folder = newFolder();
  recording = path('run.fbrec');
  const run = await start(path('state'), { recordTo: recording, version: VERSION });
  await run.ready;
  for (const program of PROGRAMS) run.sensor.batch(story(program));
  run.stop();
  await run.done;
  live = run.alerts.map(({ alert }) => timeless(JSON.stringify(alert.document)));
});
afterAll(() => remove(folder));
beforeEach(() => {
  process.env.TZ = 'UTC';
});

function timeless(document: string): string {
  const parsed = JSON.parse(document) as { kibana: { alert: Record<string, unknown> } };
  const { alert } = parsed.kibana;
  return JSON.stringify({ ...parsed, kibana: { alert: { ...alert, last_detected: alert.original_time } } });
}

async function replay(...args: string[]) {
  const io = fakeIo();
  const rules = args.includes('--rules') ? [] : ['--rules', RULES];
  const status = await runProgram(['replay', ...rules, ...args], io);
  const lines = io.stdout().split('\n').filter(Boolean);
  return { status, stdout: io.stdout(), stderr: io.stderr(), lines };
}

/** Short, where whole documents would only repeat what the first tests hold. */
const idsOf = (lines: readonly string[]) =>
  lines.map((line) => (JSON.parse(line) as { kibana: { alert: { uuid: string } } }).kibana.alert.uuid);
const codeOf = (stderr: string) =>
  (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: { code: string } }).error.code;

describe('a recording', () => {
  it('gives the alerts of the live run', async () => {
    const { status, lines, stderr } = await replay('--json', recording);
    expect([status, stderr]).toEqual([0, '']);
    expect(lines).toEqual(live);
  });

  it('gives the same bytes each time, for a person and as documents', async () => {
    for (const json of [[], ['--json']]) {
      const once = await replay(...json, recording);
      expect(await replay(...json, recording)).toEqual(once);
    }
  });

  it('reads as `tail` shows it', async () => {
    const { lines } = await replay(recording);
    expect(lines[0]).toBe(
      '2023-11-14 22:13:21  medium    Systemd Service Started by Unusual Parent Process  ann@web-1  sshd > bash > /tmp/one > systemctl enable x.service',
    );
    expect(lines).toHaveLength(3);
  });

  it('goes on where the one before ended: several are one sequence', async () => {
    const { lines, stderr } = await replay('--json', recording, recording);
    expect([idsOf(lines), stderr]).toEqual([idsOf(live), '']);
  });
});

/** Where the frames of a recording begin, and of what kind each is. */
function framesOf(bytes: Buffer): { at: number; kind: number; end: number }[] {
  const frames = [];
  for (let at = 24 + bytes.readUInt32LE(16); at < bytes.length; ) {
    const end = at + FRAME_HEAD_BYTES + bytes.readUInt32LE(at + 4);
    frames.push({ at, kind: bytes[at]!, end });
    at = end;
  }
  return frames;
}

function write(bytes: Uint8Array | string): string {
  const file = path();
  writeFileSync(file, bytes);
  return file;
}

describe('a recording that was cut', () => {
  it('in its last batch: what is whole is replayed, the torn rest is said', async () => {
    const bytes = readFileSync(recording);
    const last = framesOf(bytes)
      .filter(({ kind }) => kind === 1)
      .at(-1)!;
    const file = write(bytes.subarray(0, last.end - 10));
    const { status, lines, stderr } = await replay('--json', file);
    expect([status, idsOf(lines)]).toEqual([0, idsOf(live).slice(0, 2)]);
    expect(stderr).toBe(`${file}: ends in ${last.end - 10 - last.at} bytes of a torn frame\n`);
  });

  it('between two frames: is a shorter one', async () => {
    const bytes = readFileSync(recording);
    const last = framesOf(bytes)
      .filter(({ kind }) => kind === 1)
      .at(-1)!;
    const { lines, stderr } = await replay('--json', write(bytes.subarray(0, last.at)));
    expect([idsOf(lines), stderr]).toEqual([idsOf(live).slice(0, 2), '']);
  });

  it('anywhere: ends with a status and codes of its own, and with no alert that the whole does not have', async () => {
    const bytes = readFileSync(recording);
    const file = path();
    const codes = new Set<string>();
    for (let end = 8; end < bytes.length; end += 97) {
      writeFileSync(file, bytes.subarray(0, end));
      const { status, lines, stderr } = await replay('--json', file);
      expect(idsOf(lines)).toEqual(idsOf(live).slice(0, lines.length));
      if (status === 2) codes.add(codeOf(stderr));
      else expect(status).toBe(lines.length > 0 ? 0 : 1);
    }
    expect([...codes].sort()).toEqual(['FB_ENRICH_START_MISSING', 'FB_RECORD_DAMAGED']);
  });
});

describe('a recording that is damaged', () => {
  const damagedAt = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 0x40;
    return write(copy);
  };

  it('in a batch: what precedes it is replayed, then status 2 and FB_RECORD_DAMAGED', async () => {
    const bytes = readFileSync(recording);
    const second = framesOf(bytes).filter(({ kind }) => kind === 1)[1]!;
    const { status, lines, stderr } = await replay('--json', damagedAt(bytes, second.at + 100));
    expect([status, idsOf(lines), codeOf(stderr)]).toEqual([2, idsOf(live).slice(0, 1), 'FB_RECORD_DAMAGED']);
  });

  it.each([
    ['header', () => 30],
    ['first fact', (bytes: Buffer) => framesOf(bytes)[0]!.at + 40],
  ])('in its %s: nothing can be replayed', async (_name, where) => {
    const bytes = readFileSync(recording);
    const { status, stdout, stderr } = await replay('--json', damagedAt(bytes, where(bytes)));
    expect([status, stdout, codeOf(stderr)]).toEqual([2, '', 'FB_RECORD_DAMAGED']);
  });

  it('anywhere: never another fault than its own', async () => {
    const bytes = readFileSync(recording);
    for (let at = 8; at < bytes.length; at += 131) {
      const { status, lines, stderr } = await replay('--json', damagedAt(bytes, at));
      expect(idsOf(lines)).toEqual(idsOf(live).slice(0, lines.length));
      if (status === 2) expect(['FB_RECORD_DAMAGED', 'FB_RECORD_VERSION']).toContain(codeOf(stderr));
    }
  });
});

describe('documents', () => {
  it('that must fire do, the same bytes each time, and the baseline does not', async () => {
    const once = await replay('--json', DOCUMENTS);
    expect([once.status, once.stderr]).toEqual([0, '']);
    expect(once.lines.length).toBeGreaterThan(0);
    expect(await replay('--json', DOCUMENTS)).toEqual(once);
    expect(await replay('--json', BASELINE)).toEqual({ status: 1, stdout: '', stderr: '', lines: [] });
  });

  it('follow each other over files: what the first has shown is not new in the second', async () => {
    const once = await replay('--json', DOCUMENTS);
    expect(await replay('--json', DOCUMENTS, DOCUMENTS)).toEqual(once);
  });

  it('come from a pipe, of which nothing is taken before', async () => {
    const fifo = path();
    spawnSync('mkfifo', [fifo]);
    const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', DOCUMENTS, fifo]);
    const { status, stdout } = await replay('--json', fifo);
    writer.kill();
    expect([status, stdout]).toEqual([0, (await replay('--json', DOCUMENTS)).stdout]);
  });

  it('none at all: status 1, nothing said', async () => {
    expect(await replay(write(''))).toEqual({ status: 1, stdout: '', stderr: '', lines: [] });
  });

  it.each([
    ['not JSON', '{"a":'],
    ['an array', '[{"a":1}]'],
    ['a number', '1e999'],
    ['null', 'null'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['binary', Buffer.alloc(1000, 0)],
  ])('a line that is %s costs that line, and is said', async (_name, line) => {
    const good = readFileSync(DOCUMENTS);
    const file = write(Buffer.concat([good, Buffer.from('\n'), Buffer.from(line as string), Buffer.from('\n'), good]));
    const { status, stdout, stderr } = await replay('--json', file);
    expect([status, stdout]).toEqual([0, (await replay('--json', DOCUMENTS)).stdout]);
    expect(stderr).toMatch(/1 of \d+ lines could not be read/);
    expect(stderr).toMatch(/^[\x20-\x7e\n]+$/);
  });

  it('nested beyond reason is one that no rule matches', async () => {
    const file = write(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
    const { status, lines, stderr } = await replay('--json', file, DOCUMENTS);
    expect([status, idsOf(lines)]).toEqual([0, idsOf((await replay('--json', DOCUMENTS)).lines)]);
    expect(stderr).toBe('values left out because they do not fit their field: nested too deep (1)\n');
  });

  it('without a time of its own happened when the one before did', async () => {
    const [first, second] = readFileSync(DOCUMENTS, 'utf8').split('\n');
    const { '@timestamp': time, ...timeless } = JSON.parse(second!) as Record<string, unknown>;
    expect(time).toBe('2026-11-24T09:00:01.000Z');
    const { lines } = await replay(write(`${first}\n${JSON.stringify(timeless)}`));
    expect(lines.map((line) => line.slice(0, 19))).toEqual(['2026-11-24 09:00:00', '2026-11-24 09:00:00']);
  });

  it('escapes for a person what they hold', async () => {
    const [line] = readFileSync(DOCUMENTS, 'utf8').split('\n');
    const document = JSON.parse(line!) as { process: { parent: Record<string, unknown>; args: string[] } };
    document.process.parent.executable = '/tmp/\u001b]52;c;AAAA\u0007';
    document.process.parent.name = '\u202e\u009b31m';
    const { stdout } = await replay(write(JSON.stringify(document)));
    expect(stdout).toMatch(/^[\x20-\x7e…\n]+$/);
    expect(stdout).toContain('\\x1b');
  });

  it('of any shape at any field: an alert or none, never a fault', async () => {
    const base = readFileSync(DOCUMENTS, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as object);
    const paths = [...new Set(base.flatMap((document) => pathsOf(document)))];
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('', '\u0000', -1, 1e308, [[[]]], '\ud800'));
    const change = fc.record({ path: fc.constantFrom(...paths), value });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...base),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        async (document, changes) => {
          const copy = structuredClone(document) as Record<string, unknown>;
          for (const { path: at, value: now } of changes) set(copy, at, now);
          const { status, stderr } = await replay('--json', write(JSON.stringify(copy)));
          expect([0, 1]).toContain(status);
          expect(stderr).toMatch(/^(values left out because they do not fit their field: .*\n)?$/);
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });
});

/** Dotted paths of all members. */
function pathsOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const path = at === '' ? key : `${at}/${key}`;
    return [path, ...pathsOf(part, path)];
  });
}

function set(document: Record<string, unknown>, at: string, value: unknown): void {
  const parts = at.split('/');
  let inner = document;
  for (const part of parts.slice(0, -1)) {
    const next = inner[part];
    if (typeof next !== 'object' || next === null) return;
    inner = next as Record<string, unknown>;
  }
  inner[parts.at(-1)!] = value;
}

describe('rules', () => {
  it('that are refused are said, the others run', async () => {
    const bad = path('bad.toml');
    writeFileSync(bad, ruleText({ language: '"esql"' }));
    const { status, lines, stderr } = await replay('--json', '--rules', RULES, '--rules', bad, recording);
    expect([status, idsOf(lines)]).toEqual([0, idsOf(live)]);
    expect(stderr).toMatch(/^refused \S+bad\.toml: FB_RULE_\w+ .*\n$/);
  });

  it.each([
    ['all refused', () => write(ruleText({ language: '"esql"' }))],
    ['that do not exist', () => path('none')],
    [
      'none in the folder',
      () => {
        const empty = path();
        mkdirSync(empty);
        return empty;
      },
    ],
  ])('%s: status 2, FB_REPLAY_NO_RULES', async (_name, rules) => {
    const { status, stdout, stderr } = await replay('--json', '--rules', rules(), recording);
    expect([status, stdout, codeOf(stderr)]).toEqual([2, '', 'FB_REPLAY_NO_RULES']);
  });
});

it.each([
  ['a folder', () => folder, 'FB_COMMAND_INPUT'],
  ['a file that is not there', () => path('none'), 'FB_SYSTEM_ENOENT'],
])('%s: status 2 before anything is read', async (_name, file, code) => {
  const { status, stdout, stderr } = await replay('--json', recording, file());
  expect([status, stdout, codeOf(stderr)]).toEqual([2, '', code]);
});
