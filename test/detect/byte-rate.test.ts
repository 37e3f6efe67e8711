import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteLimits, ByteRates } from '../../src/detect/byte-rate.ts';
import { Detector } from '../../src/detect/detector.ts';
import { MAX_DOCUMENT_BYTES, sizeOf } from '../../src/detect/document-limit.ts';
import type { Rule, Severity } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent, type When } from './events.ts';
import { makeRule } from './rules.ts';

const LIMITS: ByteLimits = { ruleBytesPerMinute: 600, allBytesPerMinute: 2000 };
const at = (seconds: number, bootId = 'b') => ({
  bootId,
  bootNs: BigInt(Math.round(seconds * 1000)) * 1_000_000n,
  wallMs: 0,
});

type Step = [seconds: number, rule: string, severity: Severity, bytes: number, verdict: 'made' | 'rule' | 'all'];

describe('an alert is made', () => {
  it.each<[string, Step[]]>([
    [
      'as long as its rule has something left, the last one whatever its size',
      [
        [0, 'a', 'low', 599, 'made'],
        [0, 'a', 'low', 100, 'made'],
        [0, 'a', 'low', 1, 'rule'],
        [0, 'b', 'low', 1, 'made'],
      ],
    ],
    [
      'again when what it was over by has come in, ten bytes a second here',
      [
        [0, 'a', 'low', 700, 'made'],
        [10, 'a', 'low', 1, 'rule'],
        [10.1, 'a', 'low', 600, 'made'],
        [60, 'a', 'low', 1, 'rule'],
      ],
    ],
    [
      'never with more left than a minute brings',
      [
        [0, 'a', 'low', 1, 'made'],
        [86_400, 'a', 'low', 600, 'made'],
        [86_400, 'a', 'low', 1, 'rule'],
      ],
    ],
    [
      'of low and medium severity only from three quarters of what all rules share',
      [
        [0, 'a', 'low', 600, 'made'],
        [0, 'b', 'medium', 600, 'made'],
        [0, 'c', 'low', 300, 'made'],
        [0, 'd', 'low', 1, 'all'],
        [0, 'd', 'medium', 1, 'all'],
        [0, 'e', 'high', 300, 'made'],
        [0, 'f', 'critical', 300, 'made'],
        [0, 'g', 'critical', 1, 'all'],
      ],
    ],
    [
      'at a time before the last one: nothing comes in for it',
      [
        [60, 'a', 'low', 600, 'made'],
        [0, 'a', 'low', 1, 'rule'],
        [60, 'a', 'low', 1, 'rule'],
        [61, 'a', 'low', 1, 'made'],
      ],
    ],
  ])('%s', (_name, steps) => {
    const rates = new ByteRates(LIMITS);
    const verdicts = steps.map(([seconds, rule, severity, bytes]) => {
      const over = rates.refuse(rule, at(seconds), () => severity);
      if (over === undefined) rates.charge(rule, bytes);
      return over ?? 'made';
    });
    expect(verdicts).toEqual(steps.map(([, , , , verdict]) => verdict));
  });
});

it('in no span of time more than that, and one document more; none is neither made nor counted', () => {
  const step = fc.record({ afterMs: fc.nat(20_000), rule: fc.constantFrom('a', 'b', 'c'), bytes: fc.nat(400) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const rates = new ByteRates(LIMITS);
      const made: { ms: number; rule: string; bytes: number }[] = [];
      let told = 0;
      let ms = 0;
      for (const { afterMs, rule, bytes } of steps) {
        ms += afterMs;
        if (rates.refuse(rule, at(ms / 1000), () => 'high') !== undefined) continue;
        told += rates.takeHeldBack(rule);
        rates.charge(rule, bytes);
        made.push({ ms, rule, bytes });
      }
      const untold = rates.heldBack().reduce((sum, { count }) => sum + count, 0);
      expect(made.length + told + untold).toBe(steps.length);
      for (const [i, first] of made.entries()) {
        const bytesOf = (some: typeof made) => some.reduce((sum, each) => sum + each.bytes, 0);
        for (let j = i; j < made.length; j++) {
          const span = made.slice(i, j + 1);
          const minutes = 1 + (made[j]!.ms - first.ms) / 60_000;
          expect(bytesOf(span)).toBeLessThanOrEqual(2000 * minutes + 400 + 1e-6);
          const own = span.filter(({ rule }) => rule === first.rule);
          expect(bytesOf(own)).toBeLessThanOrEqual(600 * minutes + 400 + 1e-6);
        }
      }
    }),
    { numRuns: 100 },
  );
});

