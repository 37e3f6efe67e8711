// Rules, exceptions and outputs loaded anew while the agent runs: what they are from the next record on. Rules that stay keep
// their history, caps, rates and state. All is made ready in steps between the events, then put in place at once. In: what was read;
// out: what is different, in the journal too, or an error and all as before. Refused is what would lose a rule that runs, and what
// the programs in the kernel do not give: for that the agent has to start anew. Built by run.ts.

import type { AgentOptions, Stages } from '../agent.ts';
import type { Config } from '../config.ts';
import type { Detector } from '../detect/detector.ts';
import { environmentNames } from '../detect/environment-names.ts';
import { hashNames } from '../detect/hash-names.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Pace } from '../detect/pace-io.ts';
import type { PreparedRules } from '../detect/rule-book.ts';
import { wakeHints } from '../detect/wake-hints.ts';
import { ForebearError } from '../errors.ts';
import { lacking } from '../sensor/file-filter.ts';
import { changeBetween, settingsOf } from './configuration-change.ts';
import { fileFilter } from './file-filter.ts';
import { hashOfLines, ruleLines } from './rule-set-hash.ts';
import { wantedKinds } from './wanted-kinds.ts';
import type { WatchedRoot } from './watched-files-io.ts';

/** As it was read again. */
export interface Reloaded {
  config: Config;
  rules: RuleSet;
  /** Files that decide what the agent does from now on; absent: those from before. */
  watched?: readonly WatchedRoot[];
  /** Only what is below these files and folders, absolute, was read; absent: all was. */
  readBelow?: readonly string[];
}

export interface ReloadOutcome {
  /** A sentence; "" when nothing is different. */
  changes: string;
  /** Settings that hold from the next start on; "" when there are none. */
  later: string;
}

/** Named in one record. */
const MOST_NAMED = 20;

export class Reload {
  readonly #stages: Stages;
  readonly #options: Pick<AgentOptions, 'config'>;
  readonly #version: string;
  #rules: RuleSet;
  #lines: ReadonlyMap<string, string> | undefined;
  /** What holds. */
  #config: Config;

  constructor(stages: Stages, { config, rules, version }: AgentOptions) {
    this.#stages = stages;
    this.#options = { config };
    this.#version = version;
    this.#rules = rules;
    this.#config = config;
  }

