// Run as a program by addon.test.ts, its argument a cgroup of the pids controller: joins it, leaves it no task to spare, starts
// a sensor, and prints the code of what that throws and whether it starts once there is room again.

import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ForebearError } from '../../src/errors.ts';
import { EbpfSensor } from '../../src/sensor/ebpf-sensor.ts';

const group = process.argv[2] ?? '';
const limit = (tasks: string) => writeFileSync(join(group, 'pids.max'), tasks);
const sensor = new EbpfSensor({ envNames: new Set(), ringBytes: 1 << 20 });
const start = () => sensor.start({ onBatch: () => {}, onEnd: () => {} });

// libuv's pool ends the process where it finds no thread: it is there before, as in the agent.
await readFile('/dev/null');
writeFileSync(join(group, 'cgroup.procs'), `${process.pid}`);
limit(readFileSync(join(group, 'pids.current'), 'utf8').trim());
const thrown = await start().catch((error: unknown) => error);
limit('max');
await start();
await sensor.stop();
console.log(thrown instanceof ForebearError && thrown.code, /TasksMax/.test((thrown as ForebearError).hint ?? ''));
