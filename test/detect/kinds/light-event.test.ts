// What an event that waits for others holds on to.

import { Session } from 'node:inspector/promises';
import { expect, it } from 'vitest';
import { lightEvent } from '../../../src/detect/kinds/light-event.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { execEvent } from '../events.ts';

const LONG = 200_000;
const EVENTS = 100;

it('is no part of a long text but its begin', async () => {
  const fields = new FieldTable();
  const text = (i: number) => Buffer.alloc(LONG, 97 + (i % 20)).toString();
  const event = (i: number) => execEvent(fields, { 'process.title': text(i), 'process.args': [text(i), 'x'] });
  const kept = Array.from({ length: EVENTS }, (_, i) => lightEvent(event(i), new Set()));
  const title = fields.slot('process.title');
  expect(kept.map(({ slots }) => (slots[title] as string).length)).toEqual(new Array(EVENTS).fill(1024));
  const held = await heapOf(kept);
  expect(held / EVENTS).toBeLessThan(LONG / 4);
});

it('has what the event got meanwhile', () => {
  const fields = new FieldTable();
  const event = execEvent(fields, { 'process.title': 'x'.repeat(LONG) });
  const hash = fields.slot('process.hash.sha256');
  expect(lightEvent(event, new Set()).slots[hash]).toBeUndefined();
  event.slots[hash] = 'known';
  const later = lightEvent(event, new Set());
  expect(later.slots[hash]).toBe('known');
  expect(lightEvent(event, new Set())).toBe(later);
});

/** in: what lets go of all that it holds; out: the bytes that this freed. */
async function heapOf(kept: unknown[]): Promise<number> {
  using session = Object.assign(new Session(), { [Symbol.dispose]: () => session.disconnect() });
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  const before = process.memoryUsage().heapUsed;
  kept.length = 0;
  await session.post('HeapProfiler.collectGarbage');
  return before - process.memoryUsage().heapUsed;
}
