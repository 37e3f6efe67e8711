// `forebear query --language eql`: events, sequences and samples over documents and recordings, ordered and answered as by
// Elasticsearch's EQL search, all results of it. What matches any part of the query is kept until the end, as order
// needs. Called by query.ts.

import { systemClock } from '../clock.ts';
import type { Joined } from '../correlate/correlator.ts';
import { createCorrelator } from '../correlate/create-correlator.ts';
import { toDocument } from '../ecs/document.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';
import { parseJson } from '../ecs/json.ts';
import { compileEql } from '../query/eql-compile.ts';
import type { EqlOptions, EqlProgram } from '../query/eql-program.ts';
import type { EqlPipe } from '../query/eql-tree.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io } from './command.ts';
import { documentLine } from './document-line.ts';
import { comparePlaces, type Place, placeOf } from './event-place.ts';
import type { QueryOptions } from './query.ts';
import { QueryInput, type QueryItem } from './query-input.ts';
import { isRecording } from './recording-file.ts';
import { escapeText, terminalWidth } from './terminal.ts';

/** Something that matches a part of the query. */
interface Found extends Place {
  /** As it came; undefined: a recorded event, whose document is made where it is printed. */
  readonly text: string | undefined;
  /** Of sequences, samples and recordings. */
  readonly event: EcsEvent | undefined;
  readonly probes: readonly number[];
}

/** Documents have one clock, their own; with it windows are exact to the nanosecond. */
const DOCUMENTS = 'documents';
/** Kept beyond what the first pipe takes, before what it cannot take goes. */
const SPARE = 10_000;
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
  const search = new Search(program, options, !files.every(isRecording));
  const input = new QueryInput(io, { table, open: false, query: text, matched: () => search.found });
  await input.read(
    files,
    (item) => search.take(item),
    () => {},
  );
  const results = piped(search.results(), program.pipes);
  await print(results, program, options, io);
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

class Search {
  readonly #program: EqlProgram;
  readonly #options: QueryOptions;
  #found: Found[] = [];
  /** Found, and left out by the first pipe. */
  #left = 0;
  readonly #counters = new Counters();
  #timeless = 0;
  readonly #byTime: boolean;

  constructor(program: EqlProgram, options: QueryOptions, byTime: boolean) {
    this.#program = program;
    this.#options = options;
    // Samples stay as they came.
    this.#byTime = byTime && program.kind !== 'sample';
  }

  get found(): number {
    return this.#found.length + this.#left;
  }

  take(item: QueryItem): void {
    const { kind, probes: queries } = this.#program;
    const probes = queries.flatMap((query, i) => (query.matches(item.event.slots) ? [i] : []));
    if (probes.length === 0) return;
    const place = this.#place(item);
    if (kind === 'sequence' && place.ns === undefined) this.#timeless++;
    else this.#keep(item, place, probes);
  }

  #keep(item: QueryItem, place: Place, probes: readonly number[]): void {
    const { kind, pipes } = this.#program;
    const text = item.recorded ? undefined : item.text;
    const event = item.recorded || kind !== 'event' ? item.event : undefined;
    this.#found.push({ ...place, probes, text, event });
    const pipe = pipes[0];
    if (kind !== 'event' || pipe === undefined || this.#found.length < 2 * pipe.count + SPARE) return;
    this.#order();
    const kept = piped(this.#found, [pipe]);
    this.#left += this.#found.length - kept.length;
    this.#found = kept;
  }

  #order(): void {
    if (this.#byTime) this.#found.sort(comparePlaces);
  }

  /** Each with its documents, in order. */
  results(): Found[][] {
    this.#order();
    return this.#program.kind === 'event' ? this.#found.map((found) => [found]) : this.#joined();
  }

  /** What could not take part, a line each. */
  losses(): string[] {
    const lines: string[] = [];
    const field = escapeText(this.#options.timestampField);
    if (this.#timeless > 0)
      lines.push(`documents without a time in ${field}, which no sequence has: ${this.#timeless}`);
    const skipped = this.#counters.get('correlate_combinations_skipped_total');
    if (skipped > 0) lines.push(`combinations of values of \`by\` that were not looked at: ${skipped}`);
    return lines;
  }

  #place(item: QueryItem): Place {
    const { event } = item;
    if (item.recorded) return { ns: BigInt(Math.round(event.wallMs * 1e6)), tiebreaker: undefined };
    const { timestampField, tiebreakerField } = this.#options;
    const place = placeOf(item.document, timestampField, tiebreakerField);
    event.bootId = DOCUMENTS;
    event.bootNs = place.ns ?? 0n;
    event.wallMs = Number(event.bootNs) / 1e6;
    delete event.source;
    return place;
  }

  #joined(): Found[][] {
    const correlator = createCorrelator(this.#program, UNLIMITED, this.#counters, 'query', { stored: true });
    const joined: Joined[] = [];
    for (const [i, { event, probes }] of this.#found.entries()) {
      event!.id = String(i);
      joined.push(...correlator.push(event!, probes));
    }
    joined.push(...correlator.end());
    const last = ({ events }: Joined) => Number(events.at(-1)!.id);
    // What waited for an event that must be missing was decided late.
    if (this.#program.kind === 'sequence') joined.sort((a, b) => last(a) - last(b));
    return joined.map(({ events }) => events.map(({ id }) => this.#found[Number(id)]!));
  }
}

function piped<T>(results: T[], pipes: readonly EqlPipe[]): T[] {
  let rest = results;
  for (const { name, count } of pipes) {
    rest = name === 'head' ? rest.slice(0, count) : rest.slice(Math.max(0, rest.length - count));
  }
  return rest;
}

async function print(results: readonly Found[][], { kind }: EqlProgram, options: QueryOptions, io: Io): Promise<void> {
  const width = terminalWidth(io);
  const line = (text: string) =>
    documentLine(parseJson(text) as Record<string, unknown>, text, options.timestampField, width);
  for (const [i, result] of results.entries()) {
    if (io.signal.aborted) return;
    const texts = result.map(({ text, event }) => text ?? JSON.stringify(toDocument(event!)));
    if (options.json) io.out(kind === 'event' ? `${texts[0]}\n` : `[${texts.join(',')}]\n`);
    else io.out(`${kind !== 'event' && i > 0 ? '\n' : ''}${texts.map(line).join('\n')}\n`);
    if (i % 1000 === 999) await io.drained?.();
  }
}
