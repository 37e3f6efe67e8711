// The few fields of an exec's event by which rules are chosen: what it is, who runs it, under whom. A rule index mostly shows
// from these alone that no rule could match; the event itself, two hundred fields, is then never made. Called by the enricher.

import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { ExecRecord } from '../sensor/record.ts';
import type { ArgumentViews } from './argument-views.ts';
import { capabilityNames } from './capabilities.ts';
import { ACTION, CATEGORY, type Sighting, TYPE } from './event-maker.ts';
import { baseName, type Context, type ProcessEntry } from './process-entry.ts';
import type { ProcessWriter } from './process-writer.ts';
import { slotsOf } from './slots-of.ts';
import { ttyClass } from './tty.ts';

const FIELDS = [
  'event.action',
  'event.category',
  'event.type',
  'host.os.type',
  'process.args',
  'process.args_count',
  'process.command_line',
  'process.entry_leader.entry_meta.type',
  'process.entry_leader.executable',
  'process.entry_leader.name',
  'process.env_vars',
  'process.executable',
  'process.interactive',
  'process.name',
  'process.parent.args',
  'process.parent.command_line',
  'process.parent.executable',
  'process.parent.name',
  'process.session_leader.executable',
  'process.session_leader.name',
  'process.thread.capabilities.effective',
  'process.thread.capabilities.permitted',
  'process.working_directory',
  'user.id',
  'user.name',
] as const;

export interface EventSketchOptions {
  fields: FieldTable;
  /** Values that are the same in every event. */
  constants: ReadonlyMap<string, SlotValue>;
  bootId: string;
  writer: ProcessWriter;
  views: ArgumentViews;
  wallMs: (bootNs: bigint) => number;
}

export class EventSketch {
  /** The slots that it writes; of any other nothing can be said from it. */
  readonly slots: ReadonlySet<number>;
  readonly #options: EventSketchOptions;
  readonly #slots: Readonly<Record<(typeof FIELDS)[number], number>>;
  /** The same one for all records. */
  readonly #event: EcsEvent;

  constructor(options: EventSketchOptions) {
    const { fields, constants, bootId } = options;
    this.#options = options;
    this.#slots = slotsOf(fields, FIELDS);
    this.slots = new Set(Object.values(this.#slots));
    this.#event = new EcsEvent(fields);
    this.#event.bootId = bootId;
    const values = this.#event.slots;
    values[this.#slots['host.os.type']] = constants.get('host.os.type');
    values[this.#slots['event.action']] = ACTION.exec;
    values[this.#slots['event.category']] = CATEGORY;
    values[this.#slots['event.type']] = TYPE.exec;
  }

  /** out: as the event would be in the fields above, and its times; valid until the next call. */
  of(record: ExecRecord, sighting: Sighting): EcsEvent {
    const { entry, leader, session } = sighting;
    const event = this.#event;
    const values = event.slots;
    const slots = this.#slots;
    event.bootNs = record.bootNs;
    event.wallMs = this.#options.wallMs(record.bootNs);
    this.#self(values, record, entry);
    this.#rights(values, entry.context);
    this.#parent(values, record, sighting);
    values[slots['process.session_leader.executable']] = session?.image.executable;
    values[slots['process.session_leader.name']] = session?.image.name;
    values[slots['process.entry_leader.executable']] = leader?.image.executable;
    values[slots['process.entry_leader.name']] = leader?.image.name;
    values[slots['process.entry_leader.entry_meta.type']] = leader?.entryType;
    this.#options.writer.wantNames(entry.context);
    return event;
  }

  #self(values: SlotValue[], { args, argc, env }: ExecRecord, { image, context }: ProcessEntry): void {
    const slots = this.#slots;
    values[slots['process.args']] = args.length === 0 ? undefined : args;
    values[slots['process.args_count']] = argc;
    values[slots['process.command_line']] = args.length === 0 ? undefined : args.join(' ');
    values[slots['process.env_vars']] = env.length === 0 ? undefined : env;
    values[slots['process.executable']] = image.executable;
    values[slots['process.interactive']] = ttyClass(context.ttyMajor, context.ttyMinor) !== undefined;
    values[slots['process.name']] = image.name;
    values[slots['process.working_directory']] = image.cwd;
  }

  #rights(values: SlotValue[], context: Context): void {
    const slots = this.#slots;
    values[slots['user.id']] = String(context.euid);
    values[slots['user.name']] = this.#options.writer.userName(context, context.euid);
    values[slots['process.thread.capabilities.effective']] = rightsOf(context.capEffective);
    values[slots['process.thread.capabilities.permitted']] = rightsOf(context.capPermitted);
  }

  #parent(values: SlotValue[], { parentExecutable }: ExecRecord, { parent, parentAgrees }: Sighting): void {
    const slots = this.#slots;
    const view =
      parentAgrees && parent !== undefined && parent.image.argCount > 0 && this.#options.views.of(parent.image);
    values[slots['process.parent.args']] = view ? view.args : undefined;
    values[slots['process.parent.command_line']] = view ? view.commandLine : undefined;
    values[slots['process.parent.executable']] = parentExecutable ?? parent?.image.executable;
    values[slots['process.parent.name']] =
      parentExecutable === undefined ? parent?.image.name : baseName(parentExecutable);
  }
}

function rightsOf(mask: bigint): readonly string[] | undefined {
  return mask === 0n ? undefined : capabilityNames(mask);
}
