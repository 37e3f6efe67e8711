// How many events a second the rules are evaluated on, one core: 300 generated rules of the shapes that real ones have, on
// events of which one in fifty matches something. Its peer is the same detector without its index, every rule on every
// event; and the corpus's own rules where it lies beside the repository.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Detector } from '../src/detect/detector.ts';
import { LINUX_HOST } from '../src/detect/host-abilities.ts';
import { LANGUAGES } from '../src/detect/languages.ts';
import { loadRuleSet } from '../src/detect/load-rule-set-io.ts';
import type { Rule } from '../src/detect/rule.ts';
import { type CostClock, costClock } from '../src/detect/rule-costs.ts';
import type { EcsEvent } from '../src/ecs/event.ts';
import { FieldTable } from '../src/ecs/fields.ts';
import { Counters } from '../src/stats.ts';
import { makeRule } from '../test/detect/rules.ts';
import { FakeHost } from '../test/enrich/fake-host.ts';
import { ROOT } from './peers.ts';
import { median, spread } from './statistics.ts';

const RULES = 300;
const EVENTS = 5000;
const ROUNDS = 9;
const CLASS = 'host.os.type:linux and event.category:process and event.type:start and event.action:exec';

/** The shapes of real rules: names and arguments, a parent, an executable's place, an exclusion. */
function queryOf(i: number): string {
  const names = `("tool-${i}" or "tool-${i + 300}" or "tool-${i + 600}")`;
  const shapes = [
    `process.name:${names} and process.args:("--flag-${i}" or -x)`,
    `process.name:${names} and process.parent.name:(bash or sh or zsh) and not process.args:*safe*`,
    `process.executable:("/tmp/tool-${i}" or "/dev/shm/tool-${i}")`,
    `process.name:${names} and not (process.parent.executable:("/usr/bin/dpkg" or /opt/*) or process.args_count >= 9)`,
    `process.parent.name:"server-${i}" and process.command_line:*curl*http*`,
  ];
  return `${CLASS} and ${shapes[i % shapes.length]}`;
}

function generated(fields: FieldTable): Rule[] {
  return Array.from({ length: RULES }, (_, i) =>
    makeRule(fields, queryOf(i), { rule_id: `rule-${i}`, max_signals: 1e9 }),
  );
}

function events(fields: FieldTable): EcsEvent[] {
  const host = new FakeHost({ fields });
  host.task(1);
  host.fork(1, 2);
  host.exec(2, '/usr/bin/bash', ['-bash']);
  return Array.from({ length: EVENTS }, (_, i) => {
    const name = i % 50 === 0 ? `tool-${i % 900}` : `program-${i % 700}`;
    host.fork(2, 1000 + i);
    return host.exec(1000 + i, `/usr/bin/${name}`, [name, '-x', `--flag-${i % 300}`, `/srv/${i}`])!;
  });
}

/** As in the agent: the rules' cost is sampled. */
const CLOCK: CostClock = costClock(() => performance.now());

/** Events per second of CPU, and alerts. */
function measure(rules: readonly Rule[], fields: FieldTable, input: readonly EcsEvent[], unindexed: boolean) {
  const detector = new Detector({ rules, fields, counters: new Counters(), costClock: CLOCK, unindexed });
  let alerts = 0;
  const before = process.cpuUsage();
  for (const event of input) alerts += detector.evaluate(event).length;
  const { user, system } = process.cpuUsage(before);
  return { rate: input.length / ((user + system) / 1e6), alerts };
}

function compare(what: string, rules: readonly Rule[], fields: FieldTable): void {
  const input = events(fields);
  const rates: [number[], number[]] = [[], []];
  const alerts = [0, 0];
  for (let i = 0; i < ROUNDS + 3; i++) {
    for (const unindexed of [0, 1] as const) {
      const figures = measure(rules, fields, input, unindexed === 1);
      if (i >= 3) rates[unindexed].push(figures.rate);
      alerts[unindexed] = figures.alerts;
    }
  }
  const [indexed, plain] = rates;
  const per = (values: readonly number[]) => spread(values.map((rate) => rate / 1000));
  const ratio = spread(indexed.map((rate, i) => rate / plain[i]!));
  console.log(`engine, ${what}; thousand events per second of CPU, median (quartiles)`);
  console.log(`  indexed          ${per(indexed)}, ${(1e6 / median(indexed)).toFixed(1)} us an event`);
  console.log(`  every rule       ${per(plain)}, the index makes it ${ratio} times`);
  console.log(`  alerts           ${alerts[0]} and ${alerts[1]}`);
}

export async function benchEngine(): Promise<void> {
  const fields = new FieldTable();
  compare(`${RULES} generated rules`, generated(fields), fields);
  const corpus = join(ROOT, '../shared/corpus');
  if (!existsSync(corpus)) return console.log('  skipped: the corpus does not lie beside the repository');
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  const { rules } = await loadRuleSet({ rules: [corpus], exceptions: [], disabled: [] }, context);
  compare(`${rules.length} rules of the corpus`, rules, context.fields);
}
