// The worst that an event can do to the rules: each rule on events of 32 KiB made to be dear (one character again and again, what
// rules look for again and again, 10,000 arguments), without the index, and whole events through it. At the user's own rules
// (--rules DIR), else at the corpus where it lies beside the repository, beside rules that are made to be dear themselves.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LINUX_HOST } from '../src/detect/host-abilities.ts';
import { LANGUAGES } from '../src/detect/languages.ts';
import { loadRuleSet } from '../src/detect/load-rule-set-io.ts';
import type { Rule } from '../src/detect/rule.ts';
import { probesOf, RuleIndex } from '../src/detect/rule-index.ts';
import type { EcsEvent } from '../src/ecs/event.ts';
import { FieldTable } from '../src/ecs/fields.ts';
import { dearEvents } from '../test/detect/dear-events.ts';
import { dearRules } from '../test/detect/dear-rules.ts';
import type { EngineOptions } from './engine.ts';
import { generatedRules } from './engine-rules.ts';
import { ROOT } from './peers.ts';

/** So many rules are one set. */
const SET = 500;
/** The least of so many runs is what it takes: the machine's own pauses are not the event's. */
const RUNS = 5;

export async function benchWorst({ rules: own }: EngineOptions = {}): Promise<void> {
  const fields = new FieldTable();
  const corpus = join(ROOT, '../shared/corpus');
  const paths = own ?? (existsSync(corpus) ? [corpus] : undefined);
  const real = paths === undefined ? [] : await load(paths, fields);
  if (paths === undefined) console.log('  skipped: no --rules, and no corpus beside the repository');
  else report(paths.join(', '), real, fields);
  report(`${SET} generated rules`, generatedRules(fields, SET), fields);
  report('rules made to be dear', dearRules(fields), fields);
}

async function load(rules: readonly string[], fields: FieldTable): Promise<readonly Rule[]> {
  const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
  return (await loadRuleSet({ rules, exceptions: [], disabled: [] }, context)).rules;
}

function report(what: string, rules: readonly Rule[], fields: FieldTable): void {
  console.log(`worst, ${what} (${rules.length} rules), on one event of 32 KiB; ms`);
  const index = new RuleIndex(probesOf(rules.map(({ compiled }) => compiled)), fields);
  for (const [name, event] of dearEvents(fields, rules)) {
    index.reach(event);
    const each = rules.map((rule) => ({ rule, ms: leastMs(() => rule.compiled.matches(event.slots)) }));
    const worst = each.reduce((a, b) => (b.ms > a.ms ? b : a));
    const sum = (each.reduce((all, { ms }) => all + ms, 0) * SET) / rules.length;
    const candidates = index.candidates(event);
    const indexed = leastMs(() => evaluate(index, event));
    console.log(
      `  ${name.padEnd(28)} worst rule ${worst.ms.toFixed(3)} (${worst.rule.name}), sum over ${SET} rules ${sum.toFixed(2)}; ` +
        `by the index ${indexed.toFixed(2)} for ${candidates.length} candidates`,
    );
  }
}

function evaluate(index: RuleIndex, event: EcsEvent): void {
  for (const { query } of index.candidates(event)) query.matches(event.slots);
}

function leastMs(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const begun = performance.now();
    work();
    least = Math.min(least, performance.now() - begun);
  }
  return least;
}
