// What `forebear doctor` asks of this machine. Each probe is asked by one check, and may throw: doctor-check.ts catches.

import { accessSync, constants, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import { termSchema } from '../detect/term-database-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { FILE_OPERATIONS } from '../enrich/file-events.ts';
import { checkJournal, type JournalCheck } from '../journal/check.ts';
import { loadAddon } from '../sensor/binding.ts';
import { EbpfSensor } from '../sensor/ebpf-sensor.ts';
import { type SensorStatus, WANTED_KINDS } from '../sensor/sensor.ts';
import { Counters } from '../stats.ts';
import type { FileFacts, Probes } from './doctor-check.ts';
import { sourcesOf } from './rule-sources.ts';
import { isAlive, readSnapshot } from './status.ts';

/** From src/commands/ as from dist/commands/. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));
/** Small: it is there for a moment only. */
const TRIAL_RING_BYTES = 256 << 10;
const NEWEST_SEGMENTS = 2;
/** While the agent writes, a record may be there in part: it is whole when looked at again. */
const LOOKS = 3;

/** in: the configuration, or the defaults and why it cannot be used; out: the probes of this machine. */
export function machineProbes(config: Config, configError?: unknown): Probes {
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  return {
    config,
    ...(configError !== undefined && { configError }),
    release: release(),
    euid: process.geteuid?.() ?? -1,
    capabilities: effectiveCapabilities(),
    wallMs: () => systemClock.wallMs(),
    bootMs: () => Number(systemClock.bootNs()) / 1e6,
    read: (path) => unlessAbsent(() => readFileSync(path, 'utf8')),
    stat: (path) => unlessAbsent(() => factsOf(path)),
    writable,
    freeBytes: (path) => {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    },
    bytesIn,
    runtime: { actual: process.versions.node, pinned: pinnedRuntime() },
    builtMs: unlessAbsent(() => statSync(join(TOP, 'dist/main.js')).mtimeMs),
    loadAddon: () => void loadAddon(),
    attach,
    checkJournal: checkNewest,
    termSchema,
    loadRules: once(() => loadRuleSet(sourcesOf({}, config), context)),
    snapshot: () => readSnapshot(config.state.directory),
    alive: isAlive,
  };
}

/** Two checks look at the same rules. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** CapEff of /proc/self/status; none when it cannot be read. */
function effectiveCapabilities(): bigint {
  try {
    const set = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return BigInt(`0x${set ?? '0'}`);
  } catch {
    return 0n;
  }
}

function unlessAbsent<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

function factsOf(path: string): FileFacts {
  const stats = statSync(path);
  return { uid: stats.uid, mode: stats.mode & 0o7777, directory: stats.isDirectory(), mtimeMs: stats.mtimeMs };
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function bytesIn(directory: string): number {
  const names = unlessAbsent(() => readdirSync(directory)) ?? [];
  return names.reduce((sum, name) => sum + (unlessAbsent(() => statSync(join(directory, name)).size) ?? 0), 0);
}

/** Of the source tree's package.json; an installed program has none. */
function pinnedRuntime(): string | undefined {
  const text = unlessAbsent(() => readFileSync(join(TOP, 'package.json'), 'utf8'));
  if (text === undefined) return undefined;
  const { optionalDependencies = {} } = JSON.parse(text) as { optionalDependencies?: Record<string, string> };
  return optionalDependencies[`node-linux-${process.arch}`];
}

/** As the agent does it, beside an agent that runs. Throws FB_SENSOR_*. */
async function attach(): Promise<SensorStatus> {
  const operations = new Set(FILE_OPERATIONS);
  const files = { operations, paths: [], except: [], exceptNames: [], ownPid: 0 };
  const sensor = new EbpfSensor({
    envNames: new Set(),
    wanted: new Set(WANTED_KINDS),
    files,
    ringBytes: TRIAL_RING_BYTES,
  });
  await sensor.start({ onBatch: () => {}, onEnd: () => {} });
  const status = sensor.status();
  await sensor.stop();
  return status;
}

async function checkNewest(directory: string): Promise<JournalCheck> {
  let check = await checkJournal({ directory, counters: new Counters() }, { newest: NEWEST_SEGMENTS });
  for (let look = 1; check.faults.length > 0 && look < LOOKS; look++) {
    check = await checkJournal({ directory, counters: new Counters() }, { newest: NEWEST_SEGMENTS });
  }
  return check;
}
