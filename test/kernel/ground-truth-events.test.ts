// The same workload one stage further: the events that enrichment makes on this host say what the workload wrote down.

import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { toDocument } from '../../src/ecs/document.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { capabilityNames } from '../../src/enrich/capabilities.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { baseName } from '../../src/enrich/process-entry.ts';
import { LiveSurroundings } from '../../src/enrich/surroundings-io.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { Collector } from '../native/live-sensor.ts';
import { asCarried, bytesOf, type Expected, type ExpectedExec } from './ground-truth.ts';
import { CASES } from './ground-truth-cases.ts';
import { namedVariables, ofWorkload, runWorkload, whyNoWorkload } from './workload.ts';

const missing = await whyNoWorkload();

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

/** Each record becomes an event as it arrives, as in the agent. */
class Enriching extends Collector {
  readonly made: { record: SensorRecord; event: EcsEvent }[] = [];
  readonly counters = new Counters();
  readonly #surroundings = new LiveSurroundings({ clock: systemClock, counters: this.counters });
  #enricher: Enricher | undefined;

  async begin(): Promise<this> {
    const { counters } = this;
    const surroundings = this.#surroundings;
    const start = await surroundings.start();
    const agent = { version: '0' };
    this.#enricher = new Enricher({ fields: new FieldTable(), surroundings, start, counters, agent });
    surroundings.onNews((news) => this.#enricher?.apply(news));
    return this;
  }

  override onBatch(records: readonly SensorRecord[]): void {
    for (const record of records) {
      const event = this.#enricher?.enrich(record);
      if (event !== undefined) this.made.push({ record, event });
    }
    super.onBatch(records);
  }

  end(): number {
    this.#surroundings.stop();
    return this.#enricher?.records ?? 0;
  }
}

describe('the event of each exec', async () => {
  const seen = missing === undefined ? await new Enriching().begin() : undefined;
  const run = seen === undefined ? undefined : await runWorkload(['all'], { collect: seen });
  const enriched = seen?.end();
  const made = seen?.made ?? [];
  const truth = run?.truth ?? [];
  const family = new Set(
    ofWorkload(
      made.map(({ record }) => record),
      truth,
    ),
  );
  const ours = made.filter(({ record }) => family.has(record));
  const execs = truth.filter((line): line is ExpectedExec => line.kind === 'exec');

  const eventsOf = (action: string, tgid: number) =>
    ours
      .map(({ event }) => event)
      .filter((event) => event.get('event.action') === action && event.get('process.pid') === tgid);
  /** Of the exec, its event; of a process that makes two, in their order. */
  function eventOf(exec: ExpectedExec): EcsEvent | undefined {
    return eventsOf('exec', exec.tgid)[execs.filter(({ tgid }) => tgid === exec.tgid).indexOf(exec)];
  }
  function caseOf(name: string): { exec: ExpectedExec; event: EcsEvent } {
    const exec = execs.findLast((line) => line.case === name)!;
    return { exec, event: eventOf(exec)! };
  }
  function skipWhereSkipped(name: string, skip: (reason: string) => void): void {
    const line = truth.find(
      (each): each is Extract<Expected, { kind: 'skip' }> => each.kind === 'skip' && each.case === name,
    );
    if (line !== undefined) skip(`${name}: ${line.reason}`);
  }
  /** What the parent runs at that time: its own last exec, else what the workload was started as. */
  function parentArgs(exec: ExpectedExec): unknown {
    const own = execs.findLast((line) => line.tgid === exec.ppid);
    if (own !== undefined) return own.args;
    return eventsOf('exec', workloadPid())[0]?.get('process.args');
  }
  const workloadPid = () => truth.find((line) => line.kind === 'fork')?.ppid ?? 0;

  it('is made of all records, and each of these is counted', () => {
    const superseded = seen!.counters.get('enrich_tasks_superseded_total');
    const { decoded } = run!.counters;
    const records = Object.values(decoded).reduce((sum, count) => sum + count, 0);
    expect(enriched).toBe(records);
    expect(made.length + superseded).toBe(records);
    console.log(`ground truth in events: ${execs.length} execs compared, ${made.length} events of ${records} records`);
  });

  it.for(CASES)('$name: says the same as the workload', (row, ctx) => {
    skipWhereSkipped(row.name, ctx.skip);
    const own = execs.filter((exec) => exec.case === row.name);
    expect(own.map((exec) => inFields(exec, eventOf(exec)))).toEqual(own.map((exec) => asFields(exec)));
  });

  /** Fields that follow from the ground truth; undefined: absent. */
  function asFields(exec: ExpectedExec): Record<string, unknown> {
    const record = ours.find(({ event }) => event === eventOf(exec))?.record;
    const carried = asCarried(exec, namedVariables(exec.env), record?.kind === 'exec' ? record : undefined);
    const someOrNone = (list: readonly unknown[]) => (list.length === 0 ? undefined : list);
    const order = ['memfd', 'deleted', 'setuid', 'setgid', 'script'];
    return {
      'process.pid': exec.tgid,
      'process.args': someOrNone(carried.args),
      'process.args_count': exec.argc,
      'process.command_line': carried.args.length === 0 ? undefined : carried.args.join(' '),
      'process.executable': carried.executable,
      'process.name': baseName(carried.executable),
      'process.working_directory': carried.cwd,
      'process.env_vars': someOrNone(carried.env),
      'process.supplemental_groups.id': someOrNone(carried.groups.map(String)),
      'process.parent.pid': exec.ppid,
      'process.parent.executable': exec.parent_executable,
      'process.parent.name': baseName(exec.parent_executable),
      'user.id': String(exec.euid),
      'user.Ext.real.id': String(exec.uid),
      'group.id': String(exec.egid),
      'group.Ext.real.id': String(exec.gid),
      'forebear.filename': exec.filename,
      'forebear.interpreter': exec.interpreter,
      'forebear.executable.flags': someOrNone(order.filter((flag) => exec.flags.includes(flag))),
    };
  }

  function inFields(exec: ExpectedExec, event: EcsEvent | undefined): Record<string, unknown> {
    const bytes = (value: unknown): unknown =>
      typeof value === 'string' ? bytesOf(value) : Array.isArray(value) ? value.map(bytes) : value;
    return Object.fromEntries(Object.keys(asFields(exec)).map((name) => [name, bytes(event?.get(name))]));
  }

  const FIELDS = {
    args: 'process.args',
    env: 'process.env_vars',
    executable: 'process.executable',
    cwd: 'process.working_directory',
    groups: 'process.supplemental_groups.id',
  } as const;

  it.for(CASES.filter(({ execs: count }) => count > 0))(
    '$name: has gaps for what was cut, and no others',
    (row, ctx) => {
      skipWhereSkipped(row.name, ctx.skip);
      const { event } = caseOf(row.name);
      const fields = row.truncated.map((part) => FIELDS[part as keyof typeof FIELDS]);
      // The leaders are processes of the host, the shell of this test among them.
      const gaps = event.gaps.filter(({ detail }) => !/^process\.\w+_leader/.test(detail));
      expect(gaps).toEqual(fields.map((detail) => ({ kind: 'truncated', detail, count: 1 })));
      const marks = (event.get('forebear.truncated') ?? []) as string[];
      expect(marks.filter((field) => !/^process\.\w+_leader/.test(field))).toEqual(fields);
      expect(event.get('process.Ext.command_line_truncated')).toBe(row.truncated.includes('args') ? true : undefined);
    },
  );

  it('names the parent in full, from records alone', () => {
    const parents = execs.map((exec) => {
      const event = eventOf(exec);
      return { case: exec.case, args: event?.get('process.parent.args'), source: event?.get('forebear.parent_source') };
    });
    expect(parents).toEqual(execs.map((exec) => ({ case: exec.case, args: parentArgs(exec), source: 'kernel' })));
  });

  it('names capabilities, and leaves out what there is none of', () => {
    for (const exec of execs.filter(({ caps }) => caps !== null)) {
      const [permitted, effective] = exec.caps!.map((mask) => (mask === 0 ? undefined : capabilityNames(BigInt(mask))));
      const event = eventOf(exec);
      expect([exec.case, event?.get('process.thread.capabilities.permitted')]).toEqual([exec.case, permitted]);
      expect([exec.case, event?.get('process.thread.capabilities.effective')]).toEqual([exec.case, effective]);
    }
  });

  it.for([
    ['plain', 'mount', true],
    ['plain', 'pid', true],
    ['plain', 'user', true],
    ['plain', 'network', true],
    ['chroot', 'mount', true],
    ['mntns', 'mount', false],
    ['pivot', 'mount', false],
    ['pidns', 'pid', false],
    ['userns', 'user', false],
    ['netns', 'network', false],
    ['netns', 'mount', true],
  ] as const)("%s: in the host's %s namespace: %s", ([name, kind, inside], ctx) => {
    skipWhereSkipped(name, ctx.skip);
    expect(caseOf(name).event.get(`forebear.host_namespace.${kind}`)).toBe(inside);
  });

  it('has user names, but none for the numbers of another user namespace', (ctx) => {
    skipWhereSkipped('userns', ctx.skip);
    const names = (name: string) => ['user.name', 'user.Ext.real.name'].map((field) => caseOf(name).event.get(field));
    expect(names('setuid')).toEqual(['root', 'nobody']);
    expect(names('nobody')).toEqual(['nobody', 'nobody']);
    expect(names('userns')).toEqual([undefined, undefined]);
  });

  it('has the container that the cgroup names', (ctx) => {
    skipWhereSkipped('cgroup', ctx.skip);
    expect(caseOf('cgroup').event.get('container.id')).toBe('0123456789abcdef'.repeat(4));
  });

  it('is interactive where there is a terminal', () => {
    const { exec, event } = caseOf('tty');
    expect(exec.tty?.[0]).toBeGreaterThan(0);
    expect(['major', 'minor'].map((part) => event.get(`process.tty.char_device.${part}`))).toEqual(exec.tty);
    expect(event.get('process.interactive')).toBe(true);
    expect(caseOf('orphan').event.get('process.interactive')).toBe(false);
  });

  it('has a new entity at each exec, and the one before among its ancestors', () => {
    const [first, second] = eventsOf('exec', caseOf('chain').exec.tgid);
    expect(second?.get('process.entity_id')).not.toBe(first?.get('process.entity_id'));
    expect(second?.get('process.Ext.ancestry')).toContain(first?.get('process.entity_id'));
    expect(second?.get('process.previous.executable')).toBe(first?.get('process.executable'));
    const ids = new Set(execs.map((exec) => eventOf(exec)?.get('process.entity_id')));
    expect(ids.size).toBe(execs.length);
  });

  it('of each exit: the status or the signal', () => {
    for (const exit of truth.filter((line) => line.kind === 'exit')) {
      const signal = exit.code & 0x7f;
      const fields = eventsOf('end', exit.tgid).map((event) => [
        event.get('process.exit_code'),
        event.get('forebear.exit_signal'),
      ]);
      const wanted = signal === 0 ? [exit.code >> 8, undefined] : [128 + signal, signal];
      expect([exit.case, fields]).toEqual([exit.case, [wanted]]);
    }
  });

  it.for(['args', 'script', 'hostile-name', 'cut-character'])(
    '%s: its document has the bytes that are no UTF-8',
    (name) => {
      const { exec, event } = caseOf(name);
      const document = JSON.parse(JSON.stringify(toDocument(event)));
      const raw = document.forebear.raw as { field: string; index?: number; bytes: string }[];
      const found = (field: string) => raw.filter((entry) => entry.field === field);
      const args = asCarried(exec, [], undefined).args;
      const broken = args.flatMap((arg, index) => (isUtf8(arg) ? [] : [{ index, arg }]));
      expect(found('process.args').map((entry) => ({ index: entry.index, arg: latin1(entry.bytes) }))).toEqual(broken);
      const executable = isUtf8(exec.executable) ? [] : [exec.executable];
      expect(found('process.executable').map((entry) => latin1(entry.bytes))).toEqual(executable);
      expect(broken.length + executable.length).toBeGreaterThan(0);
      expect(document.process.args.length).toBe(args.length);
      for (const { index } of broken) expect(document.process.args[index]).toContain('\ufffd');
    },
  );
});

const latin1 = (base64: string) => Buffer.from(base64, 'base64').toString('latin1');

/** in: bytes as latin1. */
function isUtf8(bytes: string): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
    return true;
  } catch {
    return false;
  }
}
