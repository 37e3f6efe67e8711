// JSON documents of a file or of standard input, one a line, with the lines that are none reported and counted. Used by
// `query`, `replay` and whoever reads events. Nothing is reported before there is a document: where there is none at all, that is one
// error. Answers of a search are told of: their events stand deeper.

import { isRawNumber, parseJson } from '../ecs/json.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { Io } from './command.ts';
import { isObject } from './document.ts';
import { type Line, readLines, STDIN } from './ndjson.ts';
import { escapeText } from './terminal.ts';

export interface InputDocument {
  document: Record<string, unknown>;
  /** The line it came from, and its number in the file. */
  text: string;
  line: number;
}

/** As Elasticsearch answers: a hit, or the whole answer in one line. out: for jq, where its events are. */
function eventsOfSearch({ _source, _id, _index, hits }: Record<string, unknown>): string | undefined {
  if (isObject(_source) && (_id ?? _index) !== undefined) return '._source';
  return isObject(hits) && Array.isArray(hits.hits) ? '.hits.hits[]._source' : undefined;
}

/** Faulty lines that are shown one by one; the rest is counted. */
const SHOWN_FAULTS = 20;

export class DocumentInput {
  documents = 0;
  faults = 0;
  #searchNoticed = false;
  readonly #io: Io;
  /** Reports that wait for the first document; undefined: none wait any more. */
  #held: string[] | undefined;

  /** holdFaults: assertSome will be called at the end. */
  constructor(io: Io, holdFaults = false) {
    this.#io = io;
    if (holdFaults) this.#held = [];
  }

  /** At the end of all files. Throws FB_QUERY_INPUT when there were lines and none is a document. */
  assertSome(): void {
    if (this.documents > 0 || this.faults === 0) return;
    const message = `no line is a JSON document: ${this.#held?.[0] ?? 'see above'}`;
    throw new ForebearError('FB_QUERY_INPUT', message, { hint: 'one object a line (NDJSON) is read' });
  }

  /** in: path or `-`; out: its documents, as many at a time as a read brought. Ends when the command is to stop. */
  async *read(file: string): AsyncGenerator<readonly InputDocument[]> {
    for await (const lines of readLines(file, this.#io)) {
      const documents = lines.flatMap((line) => this.#document(file, line));
      this.documents += documents.length;
      if (documents.length > 0) this.#release();
      yield documents;
      if (this.#io.signal.aborted) return;
    }
  }

  #document(file: string, line: Line): InputDocument[] {
    if (line.fault !== undefined) return this.#fault(file, line.number, line.fault);
    try {
      const document = parseJson(line.text);
      if (isObject(document) && !isRawNumber(document)) {
        this.#noticeSearch(document, file, line.number);
        return [{ document, text: line.text, line: line.number }];
      }
      return this.#fault(file, line.number, 'not a JSON object');
    } catch (error) {
      return this.#fault(file, line.number, reasonOf(error));
    }
  }

  /** Of the first one. It is a document all the same: a query may ask for any fields. */
  #noticeSearch(document: Record<string, unknown>, file: string, number: number): void {
    const at = this.#searchNoticed ? undefined : eventsOfSearch(document);
    if (at === undefined) return;
    this.#searchNoticed = true;
    const [name, from] = file === STDIN ? ['standard input', ''] : [file, ` ${file}`];
    this.#report(
      `${name}:${number}: the answer of a search, whose events are in ${at}: jq -c '${at}'${from} brings them, one a line`,
    );
  }

  #fault(file: string, number: number, reason: string): [] {
    this.faults++;
    const name = file === STDIN ? 'standard input' : file;
    if (this.faults <= SHOWN_FAULTS) this.#report(`${name}:${number}: ${reason.slice(0, 200)}`);
    if (this.faults === SHOWN_FAULTS + 1) this.#report('more such lines are counted only');
    return [];
  }

  #report(text: string): void {
    if (this.#held === undefined) this.#io.err(`${escapeText(text)}\n`);
    else this.#held.push(text);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const text of held) this.#report(text);
  }
}
