// Stages that speak of earlier events, as in Elastic Defend's rules: such a condition binds as a key does.

import { expect, it } from 'vitest';
import { MAX_UNCONFIRMED } from '../../src/correlate/sequence-plan.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import type { EqlProgram } from '../../src/query/eql-program.ts';
import { eventOf, programOf, type Shape, streamOf } from './programs.ts';

const slot = eventOf({ is: 'A', at: 0 }).table.slot('n');
const withConfirm = (shape: Shape, stage: number): EqlProgram => {
  const program = programOf(shape);
  const stages = program.stages.map((one, i) =>
    i === stage
      ? {
          ...one,
          confirm: (slots: readonly unknown[], earlier: readonly (readonly unknown[] | undefined)[]) =>
            slots[slot] === earlier[0]?.[slot],
        }
      : one,
  );
  return { ...program, stages: stages as EqlProgram['stages'] };
};

it('an event that earlier ones do not confirm is none: the sequence waits on', () => {
  const { letters } = streamOf(withConfirm({ stages: 'A B' }, 1));
  letters({ is: 'A', at: 1, n: 1 });
  expect(letters({ is: 'B', at: 2, n: 2 })).toEqual([]);
  expect(letters({ is: 'B', at: 3, n: 1 })).toEqual(['A1 B3']);
});

it('binds as a key does: one replaces only what it would, and another is found as well', () => {
  const { letters, correlator } = streamOf(withConfirm({ stages: 'A B' }, 1));
  for (const [at, n] of [1, 2, 1, 3].entries()) letters({ is: 'A', at, n });
  expect(letters({ is: 'B', at: 4, n: 1 })).toEqual(['A2 B4']);
  expect(letters({ is: 'B', at: 5, n: 1 })).toEqual([]);
  expect(letters({ is: 'B', at: 6, n: 3 })).toEqual(['A3 B6']);
  expect(correlator.pending).toBe(1);
});

it('of a stage further on as well: what comes between goes on with each', () => {
  const { letters, correlator } = streamOf(withConfirm({ stages: 'A B C' }, 2));
  for (const [at, n] of [1, 2, 1].entries()) letters({ is: 'A', at, n });
  letters({ is: 'B', at: 3 });
  expect(letters({ is: 'C', at: 4, n: 3 })).toEqual([]);
  expect(letters({ is: 'C', at: 5, n: 1 })).toEqual(['A2 B3 C5']);
  expect(letters({ is: 'C', at: 6, n: 1 })).toEqual([]);
  expect(letters({ is: 'C', at: 7, n: 2 })).toEqual(['A1 B3 C7']);
  expect(correlator.pending).toBe(0);
});

it('so many wait for it, the oldest go, counted', () => {
  const { letters, correlator, counters } = streamOf(withConfirm({ stages: 'A B' }, 1));
  for (let n = 0; n < MAX_UNCONFIRMED + 2; n++) letters({ is: 'A', at: n, n });
  expect(correlator.pending).toBe(MAX_UNCONFIRMED);
  expect(counters.get('correlate_joins_evicted_total', 'full')).toBe(2);
  expect([1, 2].map((n) => letters({ is: 'B', at: 200, n }))).toEqual([[], ['A2 B200']]);
});

it('what it did not look at to the end is counted', () => {
  const table = new FieldTable();
  const text = 'sequence [any where true] as event0 [any where stringContains(process.args, event0.process.args)]';
  const { push, counters } = streamOf(compileEql(text, table, { endpoint: true }));
  for (const name of ['a', 'b']) {
    const event = new EcsEvent(table);
    event.set(
      table.get('process.args')!,
      Array.from({ length: 200 }, (_, i) => `${name} ${i}`),
    );
    expect(push(event)).toEqual([]);
  }
  expect(counters.get('correlate_combinations_skipped_total')).toBe(1);
});

it('a missing event as well', () => {
  const { letters } = streamOf(withConfirm({ stages: 'A !M B', maxspanMs: 50 }, 1));
  letters({ is: 'A', at: 1, n: 1 });
  letters({ is: 'M', at: 2, n: 2 });
  expect(letters({ is: 'B', at: 3 })).toEqual(['A1 B3']);
  letters({ is: 'A', at: 4, n: 1 });
  letters({ is: 'M', at: 5, n: 1 });
  expect(letters({ is: 'B', at: 6 })).toEqual([]);
});
