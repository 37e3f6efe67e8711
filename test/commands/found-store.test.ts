// What a query keeps until the end: order by place, texts as they came, whatever their length.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { comparePlaces, type Place } from '../../src/commands/event-place.ts';
import { FoundStore } from '../../src/commands/found-store.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';

const place: fc.Arbitrary<Place> = fc.record({
  ns: fc.option(
    fc.oneof(
      fc.bigInt({ min: -3n, max: 3n }),
      fc.bigInt({ min: -3_000_000n, max: 3_000_000n }),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    ),
    { nil: undefined },
  ),
  tiebreaker: fc.option(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a', 'b', true, 5n)), {
    nil: undefined,
  }),
});

const storeOf = (places: readonly Place[]) => {
  const store = new FoundStore();
  for (const [i, one] of places.entries()) store.add({ place: one, probes: [i % 2], text: `{"i":${i}}` });
  return store;
};

it('orders by place, as they came among equals', () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 40 }), (places) => {
      const store = storeOf(places);
      const expected = places
        .map((one, i) => ({ one, i }))
        .sort((a, b) => comparePlaces(a.one, b.one) || a.i - b.i)
        .map(({ i }) => i);
      expect([...store.order(true)]).toEqual(expected);
      expect([...store.order(false)]).toEqual(places.map((_, i) => i));
      expect(places.map((_, i) => store.placeOf(i))).toEqual(places);
    }),
    { seed: 7 },
  );
});

it('gives texts back, also longer than a slab and at its ends', () => {
  const store = new FoundStore();
  const texts = ['', 'ä🐧', 'x'.repeat((4 << 20) - 3), 'abc', 'abcd', 'ü'.repeat(5 << 20), '', 'last'];
  for (const text of texts) store.add({ place: { ns: 0n, tiebreaker: undefined }, probes: [0], text });
  expect(texts.map((text, i) => store.textOf(i) === text)).toEqual(texts.map(() => true));
});

it('keeps some, in their order, events of recordings as they are', () => {
  const event = new EcsEvent(new FieldTable([]));
  const store = storeOf([3n, 1n, 2n].map((ns) => ({ ns, tiebreaker: undefined })));
  store.add({ place: { ns: 0n, tiebreaker: 1 }, probes: [0, 1], text: undefined, event });
  const kept = store.only(store.order(true).slice(0, 3));
  expect([kept.length, kept.eventOf(0), kept.textOf(0)]).toEqual([3, event, undefined]);
  expect([1, 2].map((i) => [kept.textOf(i), kept.placeOf(i).ns, kept.probesOf(i)])).toEqual([
    ['{"i":1}', 1n, [1]],
    ['{"i":2}', 2n, [0]],
  ]);
  expect([kept.placeOf(0).tiebreaker, kept.probesOf(0)]).toEqual([1, [0, 1]]);
});

it('has room for so many events that are kept themselves, and then says so', () => {
  const store = new FoundStore(10_000);
  const place = { ns: 0n, tiebreaker: undefined };
  const add = () => store.add({ place, probes: [0], text: undefined, event: new EcsEvent(new FieldTable([])) });
  for (let i = 0; i < 3; i++) add();
  expect(add).toThrow(expect.objectContaining({ code: 'FB_QUERY_MEMORY', hint: expect.any(String) }));
});
