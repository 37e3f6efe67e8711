// Run as a worker or as a program by addon.test.ts: starts a sensor, says so, and never stops it. What it does then is
// its argument: exit (the thread or process ends), or stay (until it is terminated); loading: as exit, before it has started.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { EbpfSensor } from '../../src/sensor/ebpf-sensor.ts';

const ending = isMainThread ? process.argv[2] : (workerData as string);
const sensor = new EbpfSensor({ envNames: new Set(), ringBytes: 1 << 20 });
let batches = 0;
const starting = sensor.start({ onBatch: () => void batches++, onEnd: () => {} });
if (ending === 'loading') process.exit(0);
await starting;
parentPort?.postMessage(batches);
if (ending === 'exit') process.exit(0);
