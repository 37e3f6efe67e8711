// `forebear query --language eql`: events, sequences and samples over documents and recordings, ordered and answered as by
// Elasticsearch's EQL search, all results of it. What matches any part of the query is kept until the end, as order
// needs. Called by query.ts.

import { systemClock } from '../clock.ts';
import type { Joined } from '../correlate/correlator.ts';
import { createCorrelator } from '../correlate/create-correlator.ts';
import { toDocument } from '../ecs/document.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import { parseJson } from '../ecs/json.ts';
import { ForebearError } from '../errors.ts';
import { compileEql } from '../query/eql-compile.ts';
import type { EqlOptions, EqlProgram } from '../query/eql-program.ts';
import type { EqlPipe } from '../query/eql-tree.ts';
import { work } from '../query/work.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io } from './command.ts';
import { documentLine } from './document-line.ts';
import { type Place, placeOf } from './event-place.ts';
import { type Found, FoundStore } from './found-store.ts';
import type { QueryOptions } from './query.ts';
import { QueryInput, type QueryItem, variablesOf } from './query-input.ts';
import { printMatching } from './query-stream.ts';
import { isRecording } from './recording-file.ts';
import { escapeText, terminalWidth } from './terminal.ts';

/** Documents have one clock, their own; with it windows are exact to the nanosecond. */
const DOCUMENTS = 'documents';
/** Kept beyond what the first pipe takes, before what it cannot take goes. */
const SPARE = 10_000;
/** Joins in progress beyond which the heap would not do. */
const MAX_PENDING = 100_000;
const UNLIMITED = { maxPending: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };

/** Prints all results at the end. Errors: FB_QUERY_*, FB_RECORD_*, of the file system. */
export async function queryEql(
  text: string,
  files: readonly string[],
  options: QueryOptions,
  io: Io,
): Promise<ExitStatus> {
  const recorded = files.some(isRecording);
  const { table, program } = compiled(text, options, recorded);
  // Recordings alone stay in the order of the ring.
  const byTime = !files.every(isRecording);
  const source = { table, open: false, envNames: variablesOf({ program }) };
  if (program.kind === 'event' && program.pipes.length === 0 && !byTime) {
    return printMatching(program.probes[0]!, source, files, options, io);
  }
  const search = new Search({ program, table, options, byTime });
  const input = new QueryInput(io, { ...source, matched: () => search.found });
  await input.read(
    files,
    (item) => search.take(item),
    () => {},
  );
  const results = search.results();
  await print(search.store, results, program, options, io);
  const lines = options.json ? [] : [summary(program, results.length, input.count)];
  for (const line of [...lines, ...search.losses(), ...input.losses()]) io.err(`${line}\n`);
  return results.length > 0 ? 0 : 1;
}

function summary({ kind }: EqlProgram, found: number, count: number): string {
  if (kind === 'event') return `${found} of ${count} documents matched`;
  return `${found} ${kind}${found === 1 ? '' : 's'} in ${count} documents`;
}

/** Documents get slots for the query's own fields alone: many events may have to be kept. */
function compiled(text: string, { timestampField, eventCategoryField }: QueryOptions, recorded: boolean) {
  const startMs = systemClock.wallMs();
  const how: EqlOptions = { now: () => startMs, unknown: 'dynamic', categoryField: eventCategoryField };
  const whole = new FieldTable();
  whole.add(timestampField, 'date');
  const program = compileEql(text, whole, how);
  if (recorded) return { table: whole, program };
  const table = new FieldTable([]);
  for (const { name, type, dynamic } of program.fields) dynamic ? table.addDynamic(name) : table.add(name, type);
  return { table, program: compileEql(text, table, how) };
}

interface SearchParts {
  readonly program: EqlProgram;
  readonly table: FieldTable;
  readonly options: QueryOptions;
  readonly byTime: boolean;
}

class Search {
  store = new FoundStore();
  readonly #program: EqlProgram;
  readonly #table: FieldTable;
  readonly #options: QueryOptions;
  /** Found, and left out by the first pipe. */
  #left = 0;
  readonly #counters = new Counters();
  #timeless = 0;
  readonly #cutBefore = work.skipped;
  readonly #byTime: boolean;

  constructor({ program, table, options, byTime }: SearchParts) {
    this.#program = program;
    this.#table = table;
    this.#options = options;
    // Samples stay as they came.
    this.#byTime = byTime && program.kind !== 'sample';
  }

  get found(): number {
    return this.store.length + this.#left;
  }

  take(item: QueryItem): void {
    const { kind, probes: queries } = this.#program;
    const { event, recorded } = item;
    const probes = queries.flatMap((query, i) => (query.matches(event.slots) ? [i] : []));
    if (probes.length === 0) return;
    const place = this.#place(item);
    if (kind === 'sequence' && place.ns === undefined) this.#timeless++;
    else if (recorded && kind !== 'event') this.#keep({ place, probes, text: undefined, event });
    else this.#keep({ place, probes, text: item.text });
  }

