// Events that a command is pointed at: FILE, or FILE:PLACE, where the place is a line of NDJSON, the number of an event of a recording,
// or an event's id. In: the reference; out: events in order with their places. Called by why-not, and for its events by exceptions
// suggest and rules test.

import { existsSync } from 'node:fs';
import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { Io } from './command.ts';
import { DocumentIds } from './document-ids.ts';
import { checkReadable, STDIN } from './ndjson.ts';
import { QueryInput } from './query-input.ts';

export interface EventReference {
  readonly file: string;
  /** A line, a number, an event.id. */
  readonly place?: string;
}

export interface PlacedEvent {
  readonly event: EcsEvent;
  /** From 1 on: the line of the file, or its number in a recording. */
  readonly number: number;
  /** For a person. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** in: FILE, FILE:PLACE or -. A file whose name has a colon is that file where it is there. */
export function parseReference(text: string): EventReference {
  const colon = text.lastIndexOf(':');
  if (text === STDIN || colon <= 0 || existsSync(text)) return { file: text };
  return { file: text.slice(0, colon), place: text.slice(colon + 1) };
}

export function isAt({ place }: EventReference, { event, number }: PlacedEvent): boolean {
  return place !== undefined && (place === String(number) || place === event.id);
}

export interface EventOptions {
  readonly table: FieldTable;
  /** Environment variables that are read from recordings beside the usual. */
  readonly envNames: readonly string[];
}

/**
 * Goes through the files; events have an id and a time, as replay gives them. Losses are said on stderr.
 * Throws FB_RECORD_*, FB_QUERY_INPUT, FB_COMMAND_INPUT, of the file system.
 */
export async function readEvents(
  files: readonly string[],
  { table, envNames }: EventOptions,
  io: Io,
  take: (placed: PlacedEvent) => void,
): Promise<void> {
  await checkReadable(files);
  for (const file of files) {
    const input = new QueryInput(io, { table, open: false, envNames, matched: () => 0 });
    const ids = new DocumentIds();
    let recorded = 0;
    let wallMs = 0;
    await input.read(
      [file],
      (item) => {
        const { event } = item;
        if (!item.recorded) {
          if (event.get('@timestamp') === undefined) event.wallMs = wallMs;
          event.id = ids.of(event, item.text);
          wallMs = event.wallMs;
        }
        take({
          ...{ event, number: item.line ?? ++recorded },
          get document() {
            return item.document;
          },
        });
      },
      () => {},
    );
    for (const line of input.losses()) io.err(`${line}\n`);
  }
}

export function noSuchEvent({ file, place }: EventReference, count: number): ForebearError {
  const events = count === 1 ? '1 event' : `${count} events`;
  const none = place === undefined ? 'no event to look at' : `${events}, and none of them at ${JSON.stringify(place)}`;
  const message = `${file} has ${none}`;
  return new ForebearError('FB_COMMAND_NOT_FOUND', message, {
    hint: 'name the line of NDJSON, the number of an event in a recording, or an event.id',
  });
}
