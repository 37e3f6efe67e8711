import { expect, it } from 'vitest';
import { LearningWatch, warnOfUnknown } from '../../src/agent/learning-watch.ts';
import { MemoryTermStore } from '../../src/detect/term-store.ts';
import { Counters } from '../../src/stats.ts';

it('tells how many rules learn and until when, and logs the end once', () => {
  const rules = [5_000, 9_000, 0].map((learnMs, i) => ({ rule_id: `r${i}`, fields: ['a'], queryHash: 'q', learnMs }));
  const terms = new MemoryTermStore(new Counters());
  const logged: string[] = [];
  let wallMs = 1_000;
  const now = () => ({ bootId: 'b', bootNs: BigInt(wallMs) * 1_000_000n, wallMs });
  const log = { info: (text: string) => void logged.push(text) } as never;
  const watch = new LearningWatch({ detector: { termRules: () => rules }, terms, now, log });
  expect(watch.report()).toEqual({ rules: 2, untilMs: 10_000 });
  for (const rule of rules) terms.declare(rule, now());
  wallMs = 6_000;
  expect(watch.report()).toEqual({ rules: 1, untilMs: 10_000 });
  expect(logged).toEqual([]);
  wallMs = 10_000;
  expect([watch.report(), watch.report()]).toEqual([undefined, undefined]);
  expect(logged).toEqual(['learning has ended: new terms make alerts from now on']);
});

it('warns of a length for a rule that does not run', () => {
  const logged: string[] = [];
  const log = { warn: (text: string) => void logged.push(text) } as never;
  const detector = { termRules: () => [{ rule_id: 'r', fields: ['a'], queryHash: 'q' }] };
  warnOfUnknown(
    detector,
    new Map([
      ['r', 1],
      ['s', 1],
    ]),
    log,
  );
  expect(logged).toEqual(['detect.learn_rules: no new_terms rule s runs']);
});
