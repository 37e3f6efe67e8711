// What `forebear query` searches: documents of NDJSON files and events of recordings, in order, each as an event and as its
// text. In: files; out: items. What documents hold that the event does not is counted, to be said at the end.

import { eventsOf } from '../agent/events-of.ts';
import { runRecording } from '../agent/replay.ts';
import { lostBy } from '../agent/summary.ts';
import { defaultConfig } from '../config.ts';
import { environmentNames } from '../detect/environment-names.ts';
import type { Rule } from '../detect/rule.ts';
import { toDocument } from '../ecs/document.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { flattenDocument } from '../ecs/flatten.ts';
import { parseJson } from '../ecs/json.ts';
import { RecordingReader } from '../record/read-recording-io.ts';
import { Counters } from '../stats.ts';
import type { Io } from './command.ts';
import { DocumentInput } from './document-input.ts';
import { DroppedValues } from './dropped-values.ts';
import { isRecording, turnOf } from './recording-file.ts';
import { escapeText } from './terminal.ts';
import { VERSION } from './version.ts';

type Json = Readonly<Record<string, unknown>>;

/** One document, or one event of a recording: there text and document are made when they are asked for. */
export interface QueryItem {
  readonly event: EcsEvent;
  readonly document: Json;
  /** As it came; of a recording, as it is written. */
  readonly text: string;
  readonly recorded: boolean;
  /** Of its file; absent: of a recording. */
  readonly line?: number;
}

const PROGRESS_EVERY = 100_000;

export interface QueryInputOptions {
  readonly table: FieldTable;
  /** Fields that the query does not name are read too. */
  readonly open: boolean;
  /** Environment variables that are read from recordings beside the usual. */
  readonly envNames: readonly string[];
  /** How many items matched so far, for a terminal. */
  readonly matched: () => number;
}

/** in: a compiled query; out: the environment variables that it names, as the decoder takes them. */
export function variablesOf(query: Partial<Pick<Rule, 'compiled' | 'program'>>): string[] {
  return environmentNames({ rules: [query as Rule] });
}

export class QueryInput {
  /** Documents and events so far. */
  count = 0;
  readonly #io: Io;
  readonly #options: QueryInputOptions;
  readonly #documents: DocumentInput;
  readonly #dropped = new DroppedValues();
  readonly #notes: string[] = [];

  constructor(io: Io, options: QueryInputOptions) {
    this.#io = io;
    this.#options = options;
    this.#documents = new DocumentInput(io, true);
  }

  /** Goes through the files. flush: after each piece of a file. Errors: FB_RECORD_*, FB_QUERY_INPUT, of the file system. */
  async read(files: readonly string[], take: (item: QueryItem) => void, flush: () => void): Promise<void> {
    for (const file of files) {
      if (this.#io.signal.aborted) break;
      const counted = (item: QueryItem) => {
        if (++this.count % PROGRESS_EVERY === 0) this.#progress();
        take(item);
      };
      if (isRecording(file)) await this.#recording(file, counted, flush).finally(flush);
      else await this.#ndjson(file, counted, flush);
    }
    if (this.#io.errIsTerminal && this.count >= PROGRESS_EVERY) this.#io.err('\r\x1b[K');
    this.#documents.assertSome();
  }

  /** What was lost on the way, a line each. */
  losses(): string[] {
    const { faults } = this.#documents;
    const lines = [...this.#notes];
    if (faults > 0) lines.push(`${faults} ${faults === 1 ? 'line' : 'lines'} could not be read`);
    lines.push(...this.#dropped.lines());
    return lines;
  }

  async #ndjson(file: string, take: (item: QueryItem) => void, flush: () => void): Promise<void> {
    for await (const documents of this.#documents.read(file)) {
      for (const { document, text, line } of documents) {
        take({ event: this.#flatten(document), document, text, line, recorded: false });
      }
      flush();
      await this.#io.drained?.();
    }
  }

  /** Fields that the query cannot read are not even given a slot. */
  #flatten(document: Json): EcsEvent {
    const { table, open } = this.#options;
    const { event, dropped } = flattenDocument(document, table, { unknown: open ? 'add' : 'skip' });
    this.#dropped.add(dropped);
    return event;
  }

  async #recording(file: string, take: (item: QueryItem) => void, flush: () => void): Promise<void> {
    const reader = new RecordingReader(file);
    const { sensor, enrich } = defaultConfig();
    const { table, envNames } = this.#options;
    const run = {
      frames: () => reader.frames(),
      ...{ version: VERSION, fields: table, entryLeader: enrich.entryLeader, counters: new Counters() },
      ...{ envNames: new Set([...sensor.environment, ...envNames]), signal: this.#io.signal },
      turn: () => {
        flush();
        return turnOf(this.#io);
      },
    };
    const counters = await runRecording(run, (enricher) => ({
      take: (record) => {
        for (const event of eventsOf(enricher, record)) take(new RecordedItem(event));
      },
      apply: (news) => enricher.apply(news),
      end: () => {},
    }));
    const missing = lostBy(counters);
    if (missing > 0) this.#notes.push(`${escapeText(file)}: ${missing} records were lost when it was recorded`);
    if (reader.tornBytes > 0) {
      this.#notes.push(`${escapeText(file)}: ends in ${reader.tornBytes} bytes of a torn frame`);
    }
  }

  #progress(): void {
    if (!this.#io.errIsTerminal) return;
    this.#io.err(`\r\x1b[K${this.count} documents, ${this.#options.matched()} matched`);
  }
}

class RecordedItem implements QueryItem {
  readonly event: EcsEvent;
  readonly recorded = true;

  constructor(event: EcsEvent) {
    this.event = event;
  }

  get text(): string {
    return JSON.stringify(toDocument(this.event));
  }

  get document(): Json {
    return parseJson(this.text) as Json;
  }
}
