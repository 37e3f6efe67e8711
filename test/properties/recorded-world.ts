// A recording of a real host as a world (world.ts): its records, and the processes that an agent would find that starts after any
// of them, as far as the records tell. In: the frames of a recording; out: records, moments, what the host was.

import { factFromJson } from '../../src/enrich/fact-json.ts';
import type { StartFact } from '../../src/enrich/surroundings.ts';
import type { Frame } from '../../src/record/recording.ts';
import { Decoder } from '../../src/sensor/decode.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Moment, type Seen } from './world.ts';

export interface RecordedWorld {
  start: StartFact;
  records: readonly SensorRecord[];
  moments: readonly Moment[];
}

export function recordedWorld(frames: Iterable<Frame>): RecordedWorld {
  const decoder = new Decoder(new Set());
  const records: SensorRecord[] = [];
  const found: SensorRecord[] = [];
  let start: StartFact | undefined;
  for (const frame of frames) {
    if (frame.kind === 'tasks') found.push(...decoder.decode(frame.bytes));
    if (frame.kind === 'ring') records.push(...decoder.decode(frame.bytes));
    if (frame.kind === 'fact') start ??= startOf(frame.fact);
  }
  let processes: ReadonlyMap<number, Seen> = new Map();
  for (const record of found) processes = after(processes, record);
  const moments = [new Moment(records[0]!.bootNs, processes)];
  for (const record of records) {
    processes = after(processes, record);
    moments.push(new Moment(record.bootNs, processes));
  }
  return { start: start!, records, moments };
}

function startOf(json: unknown): StartFact | undefined {
  const { fact } = factFromJson(JSON.stringify(json));
  return fact.kind === 'start' ? fact : undefined;
}

/** The processes once that record's event has happened. */
function after(before: ReadonlyMap<number, Seen>, record: SensorRecord): ReadonlyMap<number, Seen> {
  const processes = new Map(before);
  const { task } = record;
  if (record.kind === 'exit') {
    processes.delete(task.tgid);
    for (const [pid, child] of processes) if (child.ppid === task.tgid) processes.set(pid, { ...child, ppid: 1 });
    return processes;
  }
  const known = record.kind === 'fork' ? processes.get(record.creator.tgid) : processes.get(task.tgid);
  processes.set(task.tgid, { ...UNKNOWN, ...known, ...task, ...imageOf(record) });
  return processes;
}

const UNKNOWN = { executable: '', cgroup: '/', groups: [] as number[], cwd: '/', args: [] as readonly string[] };

function imageOf(record: SensorRecord): Partial<Seen> {
  if (record.kind !== 'exec' && record.kind !== 'task') return {};
  const { executable, cgroup, groups } = record;
  const more =
    record.kind === 'exec' ? { args: record.args, ...(record.cwd !== undefined && { cwd: record.cwd }) } : {};
  return {
    ...(executable !== undefined && { executable }),
    ...(cgroup !== undefined && { cgroup }),
    groups: [...groups],
    ...more,
  };
}
