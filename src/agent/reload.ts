// Rules, exceptions and outputs loaded anew while the agent runs: what they are from the next record on. Rules that stay keep
// their history, caps and rates. In: what was read; out: what is different, in the journal too, or an error and all as before.
// Refused is what would lose a rule that runs, and what the programs in the kernel do not give: for that the agent has to start anew.
// Built by run.ts.

import type { AgentOptions, Stages } from '../agent.ts';
import type { Config } from '../config.ts';
import { environmentNames } from '../detect/environment-names.ts';
import { itemsHash } from '../detect/exceptions/exception-set.ts';
import { hashNames } from '../detect/hash-names.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import { probesOf, RuleIndex } from '../detect/rule-index.ts';
import { wakeHints } from '../detect/wake-hints.ts';
import { ForebearError } from '../errors.ts';
import { changeBetween, settingsOf } from './configuration-change.ts';
import { ruleSetHash } from './rule-set-hash.ts';
import { wantedKinds } from './wanted-kinds.ts';

/** As it was read again. */
export interface Reloaded {
  config: Config;
  rules: RuleSet;
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
  readonly #options: Pick<AgentOptions, 'fields' | 'config'>;
  readonly #version: string;
  #rules: RuleSet;
  /** What holds. */
  #config: Config;

  constructor(stages: Stages, { fields, config, rules, version }: AgentOptions) {
    this.#stages = stages;
    this.#options = { fields, config };
    this.#version = version;
    this.#rules = rules;
    this.#config = config;
  }

  /** Throws FB_RULES_LOST, FB_RULES_RESTART: then all is as it was. */
  apply({ config: read, rules }: Reloaded): ReloadOutcome {
    assertNoneLost(this.#rules, rules);
    const wanted = this.#assertGiven(rules);
    const { pipeline, sensor, notices, heartbeats, delivered } = this.#stages;
    const { rules: ruleSettings, exceptions, outputs } = read;
    const config = { ...this.#config, rules: ruleSettings, exceptions, outputs };
    const setup = (set: RuleSet, of: Config) => ({
      version: this.#version,
      ruleSetHash: ruleSetHash(set),
      settings: settingsOf(of),
    });
    const [before, now] = [setup(this.#rules, this.#config), setup(rules, config)];
    const changes = [changeBetween(before, now), rulesBetween(this.#rules, rules)]
      .filter((text) => text !== '')
      .join(': ');
    pipeline.replaceRules(rules);
    sensor.setWakeHints(wakeHints(rules.rules));
    delivered.follow(outputs);
    heartbeats.ruleSetHash = now.ruleSetHash;
    Object.assign(this.#stages, { rules, asked: wanted.asked });
    this.#rules = rules;
    this.#config = config;
    if (changes !== '') notices.reloaded(now, changes);
    this.#stages.protection.rebase();
    return { changes, later: changeBetween(now, setup(rules, read)) };
  }

  /** It could not be read, or not be applied: the journal says so. */
  refused(reason: string): void {
    this.#stages.notices.reloadRefused(reason);
  }

  /** What the programs in the kernel, the decoder and the hasher were set up for at the start is enough. */
  #assertGiven(rules: RuleSet) {
    const { fields, config } = this.#options;
    const { envNames, sensor } = this.#stages;
    const index = new RuleIndex(probesOf(rules.rules.map(({ compiled }) => compiled)), fields);
    const wanted = wantedKinds({ takes: ({ fixed }) => index.takes(fixed) }, config.sensor.events);
    const attached = sensor.status().sources?.filter((source) => source.wanted) ?? [];
    const kinds = [...wanted.wanted].filter((kind) => !attached.some((source) => source.kind === kind));
    const variables = environmentNames(rules).filter((name) => !envNames.has(name));
    const [had, needs] = [this.#stages.hashes, hashNames(rules)];
    const hashes = needs.also.filter((kind) => !had.also.includes(kind));
    const missing = [
      ...kinds.map((kind) => `records of kind ${kind}`),
      ...variables.map((name) => `the environment variable ${name}`),
      ...hashes.map((kind) => `hashes of kind ${kind}`),
      ...(needs.waits && !had.waits ? ['events that wait for hashes'] : []),
    ];
    if (missing.length === 0) return wanted;
    const hint = 'systemctl restart forebear';
    throw new ForebearError('FB_RULES_RESTART', `rules need what is set up at the start only: ${missing.join(', ')}`, {
      hint,
    });
  }
}

/** A slip of the pen in a rule that runs must not switch it off. */
function assertNoneLost(before: RuleSet, now: RuleSet): void {
  const left = new Set(now.rules.map(({ rule_id }) => rule_id));
  const refused = now.verdicts.filter(({ error }) => error !== undefined);
  for (const { rule, file } of before.verdicts) {
    if (rule === undefined || left.has(rule.rule_id)) continue;
    const lost = refused.find((verdict) => isOf(verdict, rule.rule_id, file));
    if (lost === undefined) continue;
    const { code, message } = lost.error!;
    throw new ForebearError(
      'FB_RULES_LOST',
      `${lost.file}, of which a rule runs, would be refused: ${code} ${message}`,
    );
  }
}

function isOf(verdict: RuleSet['verdicts'][number], rule_id: string, file: string): boolean {
  return verdict.rule_id === rule_id || verdict.file === file || file.startsWith(`${verdict.file}/`);
}

/** By name: new, changed (its query, its version or its exceptions), gone. */
function rulesBetween(before: RuleSet, now: RuleSet): string {
  const [was, is] = [linesOf(before), linesOf(now)];
  const parts = [
    ...[...is].filter(([id]) => !was.has(id)).map(([id]) => `new ${id}`),
    ...[...is].filter(([id, line]) => was.has(id) && was.get(id) !== line).map(([id]) => `changed ${id}`),
    ...[...was].filter(([id]) => !is.has(id)).map(([id]) => `gone ${id}`),
  ];
  const named = parts.slice(0, MOST_NAMED);
  return [...named, ...(parts.length > named.length ? [`${parts.length - named.length} more`] : [])].join(', ');
}

function linesOf({ rules, exceptions }: RuleSet): Map<string, string> {
  return new Map(
    rules.map((rule) => {
      const { rule_id, version, query } = rule;
      return [rule_id, JSON.stringify([version, query, itemsHash(exceptions?.boundTo(rule) ?? [])])];
    }),
  );
}
