// A source with what somebody asked to send again put between: looked for every few seconds, between two items, so that a backlog
// does not keep it waiting either. Called by ship.ts.

import type { Item, Source } from './source.ts';
import { Pulling, type Waiting } from './wait.ts';

const LOOK_MS = 2000;

/** What is to be sent again by now, read as it is asked for; asked: keys of those on their way, which it keeps. */
export type Resends = (asked: Set<string>) => Iterable<Item>;

export function withResends(source: Source, resends: Resends, waiting: Waiting): Source {
  return {
    newest: () => source.newest(),
    items: (after, signal) => merged(source.items(after, signal), resends, waiting, signal),
  };
}

async function* merged(
  items: AsyncGenerator<Item>,
  resends: Resends,
  waiting: Waiting,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const pulling = new Pulling(items, waiting);
  let lookedMs = Number.NEGATIVE_INFINITY;
  const asked = new Set<string>();
  try {
    for (;;) {
      if (waiting.nowMs() - lookedMs >= LOOK_MS || waiting.nowMs() < lookedMs) {
        yield* resends(asked);
        lookedMs = waiting.nowMs();
      }
      const found = await pulling.pull(LOOK_MS, signal);
      if (found?.done === true || signal.aborted) return;
      if (found !== undefined) yield found.value;
    }
  } finally {
    await items.return(undefined);
  }
}