describe('the detector', () => {
  const QUERY = 'event.action:exec and process.name:tool';

  function detect(byteLimits: ByteLimits, rules: Partial<Rule>[], isSelftest = false) {
    const fields = new FieldTable();
    const counters = new Counters();
    const detector = new Detector({
      rules: rules.map((over, i) => makeRule(fields, QUERY, { rule_id: `r${i}`, max_signals: 10_000, ...over })),
      fields,
      counters,
      byteLimits,
      isSelftest: () => isSelftest,
    });
    const run = (when: When, name = 'tool', more = {}) =>
      detector.evaluate(execEvent(fields, { 'process.name': name, ...more }, when));
    return { detector, counters, run };
  }

  const toldIn = (alerts: readonly { gaps: readonly { count: number; detail: string }[] }[]) =>
    alerts.flatMap(({ gaps }) => gaps).reduce((sum, { count }) => sum + count, 0);

  it('makes what the rate allows, and the next alert of the rule tells how many it did not', () => {
    const { detector, counters, run } = detect({ ruleBytesPerMinute: 10_000, allBytesPerMinute: 1_000_000 }, [{}]);
    const alerts = Array.from({ length: 500 }, () => run({ wallMs: 1000 })).flat();
    const bytes = alerts.reduce((sum, { document }) => sum + sizeOf(document), 0);
    expect(bytes).toBeGreaterThanOrEqual(10_000);
    expect(bytes).toBeLessThan(10_000 + sizeOf(alerts[0]!.document));
    const heldBack = 500 - alerts.length;
    expect(detector.heldBack()).toEqual([{ rule_id: 'r0', count: heldBack }]);
    expect(counters.get('detect_alerts_held_back_total', 'rule')).toBe(heldBack);
    const [next] = run({ wallMs: 61_000 });
    expect(next?.gaps).toEqual([{ kind: 'capped_alerts', detail: expect.stringContaining('rate'), count: heldBack }]);
    expect(next?.document.forebear).toMatchObject({ gaps: [{ kind: 'capped_alerts', count: heldBack }] });
    expect(detector.heldBack()).toEqual([]);
  });

  it('adds up: matches = alerts + what max_signals and the rate kept back, told or untold', () => {
    const limits = { ruleBytesPerMinute: 20_000, allBytesPerMinute: 50_000 };
    const { detector, counters, run } = detect(limits, [{}, { max_signals: 3 }, { severity: 'high' }, {}]);
    const alerts = Array.from({ length: 400 }, (_, i) => run({ wallMs: i * 500 })).flat();
    const kept = ['rule', 'all'].map((limit) => counters.get('detect_alerts_held_back_total', limit));
    const capped = counters.get('detect_alerts_capped_total');
    expect(kept.every((count) => count > 0) && capped > 0).toBe(true);
    expect(alerts.length + kept[0]! + kept[1]! + capped).toBe(counters.get('detect_events_matched_total'));
    const untold = [...detector.heldBack(), ...detector.capped()].reduce((sum, { count }) => sum + count, 0);
    expect(toldIn(alerts) + untold).toBe(kept[0]! + kept[1]! + capped);
  });

  it('leaves room for high severity in a flood of many low rules, by overrides too', () => {
    const severityOverrides = [{ field: 'user.name', value: 'eve', severity: 'critical' as const }];
    const low = Array.from({ length: 40 }, () => ({ severity: 'low' as const }));
    const limits = { ruleBytesPerMinute: 1_000_000, allBytesPerMinute: 100_000 };
    const { run, counters } = detect(limits, [{ severity: 'high' }, { severityOverrides }, ...low]);
    const flood = Array.from({ length: 10 }, () => run({ wallMs: 1000 })).flat();
    expect(flood.filter(({ rule_id }) => rule_id === 'r0')).toHaveLength(10);
    expect(counters.get('detect_alerts_held_back_total', 'all')).toBeGreaterThan(300);
    const eve = run({ wallMs: 1000 }, 'tool', { 'user.name': 'eve' });
    expect(eve.map(({ rule_id, severity }) => `${rule_id} ${severity}`)).toEqual(['r0 high', 'r1 critical']);
  });

  it('charges a document that was cut for what it is', () => {
    const limits = { ruleBytesPerMinute: 2 * MAX_DOCUMENT_BYTES, allBytesPerMinute: 1e9 };
    const { run } = detect(limits, [{}]);
    const large = { 'process.command_line': '\u{20ac}'.repeat(200_000) };
    const alerts = Array.from({ length: 20 }, () => run({ wallMs: 1 }, 'tool', large)).flat();
    const sizes = alerts.map(({ document }) => sizeOf(document));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_DOCUMENT_BYTES);
    const allButLast = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0);
    expect(allButLast).toBeLessThan(limits.ruleBytesPerMinute);
    expect(allButLast + sizes.at(-1)!).toBeGreaterThanOrEqual(limits.ruleBytesPerMinute);
  });

  it('leaves self-tests alone', () => {
    const { run, detector } = detect({ ruleBytesPerMinute: 1, allBytesPerMinute: 1 }, [{}], true);
    expect(Array.from({ length: 9 }, () => run({})).flat()).toHaveLength(9);
    expect(detector.heldBack()).toEqual([]);
  });
});