  /** What runs. */
  get running(): Reloaded {
    return { config: this.#config, rules: this.#rules };
  }

  /** pace: between whose steps events go on. Rejects with FB_RULES_LOST, FB_EXCEPTIONS_LOST, FB_RULES_RESTART: then all is as it was. */
  async apply({ config: read, rules, watched, readBelow }: Reloaded, pace: Pace): Promise<ReloadOutcome> {
    assertNoneLost(this.#rules, rules);
    assertNoItemLost(this.#rules, rules);
    const { pipeline, detector, sensor, notices, heartbeats, delivered, protection } = this.#stages;
    const before = this.#lines ?? (await pace.run(ruleLines(this.#rules)));
    const lines = await pace.run(ruleLines(rules));
    const prepared = await pace.run(detector.prepare(rules));
    const asked = this.#assertGiven(rules, prepared);
    const hints = await pace.run(hintSteps(rules));
    const { rules: ruleSettings, exceptions, outputs } = read;
    // Whether files are watched was settled at the start.
    const reload = this.#config.rules.reload;
    const config = { ...this.#config, rules: { ...ruleSettings, reload }, exceptions, outputs };
    const setup = (of: ReadonlyMap<string, string>, settings: Config) => ({
      version: this.#version,
      ruleSetHash: hashOfLines(of),
      settings: settingsOf(settings),
    });
    const [was, now] = [setup(before, this.#config), setup(lines, config)];
    const changes = [changeBetween(was, now), rulesBetween(before, lines, rules)]
      .filter((text) => text !== '')
      .join(': ');
    await pace.step();
    pipeline.replaceRules(prepared);
    sensor.setWakeHints(hints);
    delivered.follow(outputs);
    heartbeats.ruleSetHash = now.ruleSetHash;
    Object.assign(this.#stages, { rules, asked });
    this.#rules = rules;
    this.#lines = lines;
    this.#config = config;
    if (changes !== '') notices.reloaded(now, changes);
    if (watched !== undefined) protection.follow(watched);
    await protection.rebase(pace, readBelow);
    return { changes, later: changeBetween(now, setup(lines, read)) };
  }

  /** It could not be read, or not be applied: the journal says so. */
  refused(reason: string): void {
    this.#stages.notices.reloadRefused(reason);
  }

  /** What the programs in the kernel, the decoder and the hasher were set up for at the start is enough. */
  #assertGiven(rules: RuleSet, { index }: PreparedRules) {
    const { config } = this.#options;
    const { envNames, sensor } = this.#stages;
    const detector: Pick<Detector, 'takes'> = { takes: ({ fixed }, byAction) => index.takes(fixed, byAction) };
    const wanted = wantedKinds(detector, config.sensor.events);
    const attached = sensor.status().sources?.filter((source) => source.wanted) ?? [];
    const kinds = [...wanted.wanted].filter((kind) => !attached.some((source) => source.kind === kind));
    const variables = environmentNames(rules).filter((name) => !envNames.has(name));
    const [had, needs] = [this.#stages.hashes, hashNames(rules)];
    const hashes = needs.also.filter((kind) => !had.also.includes(kind));
    const files = wanted.wanted.has('file')
      ? lacking(this.#stages.files, fileFilter(config, detector, rules.rules))
      : [];
    const missing = [
      ...files,
      ...kinds.map((kind) => `records of kind ${kind}`),
      ...variables.map((name) => `the environment variable ${name}`),
      ...hashes.map((kind) => `hashes of kind ${kind}`),
      ...(needs.waits && !had.waits ? ['events that wait for hashes'] : []),
    ];
    if (missing.length === 0) return wanted.asked;
    const hint = 'systemctl restart forebear';
    throw new ForebearError('FB_RULES_RESTART', `rules need what is set up at the start only: ${missing.join(', ')}`, {
      hint,
    });
  }
}

function* hintSteps({ rules }: RuleSet): Generator<void, string[]> {
  const hints = new Set<string>();
  for (const rule of rules) {
    for (const hint of wakeHints([rule])) hints.add(hint);
    yield;
  }
  return [...hints].sort();
}

/** What was not kept by the loader (kept-rules.ts): a rule that runs must not be switched off by what is wrong with a file. */
function assertNoneLost(before: RuleSet, now: RuleSet): void {
  const refused = now.verdicts.filter(({ error, kept }) => error !== undefined && kept !== true);
  if (refused.length === 0) return;
  const left = new Set(now.rules.map(({ rule_id }) => rule_id));
  for (const rule of before.rules) {
    if (left.has(rule.rule_id)) continue;
    const file = before.verdicts.find((verdict) => verdict.rule === rule)?.file ?? rule.file;
    const lost = refused.find((verdict) => isOf(verdict, rule.rule_id, file));
    if (lost === undefined) continue;
    const { code, message } = lost.error!;
    throw new ForebearError(
      'FB_RULES_LOST',
      `${lost.file}, of which a rule runs, would be refused: ${code} ${message}`,
    );
  }
}

/** Nor must an exception end by what is wrong with its file: alerts would come that were told not to. */
function assertNoItemLost(before: RuleSet, now: RuleSet): void {
  const is = now.exceptions?.verdicts ?? [];
  const left = new Set(is.flatMap(({ item, item_id }) => (item === undefined ? [] : [item_id])));
  const refused = is.filter(({ error }) => error !== undefined);
  if (refused.length === 0) return;
  const byId = new Map(
    refused.flatMap((verdict) => (verdict.item_id === undefined ? [] : [[verdict.item_id, verdict]])),
  );
  const byFile = new Map(
    refused.flatMap((verdict) => (verdict.item_id === undefined ? [[verdict.file, verdict]] : [])),
  );
  for (const { item, item_id = '', file } of before.exceptions?.verdicts ?? []) {
    const lost = item === undefined || left.has(item_id) ? undefined : (byId.get(item_id) ?? byFile.get(file));
    if (lost === undefined) continue;
    const place = lost.line === undefined ? lost.file : `${lost.file}:${lost.line}`;
    const { code, message } = lost.error!;
    throw new ForebearError(
      'FB_EXCEPTIONS_LOST',
      `${place}: the exception ${item_id} is in force, and would be refused: ${code} ${message}`,
    );
  }
}

/** By its id; by its file where that holds no other, or the id cannot be read; by the folder that cannot be. */
function isOf(verdict: RuleSet['verdicts'][number], rule_id: string, file: string): boolean {
  if (verdict.rule_id === rule_id) return true;
  const isOfFile = verdict.rule_id === undefined || file.endsWith('.toml');
  return isOfFile && (verdict.file === file || file.startsWith(`${verdict.file}/`));
}

/** By name: new, changed (its query, its version, what else decides or its exceptions), gone, going on though its file is at fault. */
function rulesBetween(
  was: ReadonlyMap<string, string>,
  is: ReadonlyMap<string, string>,
  { verdicts }: RuleSet,
): string {
  const parts = [
    ...[...is].filter(([id]) => !was.has(id)).map(([id]) => `new ${id}`),
    ...[...is].filter(([id, line]) => was.has(id) && was.get(id) !== line).map(([id]) => `changed ${id}`),
    ...[...was].filter(([id]) => !is.has(id)).map(([id]) => `gone ${id}`),
    ...keptWords(verdicts),
  ];
  const named = parts.slice(0, MOST_NAMED);
  return [...named, ...(parts.length > named.length ? [`${parts.length - named.length} more`] : [])].join(', ');
}

/** in: verdicts; out: of each rule that goes on as it was, why. */
export function keptWords(verdicts: RuleSet['verdicts']): string[] {
  const kept = verdicts.filter((verdict) => verdict.kept === true);
  return kept.map(({ rule_id, file, line, error }) => {
    const place = [file, error?.line ?? line, error?.column].filter((part) => part !== undefined).join(':');
    return `${rule_id} as before (${place}: ${error?.code})`;
  });
}
