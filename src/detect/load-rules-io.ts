// Files and trees of rules, or standard input -> verdicts and the rules that run. One bad file costs that file. Called by
// load-rule-set-io.ts for the agent, for replay and for `forebear rules`.

import { createReadStream } from 'node:fs';
import { ForebearError } from '../errors.ts';
import { judgeToml, type RuleContext, type RuleVerdict } from './compile-rule.ts';
import type { ExceptionSet } from './exceptions/exception-set.ts';
import type { Rule } from './rule.ts';
import {
  type Found,
  readSource,
  readSourceStream,
  type SourceKind,
  sourceError,
  sourceFiles,
} from './source-files-io.ts';

/** The largest upstream rule has 60 KB. */
const TOML: SourceKind = { code: 'FB_RULE', suffix: '.toml', maxBytes: 1024 * 1024 };

export interface RuleSet {
  /** One for each file, in the order of the paths given and by name within a folder. */
  readonly verdicts: readonly RuleVerdict[];
  readonly rules: readonly Rule[];
  /** What silences them (load-rule-set-io.ts). */
  readonly exceptions?: ExceptionSet;
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
    if (path === STDIN) verdicts.push(await judge(STDIN, () => readSourceStream(stdin(), TOML), context));
    else for await (const found of sourceFiles(path, TOML, seen)) verdicts.push(await judgeFile(found, context));
  }
  refuseDuplicates(verdicts);
  return { verdicts, rules: verdicts.flatMap(({ rule }) => (rule === undefined ? [] : [rule])) };
}

async function judgeFile({ file, error }: Found, context: RuleContext): Promise<RuleVerdict> {
  if (error !== undefined) return refused(file, error);
  if (/\.(nd)?json$/.test(file)) {
    return refused(file, new ForebearError('FB_RULE_FORMAT', 'Kibana exports: not in this version'));
  }
  return judge(file, () => readSource(file, TOML), context);
}

async function judge(file: string, read: () => Promise<string>, context: RuleContext): Promise<RuleVerdict> {
  try {
    return judgeToml(await read(), file, context);
  } catch (thrown) {
    return refused(file, sourceError(thrown, TOML));
  }
}

function refused(file: string, error: ForebearError): RuleVerdict {
  return { file, sensors: [], fields: [], error };
}

function standardInput(): AsyncIterable<Uint8Array> {
  return createReadStream('', { fd: 0, autoClose: false });
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
