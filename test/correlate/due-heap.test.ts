// The heap against a sorted list, on random additions and removals.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Due, DueHeap } from '../../src/correlate/due-heap.ts';

const at = (wallMs: number) => ({ bootId: '', bootNs: 0n, wallMs });

it('has the one that waits longest first, of equals the one that came first, whatever has been taken out', () => {
  const add = fc.record({ add: fc.nat({ max: 200 }) });
  const step = fc.oneof(add, fc.record({ remove: fc.nat() }));
  fc.assert(
    fc.property(fc.array(add, { minLength: 40, maxLength: 40 }), fc.array(step, { maxLength: 40 }), (first, steps) => {
      const heap = new DueHeap<Due>();
      const list: Due[] = [];
      for (const one of [...first, ...steps]) {
        if ('add' in one) {
          const entry = { since: at(one.add), place: -1 };
          heap.add(entry);
          const after = list.findIndex(({ since }) => since.wallMs > one.add);
          list.splice(after === -1 ? list.length : after, 0, entry);
        } else if (list.length > 0) {
          const [gone] = list.splice(one.remove % list.length, 1);
          heap.remove(gone!);
          heap.remove(gone!);
        }
        expect([heap.first, heap.size]).toEqual([list[0], list.length]);
        expect(heap.first).toBe(list[0]);
      }
      for (const entry of list) {
        expect(heap.first).toBe(entry);
        heap.remove(entry);
      }
    }),
  );
});
