// What tests of a lane share: time that passes only when waited for, an endpoint that answers by script, records and parcels.

import type { DeadLetters, LaneCursor } from '../../src/ship/lane.ts';
import { Lane } from '../../src/ship/lane.ts';
import { LaneState } from '../../src/ship/lane-state.ts';
import type { Answer, Output, Parcel, Verdict } from '../../src/ship/output.ts';
import type { Position, Source } from '../../src/ship/source.ts';
import type { Waiting } from '../../src/ship/wait.ts';
import { Counters } from '../../src/stats.ts';

export const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
export const JOURNAL = 'ab'.repeat(16);
const NO_LINK = Buffer.alloc(32);

/** Each wait ends at once and moves the clock by its length; lasting longer than `most` of them is a fault of the test. */
export class FakeTime implements Waiting {
  ms = 1_800_000_000_000;
  readonly waits: number[] = [];
  onWait: ((ms: number) => void) | undefined;
  readonly #most: number;
  constructor(most = 10_000) {
    this.#most = most;
  }
  nowMs(): number {
    return this.ms;
  }
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // A pull's limit loses to whatever is ready.
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
    this.ms += ms;
    this.onWait?.(ms);
    if (this.waits.push(ms) > this.#most) throw new Error('waits for ever');
  }
}

export function parcel(seq: number, size = 20): Parcel {
  const document = Buffer.from(JSON.stringify({ seq, pad: 'x'.repeat(size) }));
  const [kind, id] = ['alert' as const, `id-${seq}`];
  return {
    seq,
    journalId: JOURNAL,
    hostId: 'h',
    kind,
    rank: 1,
    wallMs: 1_800_000_000_000 + seq,
    id,
    document,
    payload: document,
  };
}

export function positionOf(seq: number): Position {
  return { seq, journalId: JOURNAL, link: NO_LINK };
}

export function sourceOf(parcels: readonly Parcel[]): Source {
  return {
    async *items(after) {
      for (const each of parcels) {
        if (each.seq > (after?.seq ?? 0)) yield { parcel: each, position: positionOf(each.seq) };
      }
    },
    newest: async () => parcels.at(-1),
  };
}

/** An endpoint that has what it took; answers come from the script, then all is delivered. */
export class ScriptedOutput implements Output {
  readonly type = 'file';
  /** Ids in the order of arrival, duplicates included. */
  readonly took: string[] = [];
  readonly batches: number[][] = [];
  readonly #script: ((batch: readonly Parcel[]) => Answer)[];
  constructor(script: ((batch: readonly Parcel[]) => Answer)[] = []) {
    this.#script = [...script];
  }
  async send(batch: readonly Parcel[]): Promise<Answer> {
    this.batches.push(batch.map(({ seq }) => seq));
    const answer = this.#script.shift()?.(batch) ?? { of: 'batch' as const, verdict: { is: 'delivered' as const } };
    const verdicts: readonly { is: string }[] =
      answer.of === 'items' ? answer.verdicts : batch.map(() => answer.verdict);
    batch.forEach(({ id }, i) => {
      if (verdicts[i]?.is === 'delivered') this.took.push(id);
    });
    return answer;
  }
  async close(): Promise<void> {}
}

export function all(verdict: Verdict | { is: 'split'; reason: string }): () => Answer {
  return () => ({ of: 'batch', verdict }) as Answer;
}

export function each(judge: (parcel: Parcel) => Verdict): (batch: readonly Parcel[]) => Answer {
  return (batch) => ({ of: 'items', verdicts: batch.map(judge) });
}

export class MemoryCursor implements LaneCursor {
  position: Position | undefined;
  readonly saved: number[] = [];
  #failures: number;
  constructor(failures = 0) {
    this.#failures = failures;
  }
  async save(position: Position): Promise<void> {
    if (this.#failures-- > 0) throw new Error('no space left on device');
    this.position = position;
    this.saved.push(position.seq);
  }
}

export interface Rig {
  lane: Lane;
  cursor: MemoryCursor;
  dead: { seq: number; reason: string }[];
  counters: Counters;
  time: FakeTime;
  state: LaneState;
}

export function rig(
  source: Source,
  output: Output,
  more: { count?: number; bytes?: number; deadFails?: number; saveFails?: number; giveUp?: boolean } = {},
): Rig {
  const time = new FakeTime();
  const cursor = new MemoryCursor(more.saveFails);
  const counters = new Counters();
  const dead: Rig['dead'] = [];
  let failures = more.deadFails ?? 0;
  const letters: DeadLetters = {
    put: async ({ seq }, reason) => {
      if (failures-- > 0) throw new Error('no room');
      dead.push({ seq, reason });
    },
  };
  const state = new LaneState({ name: 'x', type: 'file', cursorSeq: 0 }, () => time.nowMs(), SILENT);
  const settings = { name: 'x', batch_bytes: more.bytes ?? 1e6, batch_count: more.count ?? 4, max_backoff: 60_000 };
  const lane = new Lane({
    settings,
    source,
    output,
    cursor,
    dead: letters,
    state,
    counters,
    waiting: time,
    random: () => 0.5,
    giveUp: more.giveUp === true,
  });
  return { lane, cursor, dead, counters, time, state };
}
