import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventsOf } from '../../src/agent/events-of.ts';
import { runRecording } from '../../src/agent/replay.ts';
import { explainRule } from '../../src/detect/explain-rule.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { ruleDistances } from '../../src/detect/rule-distance.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { Counters } from '../../src/stats.ts';

// Explanations of real rules on real events say what the rule's compiled queries say, and so do the distances that stand in for them.

const TOP = join(import.meta.dirname, '../..');
const CORPUS = join(TOP, '../shared/corpus');

async function loaded(path: string) {
  const fields = new FieldTable();
  const { rules } = await loadRules([path], { fields, languages: LANGUAGES, exceptionLists: { has: () => true } });
  return { fields, rules };
}

/** Events of every kind: those that rules of ours are tested with, and each so-manieth of the baseline. */
async function events(fields: FieldTable, every: number): Promise<EcsEvent[]> {
  const files = globSync(join(TOP, 'rules/linux/*.ndjson')).sort();
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'));
  const found = lines.map((line) => flattenDocument(parseJson(line) as Record<string, unknown>, fields).event);
  const reader = new RecordingReader(join(TOP, 'rules/baseline/bed.fbrec'));
  const run = { version: '1', fields, entryLeader: 'lineage' as const, counters: new Counters() };
  const frames = () => reader.frames();
  let count = 0;
  await runRecording({ ...run, frames, envNames: new Set(), signal: new AbortController().signal }, (enricher) => ({
    take: (record) => {
      const made = eventsOf(enricher, record);
      if (count++ % every === 0) found.push(...made);
    },
    apply: (news) => enricher.apply(news),
    end: () => {},
  }));
  return found;
}

/** Predicates about other events have no answer in one event alone. */
const aboutOthers = ({ program }: Rule) =>
  program !== undefined && (program.tracked.length > 0 || program.stages.some(({ confirm }) => confirm !== undefined));

interface Disagreement {
  rule: string;
  query: string;
  said: unknown;
}

function disagreements(rules: readonly Rule[], all: readonly EcsEvent[], fields: FieldTable) {
  const found: Disagreement[] = [];
  const verdicts = { matches: 0, not: 0 };
  for (const rule of rules.filter((one) => !aboutOthers(one))) {
    const distances = ruleDistances(rule, fields);
    for (const event of all) {
      const queries = explainRule(rule, event);
      const probes = rule.program?.probes ?? [rule.compiled];
      const filters = queries.filter(({ name }) => name === 'filter');
      const passes = filters.every(({ explained }) => explained.matches);
      for (const [i, { name, explained, distance }] of queries.entries()) {
        const compiled = probes[i]?.matches(event.slots);
        verdicts[explained.matches ? 'matches' : 'not']++;
        const agrees = name === 'filter' || compiled === (explained.matches && passes);
        if (!agrees || distances[i]!(event.slots) !== distance) {
          found.push({
            rule: rule.file,
            query: name,
            said: [compiled, explained.matches, distance, distances[i]!(event.slots)],
          });
        }
      }
    }
  }
  return { found, verdicts };
}

describe('explanations', () => {
  it('of the rules that are shipped agree with what runs', async () => {
    const { fields, rules } = await loaded(join(TOP, 'rules'));
    const { found, verdicts } = disagreements(rules, await events(fields, 400), fields);
    expect(found).toEqual([]);
    expect(verdicts.matches).toBeGreaterThan(50);
    expect(verdicts.not).toBeGreaterThan(1000);
  });

  it('of public rules agree with what runs', async (ctx) => {
    if (!existsSync(CORPUS)) return ctx.skip('there is no ../shared/corpus');
    const { fields, rules } = await loaded(CORPUS);
    const { found, verdicts } = disagreements(
      rules,
      (await events(fields, 1200)).filter((_event, i) => i % 10 === 0),
      fields,
    );
    expect(found.slice(0, 5)).toEqual([]);
    console.log(`public rules: ${rules.length}, ${JSON.stringify(verdicts)}`);
    expect(verdicts.matches).toBeGreaterThan(5);
  }, 120_000);
});
