import { expect, it } from 'vitest';
import { EVERY_TICKS, ForkWatch, PAUSE_TICKS } from '../../src/agent/fork-watch.ts';
import type { Fork } from '../../src/journal/fork-marker-io.ts';

/** A journal whose id is told as "a", "b", ... after each fork. */
function rig() {
  const told: string[] = [];
  const state = { id: 'a', marker: undefined as Fork | undefined, refuse: false, looks: 0, forks: 0 };
  const watch = new ForkWatch({
    journal: {
      status: () => ({ journalId: state.id }) as never,
      fork: async () => {
        state.forks++;
        if (state.refuse) throw new Error('full');
        state.id = String.fromCharCode(state.id.charCodeAt(0) + 1);
        return true;
      },
    },
    marker: () => {
      state.looks++;
      return state.marker;
    },
    notices: { forked: ({ journalId, seq }) => void told.push(`${journalId}${seq}`) },
    troubles: { note: (_what, thrown) => void (thrown !== undefined && told.push((thrown as Error).message)) },
  });
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) watch.tick();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { state, told, ticks };
}

it('looks once a minute, and begins a new id where the one in use was refused', async () => {
  const { state, told, ticks } = rig();
  await ticks(EVERY_TICKS - 1);
  expect(state.looks).toBe(0);
  state.marker = { journalId: 'a', seq: 7 };
  await ticks(1);
  expect({ told, id: state.id }).toEqual({ told: ['a7'], id: 'b' });
});

it('a marker about another journal, or none, changes nothing', async () => {
  const { state, ticks } = rig();
  await ticks(EVERY_TICKS);
  state.marker = { journalId: 'z', seq: 1 };
  await ticks(5 * EVERY_TICKS);
  expect(state).toMatchObject({ looks: 6, forks: 0 });
});

it('whoever writes one marker after the other gets one new id an hour', async () => {
  const { state, told, ticks } = rig();
  state.marker = { journalId: 'a', seq: 1 };
  await ticks(EVERY_TICKS);
  state.marker = { journalId: 'b', seq: 2 };
  await ticks(PAUSE_TICKS - 1);
  expect(told).toEqual(['a1']);
  await ticks(1);
  expect(told).toEqual(['a1', 'b2']);
});

it('what the disk refuses is tried again a minute later', async () => {
  const { state, told, ticks } = rig();
  Object.assign(state, { marker: { journalId: 'a', seq: 1 }, refuse: true });
  await ticks(EVERY_TICKS);
  state.refuse = false;
  await ticks(EVERY_TICKS);
  expect(told).toEqual(['full', 'a1']);
});
