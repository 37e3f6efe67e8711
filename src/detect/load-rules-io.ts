// Files and trees of rules, or standard input -> verdicts and the rules that run. One bad file costs that file; what holds no rule is
// named. Called by load-rule-set-io.ts for the agent, for replay and for `forebear rules`. At a reload rules whose text is the same stay
// the same objects, compiled and with their state, and a rule that ran and is at fault now goes on as it was (kept-rules.ts).

import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ForebearError } from '../errors.ts';
import { judgeSteps, type RuleContext, type RuleText, type RuleVerdict } from './compile-rule.ts';
import type { ExceptionSet } from './exceptions/exception-set.ts';
import type { TakeLine } from './exceptions/read-exceptions.ts';
import { keepRules } from './kept-rules.ts';
import { Pace } from './pace-io.ts';
import type { Rule } from './rule.ts';
import { beginsWithEvent, jsonSteps, looksLikeJson, type OtherContent, otherToml, type Parts } from './rule-source.ts';
import { decode, readBytes, readStreamBytes, type SourceKind, sourceError, sourceFiles } from './source-files-io.ts';
import { placeOfPath } from './toml-place.ts';

/** The largest upstream rule has 60 KB. */
const TOML: SourceKind = { code: 'FB_RULE', suffixes: [], maxBytes: 1024 * 1024 };
/** An export may hold 10,000 rules. */
const FILES: SourceKind = {
  code: 'FB_RULE',
  suffixes: ['.toml', '.ndjson', '.json'],
  maxBytes: 256 * 1024 * 1024,
  others: true,
};
const HEAD_BYTES = 64 * 1024;
/** What `forebear record` writes: a baseline beside rules. */
const RECORDING = '.fbrec';

export interface RuleSet {
  /** One for each rule and each fault, in the order of the paths given and by name within a folder. */
  readonly verdicts: readonly RuleVerdict[];
  /** Those that run. */
  readonly rules: readonly Rule[];
  /** What silences them (load-rule-set-io.ts). */
  readonly exceptions?: ExceptionSet;
  /** Files that were found and hold no rule. */
  readonly others?: readonly OtherFile[];
  /** For the next reload: what became of each text. */
  readonly judged?: ReadonlyMap<string, RuleVerdict>;
}

export interface OtherFile {
  readonly file: string;
  readonly holds: OtherContent;
}

export interface LoadRulesOptions {
  readonly stdin?: (() => AsyncIterable<Uint8Array>) | undefined;
  readonly pace?: Pace | undefined;
  /** The set that runs, compiled against the same table. */
  readonly before?: RuleSet | undefined;
  /** Takes the exceptions that stand in a file among rules; told once all files were looked at. */
  readonly exceptions?: ((file: string) => TakeLine) | undefined;
  /** Rules that are `enabled = false` run too. */
  readonly runDisabled?: boolean;
}

/** The path that stands for rules on standard input. */
const STDIN = '-';

/** A file that was looked at; TOML is read when its turn comes. */
interface Source {
  readonly file: string;
  readonly error?: ForebearError;
  readonly parts?: Parts;
  readonly text?: string;
}

/** What a tree of rules holds, before rules are judged: their exceptions have to be known first. */
export interface FoundSources {
  readonly sources: readonly Source[];
  readonly others: readonly OtherFile[];
}

/**
 * in: files or folders (every *.toml, *.ndjson and *.json below, links followed once), `-` for standard input; out: all verdicts.
 * Does not reject for what it finds: unreadable files and folders are refused verdicts (FB_RULE_FILE, FB_RULE_TOO_LARGE,
 * FB_RULE_ENCODING, FB_RULE_FORMAT).
 */
export async function loadRules(
  paths: readonly string[],
  context: RuleContext,
  options: LoadRulesOptions = {},
): Promise<RuleSet> {
  return judgeSources(await findSources(paths, options), context, options);
}

/** First half: which files there are, and what is in those that are not TOML. */
export async function findSources(paths: readonly string[], options: LoadRulesOptions): Promise<FoundSources> {
  const { stdin = standardInput, pace = new Pace(), exceptions } = options;
  const sources: Source[] = [];
  const others: OtherFile[] = [];
  const seen = new Set<string>();
  const take = async (file: string, source: Source) => {
    pace.waited();
    const { parts } = source;
    if (parts?.other !== undefined) others.push({ file, holds: parts.other });
    sources.push(source);
    const line = parts === undefined || parts.exceptions.length === 0 ? undefined : exceptions?.(file);
    for (const { line: at, text } of line === undefined ? [] : parts!.exceptions) {
      line!(at, text);
      await pace.step();
    }
  };
  for (const path of new Set(paths)) {
    if (path === STDIN)
      await take(STDIN, named(STDIN, await sourceOf(STDIN, () => readStreamBytes(stdin(), FILES), pace)));
    else {
      for await (const { file, error, other } of sourceFiles(path, FILES, seen)) {
        if (other === true) others.push({ file, holds: file.endsWith(RECORDING) ? 'events' : 'something else' });
        else await take(file, error === undefined ? named(path, await lookAt(file, pace)) : { file, error });
      }
    }
  }
  return { sources, others };
}

/** A file that is named itself, and not found in a folder, has to hold something of ours. */
function named(path: string, source: Source): Source {
  const { file, parts } = source;
  if (file !== path || parts?.other === undefined || parts.other === 'exceptions') return source;
  return {
    file,
    error: new ForebearError('FB_RULE_FORMAT', `holds ${parts.other}, and no rule in a form that is known`),
  };
}

