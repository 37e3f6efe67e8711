// Files and trees of rules, or standard input -> verdicts and the rules that run. One bad file costs that file. Called by
// the agent, by replay and by `forebear rules`; of files it reads regular ones only; all within bounds.

import { constants, createReadStream } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';
import { judgeToml, type RuleContext, type RuleVerdict } from './compile-rule.ts';
import type { Rule } from './rule.ts';

/** The largest upstream rule has 60 KB. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 50_000;

export interface RuleSet {
  /** One for each file, in the order of the paths given and by name within a folder. */
  readonly verdicts: readonly RuleVerdict[];
  readonly rules: readonly Rule[];
}

/** The path that stands for one rule on standard input. */
const STDIN = '-';

/**
 * in: files or folders (every *.toml below, links followed once), `-` for one rule on standard input; out: all verdicts.
 * Does not reject for what it finds: unreadable files and folders are refused verdicts (FB_RULE_FILE, FB_RULE_TOO_LARGE,
 * FB_RULE_ENCODING, FB_RULE_FORMAT).
 */
export async function loadRules(
  paths: readonly string[],
  context: RuleContext,
  stdin: () => AsyncIterable<Uint8Array> = standardInput,
): Promise<RuleSet> {
  const verdicts: RuleVerdict[] = [];
  const seen = new Set<string>();
  for (const path of new Set(paths)) {
    if (path === STDIN) verdicts.push(await judge(STDIN, () => readStream(stdin()), context));
    else for await (const found of ruleFiles(path, seen)) verdicts.push(await judgeFile(found, context));
  }
  refuseDuplicates(verdicts);
  return { verdicts, rules: verdicts.flatMap(({ rule }) => (rule === undefined ? [] : [rule])) };
}

type Found = { file: string; error?: ForebearError };

async function* ruleFiles(path: string, seen: Set<string>): AsyncGenerator<Found> {
  try {
    const real = await realpath(path);
    if (seen.has(real)) return;
    seen.add(real);
    if (seen.size > MAX_FILES) throw new ForebearError('FB_RULE_FILE', `more than ${MAX_FILES} files`);
    if (!(await stat(path)).isDirectory()) return yield { file: path };
  } catch (error) {
    return yield { file: path, error: fileError(error) };
  }
  yield* filesBelow(path, seen);
}

async function* filesBelow(folder: string, seen: Set<string>): AsyncGenerator<Found> {
  let entries: import('node:fs').Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    return yield { file: folder, error: fileError(error) };
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const folderLike = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path)));
    if (folderLike || entry.name.endsWith('.toml')) yield* ruleFiles(path, seen);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function judgeFile({ file, error }: Found, context: RuleContext): Promise<RuleVerdict> {
  if (error !== undefined) return refused(file, error);
  if (/\.(nd)?json$/.test(file)) {
    return refused(file, new ForebearError('FB_RULE_FORMAT', 'Kibana exports: not in this version'));
  }
  return judge(file, () => readBounded(file), context);
}

async function judge(file: string, read: () => Promise<Uint8Array>, context: RuleContext): Promise<RuleVerdict> {
  try {
    return judgeToml(decode(await read()), file, context);
  } catch (thrown) {
    return refused(file, fileError(thrown));
  }
}

function refused(file: string, error: ForebearError): RuleVerdict {
  return { file, sensors: [], fields: [], error };
}

/** Opens without waiting (a FIFO would); reads no more than the file said it has. */
async function readBounded(file: string): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new ForebearError('FB_RULE_FILE', 'is not a regular file');
    if (found.size > MAX_FILE_BYTES) throw tooLarge(found.size);
    const buffer = Buffer.alloc(found.size + 1);
    for (let size = 0; size < buffer.length; ) {
      const { bytesRead } = await handle.read(buffer, size, buffer.length - size, size);
      if (bytesRead === 0) return buffer.subarray(0, size);
      size += bytesRead;
    }
    throw new ForebearError('FB_RULE_FILE', 'grew while it was read');
  } finally {
    await handle.close();
  }
}

function standardInput(): AsyncIterable<Uint8Array> {
  return createReadStream('', { fd: 0, autoClose: false });
}

async function readStream(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_FILE_BYTES) throw tooLarge(size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bytes: number): ForebearError {
  return new ForebearError('FB_RULE_TOO_LARGE', `has ${bytes} bytes or more, at most ${MAX_FILE_BYTES} are read`);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ForebearError('FB_RULE_ENCODING', 'is not UTF-8', { line: lineOfBadByte(bytes), cause });
  }
}

/** 1-based; the decoder puts U+FFFD where the first bad byte is. */
function lineOfBadByte(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  return text.slice(0, text.indexOf('\ufffd')).split('\n').length;
}

function fileError(error: unknown): ForebearError {
  if (error instanceof ForebearError) return error;
  return new ForebearError('FB_RULE_FILE', plainReason(error), { cause: error });
}

/** Of the rules that run, the first with an id keeps it. */
function refuseDuplicates(verdicts: readonly RuleVerdict[]): void {
  const owners = new Map<string, string>();
  for (const verdict of verdicts) {
    if (verdict.rule === undefined) continue;
    const { rule_id } = verdict.rule;
    const owner = owners.get(rule_id);
    if (owner === undefined) owners.set(rule_id, verdict.file);
    else {
      delete verdict.rule;
      verdict.error = new ForebearError('FB_RULE_DUPLICATE', `rule.rule_id: ${rule_id} is already in ${owner}`);
    }
  }
}
