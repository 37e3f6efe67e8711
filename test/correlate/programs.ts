// Programs and events of letters, made without the compiler: a stage is a letter, an event has some letters, a time and keys.
// `A! B` is not EQL; it says what the tests of correlate/ need: which stage, missing or not, by which keys.

import { type CorrelatorLimits, DEFAULT_LIMITS, type Joined } from '../../src/correlate/correlator.ts';
import { createCorrelator } from '../../src/correlate/create-correlator.ts';
import { EcsEvent, type Scalar, type SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { EqlProgram, StageKey, StageProgram } from '../../src/query/eql-program.ts';
import type { CompiledQuery } from '../../src/query/language.ts';
import { Counters } from '../../src/stats.ts';

const TABLE = new FieldTable([{ keyword: 'letters k1 k2', long: 'n', ip: 'ip' }]);

export interface Letters {
  /** Each letter is a stage that it matches. */
  readonly is: string;
  /** Milliseconds. */
  readonly at: number;
  readonly k1?: Scalar | readonly Scalar[];
  readonly k2?: Scalar | readonly Scalar[];
  readonly n?: Scalar | readonly Scalar[];
  readonly ip?: Scalar | readonly Scalar[];
}

/** out: an event of documents; with boot: of that boot, `at` being boot time. */
export function eventOf({ is, at, ...keys }: Letters, boot = ''): EcsEvent {
  const event = new EcsEvent(TABLE);
  event.set(TABLE.get('letters')!, [...is]);
  for (const [name, value] of Object.entries(keys)) event.set(TABLE.get(name)!, value as SlotValue);
  event.wallMs = at;
  event.bootId = boot;
  event.bootNs = boot === '' ? 0n : BigInt(Math.round(at * 1e6));
  event.id = `${is}${at}`;
  return event;
}

export interface Shape {
  readonly kind?: 'sequence' | 'sample';
  /** `A B !M C`, each letter with its own keys after a slash: `A/k1 B/k2`. `?k1` is optional. */
  readonly stages: string;
  /** Of all stages: `k1 ?k2`. */
  readonly by?: string;
  readonly maxspanMs?: number;
  readonly until?: string;
}

export function programOf({ kind = 'sequence', stages, by = '', maxspanMs, until }: Shape): EqlProgram {
  const letters: string[] = [];
  const stage = (text: string): StageProgram => {
    const [, not, letter, own] = /^(!?)(\w)(?:\/(.*))?$/.exec(text)!;
    if (!letters.includes(letter!)) letters.push(letter!);
    const keys = [...by.split(' '), ...(own ?? '').split('/')].filter((name) => name !== '').map(keyOf);
    return { probe: letters.indexOf(letter!), keys, missing: not === '!' };
  };
  const compiled = stages.split(' ').map(stage);
  const untilStage = until === undefined ? undefined : stage(until);
  return {
    kind,
    probes: letters.map(queryOf),
    stages: compiled,
    ...(untilStage && { until: untilStage }),
    ...(maxspanMs !== undefined && { maxspanMs }),
    tracked: [],
    pipes: [],
    fields: TABLE.all(),
    tree: { kind, by: [], stages: [], pipes: [] },
  };
}

function keyOf(name: string): StageKey {
  return { field: TABLE.get(name.replace('?', ''))!, optional: name.startsWith('?') };
}

function queryOf(letter: string): CompiledQuery {
  const { slot } = TABLE.get('letters')!;
  return {
    matches: (slots) => (slots[slot] as readonly string[]).includes(letter),
    fields: [TABLE.at(slot)!],
    tree: letter,
  };
}

/** Which of the program's probes match, as the detector hands them over. */
export function probesOf({ probes }: EqlProgram, event: EcsEvent): number[] {
  return probes.flatMap((probe, i) => (probe.matches(event.slots) ? [i] : []));
}

/** `A1 B2` per result, with its keys where it has some: `A1 B2 (foo)`. */
export function told({ events, keys }: Joined): string {
  const ids = events.map(({ id }) => id).join(' ');
  return keys.length === 0 ? ids : `${ids} (${keys.join(', ')})`;
}

/** A correlator and its counters; letters: pushes an event of these, and tells what it completed. */
export function streamOf(shape: Shape | EqlProgram, limits: Partial<CorrelatorLimits> = {}) {
  const program = 'probes' in shape ? shape : programOf(shape);
  const counters = new Counters();
  const correlator = createCorrelator(program, { ...DEFAULT_LIMITS, ...limits }, counters, 'a rule');
  const push = (event: EcsEvent) => correlator.push(event, probesOf(program, event));
  const letters = (letter: Letters, boot?: string) => push(eventOf(letter, boot)).map(told);
  return { correlator, counters, push, letters };
}
