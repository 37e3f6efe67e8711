// JSON documents of a file or of standard input, one a line, with the lines that are none reported and counted. Used by
// `query` and `replay`.

import { isRawNumber, parseJson } from '../ecs/json.ts';
import { reasonOf } from '../errors.ts';
import type { Io } from './command.ts';
import { isObject } from './document.ts';
import { type Line, readLines, STDIN } from './ndjson.ts';
import { escapeText } from './terminal.ts';

export interface InputDocument {
  document: Record<string, unknown>;
  /** The line it came from. */
  text: string;
}

/** Faulty lines that are shown one by one; the rest is counted. */
const SHOWN_FAULTS = 20;

export class DocumentInput {
  documents = 0;
  faults = 0;
  readonly #io: Io;

  constructor(io: Io) {
    this.#io = io;
  }

  /** in: path or `-`; out: its documents, as many at a time as a read brought. Ends when the command is to stop. */
  async *read(file: string): AsyncGenerator<readonly InputDocument[]> {
    for await (const lines of readLines(file, this.#io)) {
      const documents = lines.flatMap((line) => this.#document(file, line));
      this.documents += documents.length;
      yield documents;
      if (this.#io.signal.aborted) return;
    }
  }

  #document(file: string, line: Line): InputDocument[] {
    if (line.fault !== undefined) return this.#fault(file, line.number, line.fault);
    try {
      const document = parseJson(line.text);
      if (isObject(document) && !isRawNumber(document)) return [{ document, text: line.text }];
      return this.#fault(file, line.number, 'not a JSON object');
    } catch (error) {
      return this.#fault(file, line.number, reasonOf(error));
    }
  }

  #fault(file: string, number: number, reason: string): [] {
    this.faults++;
    const name = file === STDIN ? 'standard input' : file;
    if (this.faults <= SHOWN_FAULTS) this.#io.err(`${escapeText(`${name}:${number}: ${reason.slice(0, 200)}`)}\n`);
    if (this.faults === SHOWN_FAULTS + 1) this.#io.err('more such lines are counted only\n');
    return [];
  }
}
