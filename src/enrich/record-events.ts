// What an event says beside what every event says of its process, by the kind of its record. Called by the enricher once the event's
// process is written.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { SensorRecord } from '../sensor/record.ts';
import { CallEvents } from './call-events.ts';
import { FileEvents } from './file-events.ts';
import { NetworkEvents } from './network-events.ts';
import type { NameBook } from './users.ts';

export interface RecordEventsOptions {
  fields: FieldTable;
  /** Of the host. */
  users: NameBook;
  groups: NameBook;
}

export class RecordEvents {
  readonly #files: FileEvents;
  readonly #network: NetworkEvents;
  readonly #calls: CallEvents;

  constructor(options: RecordEventsOptions) {
    this.#files = new FileEvents(options);
    this.#network = new NetworkEvents(options.fields);
    this.#calls = new CallEvents(options.fields);
  }

  /** in: an event whose process is written, the record; out: written in place. */
  fill(event: EcsEvent, record: SensorRecord): void {
    if (record.kind === 'file') this.#files.fill(event, record);
    else if (record.kind === 'network') this.#network.fill(event, record);
    else if (record.kind === 'call') this.#calls.fill(event, record);
  }
}
