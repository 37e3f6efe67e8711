// What one exec costs in JavaScript, without a kernel: the bytes of fork, exec and exit of short programs in a shell, through
// decode, the process table, events and the embedded rules. CPU time of this process, so that other load matters little.

import { join } from 'node:path';
import { Pipeline } from '../src/agent/pipeline.ts';
import { Detector } from '../src/detect/detector.ts';
import { LINUX_HOST } from '../src/detect/host-abilities.ts';
import { LANGUAGES } from '../src/detect/languages.ts';
import { loadRuleSet } from '../src/detect/load-rule-set-io.ts';
import type { RuleSet } from '../src/detect/load-rules-io.ts';
import { FieldTable } from '../src/ecs/fields.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Decoder } from '../src/sensor/decode.ts';
import { Counters } from '../src/stats.ts';
import { FakeSurroundings, START } from '../test/enrich/fake-host.ts';
import { encodeBatch, type RecordInput } from '../test/sensor/encode.ts';
import { ROOT } from './peers.ts';
import { spread } from './statistics.ts';

/** As an interactive shell's: about 1.5 KiB. */
const ENVIRONMENT = Array.from({ length: 24 }, (_, i) => `VARIABLE_${i}=${'/usr/local/share/x'.repeat((i % 5) + 1)}`);
const NAMES = new Set(['LD_PRELOAD', 'LD_LIBRARY_PATH']);
const SHELL = 500;
const BATCH = 50;
const BATCHES = 400;

const IDS = {
  pgid: SHELL,
  sid: SHELL,
  uid: 1000,
  euid: 1000,
  gid: 1000,
  egid: 1000,
  capPermitted: 0n,
  capEffective: 0n,
};
const PLACE = { groups: [27, 1000], cgroup: '/user.slice/user-1000.slice/session-4.scope' };

/** Of one command: fork of the shell, exec, exit. */
function command(i: number): RecordInput[] {
  const tgid = 1000 + (i % 30_000);
  const startNs = BigInt(1_000_000_000 + i * 100_000);
  const times = { parentStartNs: 500n, groupLeaderStartNs: 500n, sessionLeaderStartNs: 500n };
  const task = { tgid, startNs, ppid: SHELL, ...IDS, ...times, ttyMajor: 136, ttyMinor: 1, comm: 'bash' };
  const program = `tool-${i % 40}`;
  return [
    { kind: 'fork', bootNs: startNs, task, creator: { tgid: SHELL, startNs: 500n } },
    {
      kind: 'exec',
      bootNs: startNs + 50_000n,
      task: { ...task, comm: program },
      executable: `/usr/bin/${program}`,
      inode: {},
      filename: `/usr/bin/${program}`,
      cwd: `/home/ann/project/${i % 7}`,
      args: [program, '--number', String(i), '-o', `/tmp/out/${i % 100}`],
      env: ENVIRONMENT,
      ...PLACE,
      parentExecutable: '/usr/bin/bash',
    },
    { kind: 'exit', bootNs: startNs + 90_000n, endNs: startNs + 90_000n, task: { ...task, comm: program } },
  ];
}

function batches(): Uint8Array[] {
  const shell: RecordInput = {
    kind: 'exec',
    bootNs: 600n,
    task: {
      tgid: SHELL,
      startNs: 500n,
      ppid: 1,
      parentStartNs: 1n,
      pgid: SHELL,
      sid: SHELL,
      ttyMajor: 136,
      ttyMinor: 1,
    },
    executable: '/usr/bin/bash',
    args: ['-bash'],
  };
  const commands = Array.from({ length: BATCHES }, (_, b) =>
    encodeBatch(Array.from({ length: BATCH }, (_, i) => command(b * BATCH + i)).flat()),
  );
  return [encodeBatch([shell]), ...commands];
}

/** Microseconds of CPU per command. */
function measure(
  input: readonly Uint8Array[],
  stages: 'decode' | 'enrich' | 'all',
  rules: RuleSet,
  fields: FieldTable,
): number {
  const counters = new Counters();
  const enricher = new Enricher({
    fields,
    surroundings: new FakeSurroundings(),
    start: START,
    counters,
    agent: { version: '0' },
  });
  const detector = new Detector({ ...rules, fields, counters });
  const pipeline = new Pipeline(enricher, detector, () => {});
  const decoder = new Decoder(NAMES);
  const before = process.cpuUsage();
  for (const bytes of input) {
    const records = decoder.decode(bytes);
    if (stages === 'enrich') for (const record of records) enricher.enrich(record);
    if (stages === 'all') for (const record of records) pipeline.take(record);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (BATCH * BATCHES);
}

export async function benchPipeline(): Promise<void> {
  const fields = new FieldTable();
  const sources = { rules: [join(ROOT, 'rules/linux')], exceptions: [join(ROOT, 'rules/exceptions')], disabled: [] };
  const rules = await loadRuleSet(sources, { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  const input = batches();
  const rounds = { decode: [] as number[], enrich: [] as number[], all: [] as number[] };
  for (let i = 0; i < 12; i++) {
    for (const stage of ['decode', 'enrich', 'all'] as const) {
      const us = measure(input, stage, rules, fields);
      if (i > 2) rounds[stage].push(us);
    }
  }
  console.log(
    `pipeline, ${BATCH * BATCHES} commands (fork, exec, exit each); CPU in us per command, median (quartiles)`,
  );
  console.log(`  decoded                 ${spread(rounds.decode)}`);
  console.log(`  an event of each        ${spread(rounds.enrich)}`);
  console.log(`  with ${String(rules.rules.length).padEnd(3)} rule           ${spread(rounds.all)}`);
}
