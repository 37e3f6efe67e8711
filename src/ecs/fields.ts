// The vocabulary: every field that this host can fill, with its type. The ECS part is the exec document of Elastic
// Defend for Linux (192 fields); `forebear.*` is ours. A slot is an index into an event's values: the enricher writes
// slots, compiled rules read slots, and JSON is made only for alerts and output.

import { MORE, VENDOR } from './own-fields.ts';

/** `text` is analysed text (message); `wildcard` is keyword without the length limit; `nested` holds sub-events. */
export type FieldType = 'keyword' | 'wildcard' | 'text' | 'long' | 'double' | 'boolean' | 'date' | 'ip' | 'nested';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly slot: number;
  /**
   * The type follows each value (text, whole or broken number, boolean): a field of a document that no rule and no
   * mapping says anything of. `type` is keyword then.
   */
  readonly dynamic?: true;
}

const ECS: Partial<Record<FieldType, string>> = {
  boolean: `
    process.Ext.command_line_truncated
    process.Ext.trusted
    process.Ext.trusted_descendant
    process.ai_agent.is_descendant
    process.entry_leader.interactive
    process.entry_leader.same_as_process
    process.group_leader.interactive
    process.group_leader.same_as_process
    process.interactive
    process.parent.Ext.command_line_truncated
    process.parent.interactive
    process.session_leader.interactive
    process.session_leader.same_as_process
  `,
  date: `
    @timestamp
    event.created
    process.end
    process.entry_leader.parent.start
    process.entry_leader.start
    process.group_leader.start
    process.parent.start
    process.session_leader.start
    process.start
  `,
  ip: `
    host.ip
    orchestrator.resource.ip
    process.entry_leader.entry_meta.source.ip
  `,
  keyword: `
    agent.id
    agent.type
    agent.version
    cloud.account.id
    cloud.instance.name
    cloud.project.id
    cloud.provider
    cloud.region
    container.id
    container.image.hash.all
    container.image.name
    container.image.tag
    container.name
    data_stream.dataset
    data_stream.namespace
    data_stream.type
    ecs.version
    elastic.agent.id
    event.action
    event.category
    event.dataset
    event.id
    event.kind
    event.module
    event.outcome
    event.type
    group.Ext.real.id
    group.Ext.real.name
    group.id
    group.name
    host.architecture
    host.hostname
    host.id
    host.mac
    host.name
    host.os.Ext.variant
    host.os.family
    host.os.full
    host.os.kernel
    host.os.name
    host.os.platform
    host.os.type
    host.os.version
    orchestrator.cluster.id
    orchestrator.cluster.name
    orchestrator.namespace
    orchestrator.resource.name
    orchestrator.resource.parent.type
    orchestrator.resource.type
    process.Ext.ancestry
    process.ai_agent.name
    process.args
    process.entity_id
    process.entry_leader.args
    process.entry_leader.entity_id
    process.entry_leader.entry_meta.type
    process.entry_leader.executable
    process.entry_leader.group.id
    process.entry_leader.group.name
    process.entry_leader.name
    process.entry_leader.parent.entity_id
    process.entry_leader.real_group.id
    process.entry_leader.real_group.name
    process.entry_leader.real_user.id
    process.entry_leader.real_user.name
    process.entry_leader.supplemental_groups.id
    process.entry_leader.supplemental_groups.name
    process.entry_leader.user.id
    process.entry_leader.user.name
    process.entry_leader.working_directory
    process.env_vars
    process.executable
    process.group.id
    process.group.name
    process.group_leader.args
    process.group_leader.entity_id
    process.group_leader.executable
    process.group_leader.group.id
    process.group_leader.group.name
    process.group_leader.name
    process.group_leader.real_group.id
    process.group_leader.real_group.name
    process.group_leader.real_user.id
    process.group_leader.real_user.name
    process.group_leader.supplemental_groups.id
    process.group_leader.supplemental_groups.name
    process.group_leader.user.id
    process.group_leader.user.name
    process.group_leader.working_directory
    process.hash.md5
    process.hash.sha1
    process.hash.sha256
    process.name
    process.parent.args
    process.parent.entity_id
    process.parent.executable
    process.parent.group.id
    process.parent.group.name
    process.parent.name
    process.parent.real_group.id
    process.parent.real_group.name
    process.parent.real_user.id
    process.parent.real_user.name
    process.parent.supplemental_groups.id
    process.parent.supplemental_groups.name
    process.parent.user.id
    process.parent.user.name
    process.parent.working_directory
    process.previous.args
    process.previous.executable
    process.real_group.id
    process.real_group.name
    process.real_user.id
    process.real_user.name
    process.session_leader.args
    process.session_leader.entity_id
    process.session_leader.executable
    process.session_leader.group.id
    process.session_leader.group.name
    process.session_leader.name
    process.session_leader.real_group.id
    process.session_leader.real_group.name
    process.session_leader.real_user.id
    process.session_leader.real_user.name
    process.session_leader.supplemental_groups.id
    process.session_leader.supplemental_groups.name
    process.session_leader.user.id
    process.session_leader.user.name
    process.session_leader.working_directory
    process.supplemental_groups.id
    process.supplemental_groups.name
    process.thread.capabilities.effective
    process.thread.capabilities.permitted
    process.user.id
    process.user.name
    process.working_directory
    user.Ext.real.id
    user.Ext.real.name
    user.id
    user.name
  `,
  long: `
    event.sequence
    process.args_count
    process.entry_leader.args_count
    process.entry_leader.parent.pid
    process.entry_leader.pid
    process.entry_leader.tty.char_device.major
    process.entry_leader.tty.char_device.minor
    process.exit_code
    process.group_leader.args_count
    process.group_leader.pid
    process.group_leader.tty.char_device.major
    process.group_leader.tty.char_device.minor
    process.parent.args_count
    process.parent.pid
    process.parent.tty.char_device.major
    process.parent.tty.char_device.minor
    process.pid
    process.previous.args_count
    process.session_leader.args_count
    process.session_leader.pid
    process.session_leader.tty.char_device.major
    process.session_leader.tty.char_device.minor
    process.tty.char_device.major
    process.tty.char_device.minor
  `,
  text: `
    message
  `,
  wildcard: `
    process.command_line
    process.parent.command_line
  `,
};