async function lookAt(file: string, pace: Pace): Promise<Source> {
  if (file.endsWith('.toml')) return { file };
  return sourceOf(file, () => readUnlessEvents(file), pace);
}

async function sourceOf(file: string, read: () => Promise<Uint8Array | undefined>, pace: Pace): Promise<Source> {
  try {
    const bytes = await read();
    pace.waited();
    if (bytes === undefined) return { file, parts: { rules: [], exceptions: [], faults: [], other: 'events' } };
    if (!looksLikeJson(bytes)) return { file, text: decode(bytes, FILES) };
    return { file, parts: await pace.run(jsonSteps(bytes, file)) };
  } catch (thrown) {
    return { file, error: sourceError(thrown, FILES) };
  }
}

/** Files of events may be large, and are nothing to load. */
async function readUnlessEvents(file: string): Promise<Uint8Array | undefined> {
  return beginsWithEvent(await readBytes(file, FILES, HEAD_BYTES)) ? undefined : readBytes(file, FILES);
}

/** Second half. */
export async function judgeSources(
  { sources, others }: FoundSources,
  context: RuleContext,
  { pace = new Pace(), before, runDisabled = false }: LoadRulesOptions,
): Promise<RuleSet> {
  const judge = new Judge(context, pace, before);
  for (const source of sources) await judge.take(source);
  const verdicts = keepRules(judge.verdicts, before);
  const rules = verdicts.flatMap(({ rule }) =>
    rule === undefined || (rule.disabled === true && !runDisabled) ? [] : [rule],
  );
  return { verdicts, rules, others: [...others, ...judge.others], judged: judge.judged };
}

class Judge {
  readonly verdicts: RuleVerdict[] = [];
  readonly others: OtherFile[] = [];
  readonly judged = new Map<string, RuleVerdict>();
  readonly #context: RuleContext;
  readonly #pace: Pace;
  readonly #before: ReadonlyMap<string, RuleVerdict>;
  /** By rule_id. */
  readonly #owners = new Map<string, RuleVerdict>();

  constructor(context: RuleContext, pace: Pace, before: RuleSet | undefined) {
    this.#context = context;
    this.#pace = pace;
    this.#before = before?.judged ?? new Map();
  }

  async take({ file, error, parts, text }: Source): Promise<void> {
    if (error !== undefined) this.#refuse(file, error);
    else if (parts === undefined) await this.#toml(file, text);
    else {
      for (const rule of parts.rules) await this.#rule(rule);
      for (const fault of parts.faults) this.#refuse(file, fault);
    }
  }

  async #toml(file: string, known: string | undefined): Promise<void> {
    try {
      const text = known ?? decode(await readBytes(file, TOML), TOML);
      if (known === undefined) this.#pace.waited();
      const other = otherToml(text);
      if (other === undefined) await this.#rule({ file, text });
      else this.others.push({ file, holds: other });
    } catch (thrown) {
      this.#refuse(file, sourceError(thrown, TOML));
    }
  }

  async #rule(source: RuleText): Promise<void> {
    const { file, line } = source;
    const key = keyOf(source);
    if (key === undefined) {
      this.#refuse(
        file,
        new ForebearError('FB_RULE_FORMAT', 'holds a rule whose tables and lists are nested too deeply'),
      );
      return;
    }
    const known = this.#before.get(key);
    const verdict =
      known !== undefined && this.#stillHolds(known)
        ? { ...known, ...(line !== undefined && { line }) }
        : await this.#pace.run(judgeSteps(source, this.#context));
    this.judged.set(key, verdict);
    this.verdicts.push(this.#withoutDuplicate(verdict, source));
    await this.#pace.step();
  }

  /** Of the rules that are in order, the first with an id keeps it. */
  #withoutDuplicate(verdict: RuleVerdict, { text, json }: RuleText): RuleVerdict {
    const { rule, ...rest } = verdict;
    if (rule === undefined) return verdict;
    const owner = this.#owners.get(rule.rule_id);
    if (owner === undefined) {
      this.#owners.set(rule.rule_id, verdict);
      return verdict;
    }
    const key = rule.behavior === undefined ? 'rule.rule_id' : 'rule.id';
    const message = `${key}: ${rule.rule_id} is already in ${owner.line === undefined ? owner.file : `${owner.file}:${owner.line}`}`;
    const place = json === undefined ? placeOfPath(text, key) : rest.line !== undefined && { line: rest.line };
    return { ...rest, error: new ForebearError('FB_RULE_DUPLICATE', message, { ...place }) };
  }

  /** But for its own text a verdict hangs on the lists that are loaded. */
  #stillHolds({ rule, error }: RuleVerdict): boolean {
    if (error !== undefined) return error.code !== 'FB_RULE_EXCEPTIONS';
    return (rule?.exceptionLists ?? []).every((list) => this.#context.exceptionLists?.has(list) === true);
  }

  #refuse(file: string, error: ForebearError): void {
    const line = file !== STDIN && error.line !== undefined && !file.endsWith('.toml') ? { line: error.line } : {};
    this.verdicts.push({ file, ...line, sensors: [], fields: [], error });
  }
}

/** What a rule is known by at a reload; undefined: it is nested so deeply that it cannot be written as text. */
function keyOf({ file, text, line, json }: RuleText): string | undefined {
  try {
    // Rules of one JSON text share it.
    return hash('sha256', `${file}\0${line === undefined && json !== undefined ? JSON.stringify(json) : text}`);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function standardInput(): AsyncIterable<Uint8Array> {
  return createReadStream('', { fd: 0, autoClose: false });
}
