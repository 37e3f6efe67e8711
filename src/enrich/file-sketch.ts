// The few fields of a file's event by which rules are chosen, as event-sketch.ts has them of an exec: a tree that is unpacked makes
// fifty thousand records of which no rule could match one. Called by the enricher.

import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { FileRecord } from '../sensor/record.ts';
import type { ArgumentViews } from './argument-views.ts';
import type { Sighting } from './event-maker.ts';
import { extensionOf, FILE_CATEGORY, FILE_TYPE } from './file-events.ts';
import { baseName } from './process-entry.ts';
import type { ProcessWriter } from './process-writer.ts';
import { slotsOf } from './slots-of.ts';

const FIELDS = [
  'event.action',
  'event.category',
  'event.type',
  'file.Ext.original.extension',
  'file.Ext.original.name',
  'file.Ext.original.path',
  'file.extension',
  'file.name',
  'file.path',
  'host.os.type',
  'process.args',
  'process.command_line',
  'process.executable',
  'process.name',
  'process.parent.executable',
  'process.parent.name',
  'user.id',
] as const;

export interface FileSketchOptions {
  fields: FieldTable;
  /** Values that are the same in every event. */
  constants: ReadonlyMap<string, SlotValue>;
  bootId: string;
  writer: ProcessWriter;
  views: ArgumentViews;
  wallMs: (bootNs: bigint) => number;
}

export class FileSketch {
  /** The slots that it writes; of any other nothing can be said from it. */
  readonly slots: ReadonlySet<number>;
  readonly #options: FileSketchOptions;
  readonly #slots: Readonly<Record<(typeof FIELDS)[number], number>>;
  /** The same one for all records. */
  readonly #event: EcsEvent;

  constructor(options: FileSketchOptions) {
    const { fields, constants, bootId } = options;
    this.#options = options;
    this.#slots = slotsOf(fields, FIELDS);
    this.slots = new Set(Object.values(this.#slots));
    this.#event = new EcsEvent(fields);
    this.#event.bootId = bootId;
    this.#event.slots[this.#slots['host.os.type']] = constants.get('host.os.type');
    this.#event.slots[this.#slots['event.category']] = FILE_CATEGORY;
  }

  /** out: as the event would be in the fields above, and its times; valid until the next call. */
  of(record: FileRecord, sighting: Sighting): EcsEvent {
    const event = this.#event;
    const values = event.slots;
    const slots = this.#slots;
    event.bootNs = record.bootNs;
    event.wallMs = this.#options.wallMs(record.bootNs);
    values[slots['event.action']] = record.operation;
    values[slots['event.type']] = FILE_TYPE[record.operation];
    this.#file(values, record);
    this.#process(values, sighting);
    this.#options.writer.wantNames(sighting.entry.context);
    return event;
  }

  #file(values: SlotValue[], { path, oldPath }: FileRecord): void {
    const slots = this.#slots;
    values[slots['file.path']] = path;
    values[slots['file.name']] = path === undefined ? undefined : baseName(path);
    values[slots['file.extension']] = path === undefined ? undefined : extensionOf(path);
    values[slots['file.Ext.original.path']] = oldPath;
    values[slots['file.Ext.original.name']] = oldPath === undefined ? undefined : baseName(oldPath);
    values[slots['file.Ext.original.extension']] = oldPath === undefined ? undefined : extensionOf(oldPath);
  }

  #process(values: SlotValue[], { entry, parent }: Sighting): void {
    const slots = this.#slots;
    const { image, context } = entry;
    const view = image.argCount > 0 ? this.#options.views.of(image) : undefined;
    values[slots['process.args']] = view?.args;
    values[slots['process.command_line']] = view?.commandLine;
    values[slots['process.executable']] = image.executable;
    values[slots['process.name']] = image.name;
    values[slots['process.parent.executable']] = parent?.image.executable;
    values[slots['process.parent.name']] = parent?.image.name;
    values[slots['user.id']] = String(context.euid);
  }
}
