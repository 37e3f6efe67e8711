// eql sequences and samples: events that match the program's probes go to its correlator, each join that it completes is an
// alert that tells of all its events. An exception hides the alert only where it hides every event of the join. Called by detector.ts
// through the contract of kind.ts.

import type { Correlator, Joined } from '../../correlate/correlator.ts';
import type { EcsEvent } from '../../ecs/event.ts';
import type { EventTime } from '../../ecs/event-time.ts';
import type { Field } from '../../ecs/fields.ts';
import type { EqlProgram } from '../../query/eql-program.ts';
import type { Counters } from '../../stats.ts';
import { eventIdOf, idOf } from '../alert-id.ts';
import { commonEvent } from '../common-event.ts';
import { sequenceShape } from './building-blocks.ts';
import type { Draft, Occurrence, RuleKind } from './kind.ts';
import { lightEvent } from './light-event.ts';

/** What is known of an event besides. */
interface Noted {
  readonly selftest: boolean;
  readonly hiddenBy: string | undefined;
}

export class JoinedKind implements RuleKind {
  readonly joins = true;
  readonly #correlator: Correlator;
  readonly #counters: Counters;
  /** By its slots, which the copies that the correlator keeps have too. */
  readonly #noted = new WeakMap<EcsEvent['slots'], Noted>();

  /** Slots of what it joins by and compares. */
  readonly #spared: ReadonlySet<number>;

  constructor(program: EqlProgram, correlator: Correlator, counters: Counters) {
    this.#correlator = correlator;
    this.#spared = new Set(comparedBy(program).map(({ slot }) => slot));
    this.#counters = counters;
  }

  get due(): EventTime | undefined {
    return this.#correlator.due;
  }

  get pending(): number {
    return this.#correlator.pending;
  }

  matched({ event, probes, selftest, hiddenBy }: Occurrence): readonly Draft[] {
    const light = lightEvent(event, this.#spared);
    if (selftest || hiddenBy !== undefined) this.#noted.set(light.slots, { selftest, hiddenBy });
    return this.#drafts(this.#correlator.push(light, probes), { light, event });
  }

  tick(at: EventTime): readonly Draft[] {
    return this.#drafts(this.#correlator.tick(at));
  }

  end(): readonly Draft[] {
    return this.#drafts(this.#correlator.end());
  }

  /** The rule is another one, or gone: what was in progress is not gone on with. */
  dropped(): void {
    const { pending } = this.#correlator;
    if (pending > 0) this.#counters.add('detect_joins_dropped_total', pending);
  }

  shed(count: number): void {
    this.#correlator.shed?.(count);
  }

  /** newest: as it came, and as it was given. */
  #drafts(joined: readonly Joined[], newest?: { light: EcsEvent; event: EcsEvent }): readonly Draft[] {
    return onePerEvents(joined).flatMap(({ events }) => {
      const noted = events.map((event) => this.#noted.get(event.slots));
      const hidden = noted.at(-1)?.hiddenBy;
      if (hidden !== undefined && noted.every((each) => each?.hiddenBy !== undefined)) {
        this.#counters.add('detect_events_excepted_total', 1, hidden);
        return [];
      }
      const selftest = noted.every((each) => each?.selftest === true);
      const whole = events.map((event) => (event === newest?.light ? newest.event : event));
      return [draftOf(whole, selftest)];
    });
  }
}

/** Several values of a key may join the same events more than once: that is one alert, and one id. */
function onePerEvents(joined: readonly Joined[]): readonly Joined[] {
  if (joined.length < 2) return joined;
  const places = new Map([...new Set(joined.flatMap(({ events }) => events))].map((event, place) => [event, place]));
  return [...new Map(joined.map((one) => [one.events.map((event) => places.get(event)).join(' '), one])).values()];
}

/** What an event says of earlier ones is not told apart from what it says of itself. */
function comparedBy({ stages, until, fields }: EqlProgram): readonly Field[] {
  const all = until === undefined ? stages : [...stages, until];
  if (all.some(({ confirm }) => confirm !== undefined)) return fields;
  return all.flatMap(({ keys }) => keys.map(({ field }) => field));
}

function draftOf(events: readonly EcsEvent[], selftest: boolean): Draft {
  return {
    event: commonEvent(events),
    selftest,
    gaps: [],
    documents: 1,
    uuid: ({ rule_id, version }) => idOf('sequence', [rule_id, String(version), ...events.map(eventIdOf)]),
    shape: (of) => sequenceShape(events, of),
  };
}
