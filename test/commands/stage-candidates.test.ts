// What is kept of the events that match a part of a sequence: the last ones, within bounds; all are counted.

import { expect, it } from 'vitest';
import { StageCandidates } from '../../src/commands/stage-candidates.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';

const fields = new FieldTable();

function event(id: number, text = ''): EcsEvent {
  const made = Object.assign(new EcsEvent(fields), { id: String(id) });
  made.set(fields.slot('process.args'), [text, text]);
  return made;
}

it('keeps the last ones, counts all, and says how many it left out', () => {
  const candidates = new StageCandidates(100_000);
  for (let i = 0; i < 1000; i++) candidates.add(event(i), i % 2 === 0 ? [0] : [0, 1]);
  candidates.add(event(1000), []);
  const { kept, left } = candidates;
  expect([candidates.countOf(0), candidates.countOf(1), candidates.countOf(2)]).toEqual([1000, 500, 0]);
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.length).toBeLessThan(40);
  expect(kept.length + left).toBe(1000);
  expect(kept.map(({ event }) => Number(event.id))).toEqual(Array.from(kept, (_, i) => left + i));
});

it('keeps fewer where they are large, the last one always', () => {
  const candidates = new StageCandidates(100_000);
  for (let i = 0; i < 10; i++) candidates.add(event(i, 'x'.repeat(50_000)), [0]);
  expect(candidates.kept.map(({ event }) => event.id)).toEqual(['9']);
});
