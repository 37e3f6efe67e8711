// npm run soak [-- --minutes N]: agent and shipper under the limits of their units at 200 execs a second for two hours (soak.ts).
// Prints a line a minute and the figures at the end. Exit status: 0 nothing lost, descriptors and memory flat; 1 not so;
// 2 usage, or it could not run.

import { parseArgs } from 'node:util';
import { reportOf, verdictOf } from './report.ts';
import { soak } from './soak.ts';

/** A collection at the end of each. */
const BLOCKS = 12;
/** Until then the runtime's heap finds its size: a quarter of the time, at most half an hour. */
const MOST_WARM_UP_SECONDS = 1800;
const LEAST_MINUTES = 10;
/** More than the hashes that are kept. */
const FILL = 9000;

const minutes = minutesAsked();
if (minutes === undefined) {
  console.error(`usage: npm run soak [-- --minutes N]   (at least ${LEAST_MINUTES})`);
  process.exitCode = 2;
} else {
  try {
    const warmUpSeconds = Math.min(MOST_WARM_UP_SECONDS, minutes * 15);
    const blockSeconds = Math.floor((minutes * 60 - warmUpSeconds) / BLOCKS);
    const ended = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ended.abort());
    const options = {
      signal: ended.signal,
      seconds: minutes * 60,
      warmUpSeconds,
      blockSeconds,
      fill: FILL,
      onMinute: console.log,
    };
    const result = await soak(options);
    for (const line of reportOf(result, blockSeconds)) console.log(line);
    const faults = verdictOf(result, blockSeconds);
    for (const fault of faults) console.log(`NOT SO: ${fault}`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  }
}

function minutesAsked(): number | undefined {
  try {
    const { values } = parseArgs({ options: { minutes: { type: 'string', default: '120' } } });
    const asked = Number(values.minutes);
    return Number.isInteger(asked) && asked >= LEAST_MINUTES ? asked : undefined;
  } catch {
    return undefined;
  }
}
