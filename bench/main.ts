// npm run bench [-- NAME...]: the figures of ARCHITECTURE.md and the README, each from a run of this machine. As root, on a
// quiet machine. Without a name: all of them. engine and worst take --rules DIR (more than once) and --events FILE (NDJSON).
// Exit status: 0 done, 2 usage.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchConnect } from './connect.ts';
import { benchEngine, type EngineOptions } from './engine.ts';
import { LEAF } from './execs.ts';
import { benchFiles } from './files.ts';
import { benchJournal } from './journal.ts';
import { benchLatency } from './latency.ts';
import { benchLoop } from './loop.ts';
import { benchPipeline } from './pipeline.ts';
import { benchPrograms } from './programs.ts';
import { benchResident } from './resident.ts';
import { benchShip } from './ship.ts';
import { benchStart } from './start.ts';
import { benchTrampolines } from './trampolines.ts';
import { benchWorst } from './worst.ts';

/** resident first: what others leave in this process would count. */
const BENCHES: Readonly<Record<string, (options: EngineOptions) => void | Promise<void>>> = {
  resident: benchResident,
  start: benchStart,
  programs: benchPrograms,
  loop: benchLoop,
  connect: benchConnect,
  files: benchFiles,
  trampolines: benchTrampolines,
  latency: benchLatency,
  pipeline: benchPipeline,
  engine: benchEngine,
  worst: benchWorst,
  journal: benchJournal,
  ship: benchShip,
};

const { values, positionals: names } = readArguments();
const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined || process.getuid?.() !== 0 || !existsSync(LEAF)) {
  const known = Object.keys(BENCHES).join(', ');
  console.error(
    unknown === undefined ? 'bench: needs root, and npm run build' : `bench: ${unknown} is none of ${known}`,
  );
  process.exitCode = 2;
} else {
  for (const name of names.length > 0 ? names : Object.keys(BENCHES)) await BENCHES[name]!(values);
}

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: { rules: { type: 'string', multiple: true }, events: { type: 'string' } },
  });
}