/** All fields known so far. Fields that rules or documents name beyond the built-in ones are added at load. */
export class FieldTable {
  readonly #byName = new Map<string, Field>();
  readonly #bySlot: Field[] = [];
  readonly #nested: Field[] = [];

  constructor(groups: readonly Partial<Record<FieldType, string>>[] = [ECS, MORE, VENDOR]) {
    for (const group of groups) {
      for (const [type, names] of Object.entries(group)) {
        for (const name of names.trim().split(/\s+/)) this.add(name, type as FieldType);
      }
    }
  }

  get size(): number {
    return this.#bySlot.length;
  }

  get(name: string): Field | undefined {
    return this.#byName.get(name);
  }

  at(slot: number): Field | undefined {
    return this.#bySlot[slot];
  }

  all(): readonly Field[] {
    return this.#bySlot;
  }

  /**
   * The field of that name, added with that type when it is new. A known field keeps its type.
   * in: dotted name; out: field with its slot, valid for the life of the table.
   */
  add(name: string, type: FieldType): Field {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    return this.#append({ name, type, slot: this.#bySlot.length });
  }

  /** As add, for a field whose values say their type (see Field.dynamic). */
  addDynamic(name: string): Field {
    return this.#byName.get(name) ?? this.#append({ name, type: 'keyword', slot: this.#bySlot.length, dynamic: true });
  }

  /** The nested fields above a dotted name, outermost first. */
  nestedAbove(name: string): readonly Field[] {
    if (this.#nested.length === 0) return this.#nested;
    const above = this.#nested.filter((field) => name.startsWith(`${field.name}.`));
    return above.sort((a, b) => a.name.length - b.name.length);
  }

  #append(field: Field): Field {
    if (field.type === 'nested') this.#nested.push(field);
    this.#byName.set(field.name, field);
    this.#bySlot.push(field);
    return field;
  }

  /** The slot of a field that must exist: for stages that write it. Throws on a name that is not in the table. */
  slot(name: string): number {
    const field = this.#byName.get(name);
    if (field === undefined) throw new Error(`no field ${name} in ecs/fields.ts`);
    return field.slot;
  }
}
