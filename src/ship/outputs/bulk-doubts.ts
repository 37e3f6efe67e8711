// "It is there already" (409) is no promise that it stays. The engine says so of a document that it has in memory, while the
// request that brought it waits for the disk; a crash then takes it away [tried: fsync held up, an attempt timed out, the next
// one told 409, the node killed: the document was gone after its restart]. So 409 is believed only when no attempt can be on its
// way to the disk any more: some seconds after the last one whose end is not known, this program's start being one of those
// (the run before may have been killed in the middle of one). Until then it is asked again. Called by elasticsearch.ts.

import type { Answer, Output, Parcel, Verdict } from '../output.ts';
import type { Waiting } from '../wait.ts';

export class Doubts {
  readonly #attempt: Output['send'];
  readonly #waiting: Waiting;
  /** What a disk may take for a sync, all the rest of it being at work: duplicate_wait of the configuration. */
  readonly #longestMs: number;
  /** When the last attempt ended of which it is not known what became of it. */
  #unknownMs: number;

  constructor(attempt: Output['send'], longestMs: number, waiting: Waiting) {
    this.#longestMs = longestMs;
    this.#attempt = attempt;
    this.#waiting = waiting;
    this.#unknownMs = waiting.nowMs();
  }

  /** As Output.send, and once more for documents of which 409 says too little; the answer may take that much longer. */
  async send(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const first = await this.#watched(batch, signal);
    const doubtMs = this.#doubtMs();
    if (first.of === 'batch' || doubtMs === 0 || !first.verdicts.some(isDuplicate)) return first;
    await this.#waiting.wait(doubtMs, signal);
    const doubted = batch.filter((_, i) => isDuplicate(first.verdicts[i]!));
    const second = verdictsOf(await this.#watched(doubted, signal), doubted.length);
    const verdicts = first.verdicts.map((verdict) => (isDuplicate(verdict) ? second.shift()! : verdict));
    return { of: 'items', verdicts };
  }

  async #watched(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const answer = await this.#attempt(batch, signal);
    const isKnown = answer.of === 'items' && !answer.verdicts.some(({ is }) => is === 'retry');
    if (!isKnown) this.#unknownMs = this.#waiting.nowMs();
    return answer;
  }

  /** A clock that is set makes it no longer than the longest. */
  #doubtMs(): number {
    const most = this.#longestMs;
    return Math.min(most, Math.max(0, this.#unknownMs + most - this.#waiting.nowMs()));
  }
}

function isDuplicate(verdict: Verdict): boolean {
  return verdict.is === 'delivered' && verdict.duplicate === true;
}

function verdictsOf(answer: Answer, count: number): Verdict[] {
  if (answer.of === 'items') return [...answer.verdicts];
  const { verdict } = answer;
  return Array(count).fill(verdict.is === 'split' ? { is: 'retry', reason: verdict.reason } : verdict);
}
