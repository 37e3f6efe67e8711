// A soak's figures in words, and what of them is not as it should be.

import { lostOf, mib, type ProgramName, type Sample, type SoakResult } from './soak.ts';
import { blocksOf, type Trend, trendOf } from './trend.ts';

const HOUR = 3600;
/** Flat: surely less than this. At that rate the agent would reach MemoryHigh= after more than a week. */
const MOST_BYTES_PER_HOUR = 1 << 20;

export function reportOf(result: SoakResult, block: number): string[] {
  const { seconds, execs, alerts, delivered, status } = result;
  const head = `soak: ${(seconds / 60).toFixed(0)} minutes, ${execs} execs (${(execs / seconds).toFixed(0)} a second)`;
  const told = `${alerts} alerts, ${delivered} delivered; ${lostOf(status)} records lost`;
  return [`${head}, ${told}`, ...programs(result).map(([name]) => line(name, result, block))];
}

function line(name: ProgramName, { samples, held, cpuPercent }: SoakResult, block: number): string {
  const { slope, plusMinus } = heldTrend(held[name], block);
  const perHour = (bytes: number) => mib(bytes * HOUR);
  const resident = Math.max(...samples[name].map(({ residentBytes }) => residentBytes));
  const [first, last] = restingDescriptors(samples[name], block);
  const trend = `${perHour(slope)} MiB/h +- ${perHour(plusMinus)} (95 %)`;
  const memory = `held ${mib(held[name][0]!)} -> ${mib(held[name].at(-1)!)} MiB: ${trend}, at most ${mib(resident)} resident`;
  return `  ${name.padEnd(5)} ${memory}; descriptors ${first} -> ${last}; ${cpuPercent[name].toFixed(1)} % of a core`;
}

/** out: what is not as it should be. */
export function verdictOf(result: SoakResult, block: number): string[] {
  const { alerts, delivered } = result;
  return [
    ...countFaults(result),
    ...(delivered === alerts ? [] : [`${alerts} alerts were due, ${delivered} were delivered`]),
    ...programs(result).flatMap(([name]) => memoryFaults(name, heldTrend(result.held[name], block))),
    ...programs(result).flatMap(([name, samples]) => descriptorFaults(name, restingDescriptors(samples, block))),
  ];
}

function countFaults({ status, execs }: SoakResult): string[] {
  const lost = lostOf(status);
  const decoded = status.sensor.counters.decoded.exec ?? 0;
  return [
    ...(lost === 0 ? [] : [`${lost} records lost`]),
    ...(decoded >= execs ? [] : [`${execs} execs were made, ${decoded} were seen`]),
  ];
}

/** Surely growing, faster than is flat. */
function memoryFaults(name: ProgramName, { slope, plusMinus }: Trend): string[] {
  const least = (slope - plusMinus) * HOUR;
  return least < MOST_BYTES_PER_HOUR ? [] : [`${name}: memory grows by ${mib(least)} MiB/h or more`];
}

function descriptorFaults(name: ProgramName, [first, last]: readonly [number, number]): string[] {
  return last <= first ? [] : [`${name}: ${first} descriptors at rest became ${last}`];
}

/** Of what was held after each collection: garbage that lies for an hour is no leak. Per second. */
export function heldTrend(held: readonly number[], block: number): Trend {
  const { slope, plusMinus } = trendOf(held, 1);
  return { slope: slope / block, plusMinus: plusMinus / block };
}

/** The fewest within the first block and within the last: what is open for a moment only is not among them. */
export function restingDescriptors(samples: readonly Sample[], block: number): [first: number, last: number] {
  const blocks = blocksOf(samples, block);
  const fewest = (of: readonly Sample[]) => Math.min(...of.map(({ descriptors }) => descriptors));
  return [fewest(blocks[0]!), fewest(blocks.at(-1)!)];
}

function programs({ samples }: SoakResult): [ProgramName, readonly Sample[]][] {
  return Object.entries(samples) as [ProgramName, readonly Sample[]][];
}