  #keep(found: Found): void {
    const { kind, pipes } = this.#program;
    this.store.add(found);
    const pipe = pipes[0];
    if (kind !== 'event' || pipe === undefined || this.store.length < 2 * pipe.count + SPARE) return;
    const kept = piped(this.store.order(this.#byTime), [pipe]);
    this.#left += this.store.length - kept.length;
    this.store = this.store.only(kept);
  }

  /** Each with its documents, by their numbers in the store, in order. */
  results(): Uint32Array | number[][] {
    const order = this.store.order(this.#byTime);
    const { kind, pipes } = this.#program;
    return kind === 'event' ? piped(order, pipes) : piped(this.#joined(order), pipes);
  }

  /** What could not take part, a line each. */
  losses(): string[] {
    const lines: string[] = [];
    const field = escapeText(this.#options.timestampField);
    if (this.#timeless > 0)
      lines.push(`documents without a time in ${field}, which no sequence has: ${this.#timeless}`);
    const skipped = this.#counters.get('correlate_combinations_skipped_total');
    if (skipped > 0) lines.push(`combinations of values of \`by\` that were not looked at: ${skipped}`);
    const cut = work.skipped - this.#cutBefore;
    if (cut > 0) lines.push(`predicates that did not look at all combinations of a document's values: ${cut}`);
    return lines;
  }

  #place({ event, document, recorded }: QueryItem): Place {
    if (recorded) return { ns: BigInt(Math.round(event.wallMs * 1e6)), tiebreaker: undefined };
    const { timestampField, tiebreakerField } = this.#options;
    return placeOf(document, timestampField, tiebreakerField);
  }

  #joined(order: Uint32Array): number[][] {
    const correlator = createCorrelator(this.#program, UNLIMITED, this.#counters, 'query', { stored: true });
    const positions: number[][] = [];
    const take = (joined: readonly Joined[]) => {
      for (const { events } of joined) positions.push(events.map(({ id }) => Number(id)));
    };
    for (const [position, i] of order.entries()) {
      const event = this.store.eventOf(i) ?? this.#again(i);
      event.id = String(position);
      take(correlator.push(event, this.store.probesOf(i)));
      if (correlator.pending > MAX_PENDING) throw tooMany(this.#program);
    }
    take(correlator.end());
    // What waited for an event that must be missing was decided late.
    if (this.#program.kind === 'sequence') positions.sort((a, b) => a.at(-1)! - b.at(-1)!);
    return positions.map((list) => list.map((position) => order[position]!));
  }

  /** The event of a document that was kept as text. */
  #again(i: number): EcsEvent {
    const document = parseJson(this.store.textOf(i)!) as Readonly<Record<string, unknown>>;
    const { event } = flattenDocument(document, this.#table, { unknown: 'skip' });
    event.bootId = DOCUMENTS;
    event.bootNs = this.store.placeOf(i).ns ?? 0n;
    event.wallMs = Number(event.bootNs) / 1e6;
    delete event.source;
    return event;
  }
}

function tooMany({ kind, maxspanMs }: EqlProgram): ForebearError {
  const hint = maxspanMs === undefined && kind === 'sequence' ? 'bound it: `with maxspan=1m`' : 'search less at a time';
  return new ForebearError('FB_QUERY_MEMORY', `more than ${MAX_PENDING} ${kind}s are in progress at once`, { hint });
}

function piped<T extends Uint32Array | number[][]>(results: T, pipes: readonly EqlPipe[]): T {
  let rest = results;
  for (const { name, count } of pipes) {
    rest = (name === 'head' ? rest.slice(0, count) : rest.slice(Math.max(0, rest.length - count))) as T;
  }
  return rest;
}

async function print(
  store: FoundStore,
  results: Uint32Array | number[][],
  { kind }: EqlProgram,
  options: QueryOptions,
  io: Io,
): Promise<void> {
  const width = terminalWidth(io);
  const line = (text: string) =>
    documentLine(parseJson(text) as Record<string, unknown>, text, options.timestampField, width);
  const textOf = (i: number) => store.textOf(i) ?? JSON.stringify(toDocument(store.eventOf(i)!));
  for (const [i, result] of results.entries()) {
    if (io.signal.aborted) return;
    const texts = (typeof result === 'number' ? [result] : result).map(textOf);
    if (options.json) io.out(kind === 'event' ? `${texts[0]}\n` : `[${texts.join(',')}]\n`);
    else io.out(`${kind !== 'event' && i > 0 ? '\n' : ''}${texts.map(line).join('\n')}\n`);
    if (i % 1000 === 999) await io.drained?.();
  }
}
