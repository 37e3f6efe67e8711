// `forebear record`: what this host does, into a file, for replay, query, why-not, rules test and exceptions suggest. With a sensor of
// its own, beside the agent's or without one; bounded in time and size; arguments and variables redacted before they are written.

import { rmSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { fileFilter } from '../agent/file-filter.ts';
import { type RecordSummary, recordRun } from '../agent/record-run.ts';
import { newRecording } from '../agent/recorder.ts';
import { total } from '../agent/summary.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../config/units.ts';
import type { Config } from '../config.ts';
import { FieldTable } from '../ecs/fields.ts';
import { LiveSurroundings } from '../enrich/surroundings-io.ts';
import { compileGlob } from '../query/glob.ts';
import { type Redaction, Redactor, type TextTest } from '../record/redact.ts';
import { loadAddon } from '../sensor/binding.ts';
import { EbpfSensor } from '../sensor/ebpf-sensor.ts';
import { WANTED_KINDS, type WantedKind } from '../sensor/sensor.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { escapeJson, escapeText } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
Recorded are processes and, as --events or else sensor.events says ("auto": all but "call"), sessions, ids, files, connections,
kernel modules and name lookups; of files those that the configuration lets through. FILE must not exist; default: forebear-TIME.fbrec in
this folder. It ends at Ctrl-C, after --for, or once it has --max. Needs what "forebear agent" needs (root), and runs beside it.
The file holds arguments and environments as they are, unless --redact takes them out before they are written (each byte becomes
a star):
  --redact args           all arguments but the program's name
  --redact env            the values of all variables
  --redact 'args:*key*'   arguments that fit (* any text, case does not matter): of --name=value the value, after --name the argument
                          that follows, of others all
  --redact 'env:*TOKEN*'  the values of variables whose name fits

Exit status: 0 recorded, 2 usage, configuration or run-time error: what was recorded until then is in the file.

Examples:
  forebear record --for 10m run.fbrec
  forebear record --events all --for 1h run.fbrec
  forebear record --for 1h --max 64MiB --redact 'args:*password*' --redact env`;

interface RecordOptions extends ConfigOptions {
  for?: number;
  max: number;
  events?: ReadonlySet<WantedKind>;
  redact?: Redaction;
  json?: boolean;
}

export const registerRecord: Register = (program, io, done) => {
  const command: Command = program
    .command('record')
    .description('Records what this host does into a file: for replay, query, why-not and tests of rules.')
    .argument('[file]', 'a file that does not exist yet')
    .option('--for <duration>', 'end after so long, e.g. 10m (default: at Ctrl-C)', asDuration)
    .addOption(
      new Option('--max <size>', 'end once the file has so many bytes').argParser(asSize).default(256 << 20, '256MiB'),
    )
    .option('--events <kinds>', `besides processes: none, all, or some of ${WANTED_KINDS.join(',')}`, asKinds)
    .option('--redact <what>', 'args, env, args:PATTERN or env:PATTERN, repeatable', addRedaction)
    .option('--json', 'print the summary as one JSON object');
  withConfigOptions(command).addHelpText('after', HELP);
  command.action(async (file: string | undefined, options: RecordOptions) => done(await record(file, options, io)));
};

/** Throws FB_RECORD_WRITE, FB_SENSOR_*, FB_CONFIG_*. */
export async function record(file: string | undefined, options: RecordOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  const path = file ?? `forebear-${new Date().toISOString().slice(0, 19).replace(/[:-]/g, '')}.fbrec`;
  const fields = new FieldTable();
  const counters = new Counters();
  const { bootTimeNs } = loadAddon();
  const clock = { wallMs: () => Date.now(), bootNs: () => bootTimeNs() };
  const envNames = new Set(config.sensor.environment);
  const wanted = options.events ?? eventsOfConfig(config);
  const files = fileFilter(config, { takes: () => true }, []);
  const hash = { maxBytes: config.enrich.hashMaxBytes, also: ['sha1', 'md5'] as const };
  const redactor = new Redactor(options.redact ?? {});
  let [made, ready] = [false, false];
  const summary = await recordRun({
    ...{ fields, counters, redactor, version: VERSION },
    sensor: new EbpfSensor({ envNames, wanted, files, ringBytes: config.sensor.ringBytes }),
    surroundings: new LiveSurroundings({ clock, counters, hash }),
    entryLeader: config.enrich.entryLeader,
    hashAll: config.enrich.hash === 'all',
    openWriter: () => {
      const writer = newRecording(path, VERSION, true);
      made = true;
      return writer;
    },
    maxMs: options.for ?? Number.POSITIVE_INFINITY,
    maxBytes: options.max,
    onReady: () => {
      ready = true;
      io.err(`recording to ${escapeText(path)}, Ctrl-C ends it\n`);
    },
    onTick: ({ ms, records, bytes }) => {
      if (io.errIsTerminal) io.err(`\r\x1b[K${formatDuration(ms)}, ${records} records, ${formatSize(bytes)}`);
    },
    signal: io.signal,
  }).catch((error: unknown) => {
    // A recording that never began is none.
    if (made && !ready) rmSync(path, { force: true });
    throw error;
  });
  if (io.errIsTerminal) io.err('\r\x1b[K');
  const { redacted, unreadableBytes } = redactor;
  const facts = { file: path, ...figuresOf(summary), redacted, unreadable_bytes: unreadableBytes };
  io.out(`${options.json === true ? escapeJson(JSON.stringify(facts)) : escapeText(sentenceOf(facts))}\n`);
  return 0;
}

/** "auto": all but calls, for whose sake every system call of the host is looked at where the kernel refuses trampolines. */
export function eventsOfConfig({ sensor }: Pick<Config, 'sensor'>): ReadonlySet<WantedKind> {
  return new Set(sensor.events === 'auto' ? WANTED_KINDS.filter((kind) => kind !== 'call') : sensor.events);
}

function figuresOf({ ms, bytes, ended, counters }: RecordSummary) {
  const { exec, task } = counters.decoded;
  return {
    seconds: ms / 1000,
    bytes,
    ended,
    records: total(counters.decoded),
    execs: exec,
    found: task,
    lost: total(counters.lost) + counters.recursionMisses,
    undecodable: counters.undecodable,
  };
}

type Facts = ReturnType<typeof figuresOf> & { file: string; redacted: number; unreadable_bytes: number };

function sentenceOf(facts: Facts): string {
  const { file, records, execs, seconds, bytes, ended, lost, redacted, undecodable, unreadable_bytes } = facts;
  const why = { signal: '', time: '', size: ', as it has become as large as --max says' }[ended];
  const notes = [
    lost === 0 ? 'nothing was lost' : `${lost} records were lost: they came faster than they could be read`,
    ...(undecodable === 0 ? [] : [`${undecodable} records could not be read`]),
    ...(redacted === 0 ? [] : [`${redacted} arguments and variables were redacted`]),
    ...(unreadable_bytes === 0 ? [] : [`${unreadable_bytes} bytes were left out, as they could not be redacted`]),
  ];
  const what = `${records} records, ${execs} of them execs, of ${formatDuration(seconds * 1000)}`;
  return `${file}: ${what} in ${formatSize(bytes)}${why}; ${notes.join('; ')}`;
}

/** Throws what commander makes a usage error of. */
function asDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('a duration such as 10m is expected.');
  return ms;
}

function asKinds(text: string): ReadonlySet<WantedKind> {
  if (text === 'none') return new Set();
  if (text === 'all') return new Set(WANTED_KINDS);
  const known: readonly string[] = WANTED_KINDS;
  const kinds = text.split(',').map((kind) => kind.trim());
  if (kinds.every((kind) => known.includes(kind))) return new Set(kinds as WantedKind[]);
  throw new InvalidArgumentError(`none, all, or some of ${WANTED_KINDS.join(',')} is expected.`);
}

function asSize(text: string): number {
  const bytes = parseSize(text.replace(/(?<=\d)([KMGT])i?B?$/i, (_all, unit: string) => `${unit.toUpperCase()}iB`));
  if (bytes === undefined || bytes === 0) throw new InvalidArgumentError('a size such as 256MiB is expected.');
  return bytes;
}

/** `args`, `env`, `args:GLOB`, `env:GLOB`, one after the other. */
export function addRedaction(text: string, before: Redaction = {}): Redaction {
  const [, of, pattern] = /^(args|env)(?::(.+))?$/s.exec(text) ?? [];
  if (of === undefined) throw new InvalidArgumentError('args, env, args:PATTERN or env:PATTERN is expected.');
  const key = of as 'args' | 'env';
  const known = before[key];
  if (pattern === undefined || known === 'all') return { ...before, [key]: 'all' };
  const fits = globTest(pattern);
  return { ...before, [key]: known === undefined ? fits : (one: string) => known(one) || fits(one) };
}

function globTest(pattern: string): TextTest {
  const segments = pattern.toLowerCase().split('*');
  if (segments.length === 1) return (text) => text.toLowerCase() === segments[0];
  const test = compileGlob(segments);
  return (text) => test(text.toLowerCase());
}
