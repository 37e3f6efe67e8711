// `forebear ship dead list|show|resend|remove`: what endpoints refused for good, to look at, to try once more, or to give up.

import type { Command } from 'commander';
import { formatDuration } from '../config/units.ts';
import { ForebearError } from '../errors.ts';
import type { DeadLetter } from '../ship/dead-letter.ts';
import { DeadLetterBox, outputsWithLetters } from '../ship/dead-letters-io.ts';
import type { Done, ExitStatus, Io } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { escapeJson, escapeText } from './terminal.ts';

interface DeadOptions extends ConfigOptions {
  output?: string;
  all?: boolean;
  json?: boolean;
}

interface Found {
  box: DeadLetterBox;
  output: string;
  /** Whether the configuration still has it. */
  isConfigured: boolean;
  /** Of the file. */
  name: string;
}

const HELP = `
A dead letter is named by its file's name, a beginning of it that no other has, or its seq. Those of outputs that are no longer
configured are kept, and listed too. resend hands it to the running "forebear ship" (or the next one), which tries it within seconds;
what is refused again is a dead letter again.

Exit status: 0 done or found, 1 there is none (or one of those named is none), 2 usage, configuration or run-time error.

Examples:
  forebear ship dead list --config my.toml
  forebear ship dead show 1042 --config my.toml
  forebear ship dead resend --all --output central --config my.toml`;

/** in: the command `ship`. */
export function registerDead(ship: Command, io: Io, done: Done): void {
  const dead = ship.command('dead').description('Dead letters: documents that an endpoint refused for good.');
  dead.addHelpText('after', HELP);
  const sub = (name: string, description: string) =>
    withConfigOptions(dead.command(name).description(description).option('--output <name>', 'of this output only'));
  const json = (command: Command) => command.option('--json', 'one JSON object a line').addHelpText('after', HELP);
  const all = (options: DeadOptions) => ({ ...before(ship), ...options });
  json(sub('list', 'Lists dead letters, oldest first.')).action((options: DeadOptions) => done(list(all(options), io)));
  json(sub('show <letter>', 'Prints a dead letter with its document.')).action((letter: string, options: DeadOptions) =>
    done(show(letter, all(options), io)),
  );
  for (const [verb, text] of [
    ['resend', 'Sends dead letters again.'],
    ['remove', 'Removes dead letters for good.'],
  ] as const) {
    const command = sub(`${verb} [letters...]`, text).option('--all', 'all of them').addHelpText('after', HELP);
    command.action((letters: string[], options: DeadOptions) => done(change(verb, letters, all(options), io)));
  }
}

/** What stood before "dead": which configuration. All else is of delivering, and would be passed over here. */
function before(ship: Command): ConfigOptions {
  const { config, state, ...others } = ship.opts<ConfigOptions>();
  const [option] = Object.keys(others);
  if (option !== undefined) throw new ForebearError('FB_USAGE', `--${option} is to stand behind "dead"`);
  return { ...(config !== undefined && { config }), ...(state !== undefined && { state }) };
}

function found(options: DeadOptions): Found[] {
  const { ship, outputs } = loadConfig(options);
  const configured = outputs.map(({ name }) => name);
  const known = [...new Set([...configured, ...outputsWithLetters(ship.directory)])];
  const names = known.filter((name) => name === (options.output ?? name));
  if (names.length === 0 && options.output !== undefined) {
    const hint = `the configuration has ${known.length === 0 ? 'none' : known.join(', ')}`;
    throw new ForebearError('FB_SHIP_OUTPUT', `there is no output ${options.output}`, { hint });
  }
  return names.flatMap((output) => {
    const box = new DeadLetterBox(ship.directory, output);
    return box.names().map((name) => ({ box, output, isConfigured: configured.includes(output), name }));
  });
}

/** Those that one text names, at several outputs maybe. Throws FB_SHIP_DEAD when it is the beginning of several names. */
function named(letter: string, all: readonly Found[]): Found[] {
  const exact = all.filter(({ name }) => name === letter || isSeq(name, letter));
  if (exact.length > 0 || letter === '') return exact;
  const begun = all.filter(({ name }) => name.startsWith(letter));
  const names = new Set(begun.map(({ name }) => name));
  if (names.size <= 1) return begun;
  const hint = 'say more of it, or --all';
  throw new ForebearError('FB_SHIP_DEAD', `${names.size} dead letters begin with ${letter}`, { hint });
}

function isSeq(name: string, letter: string): boolean {
  return /^\d{1,16}$/.test(letter) && Number(letter) === Number(name.slice(0, 16));
}

function list(options: DeadOptions, io: Io): ExitStatus {
  const all = found(options);
  for (const one of all) {
    const letter = attempt(one);
    io.out(options.json === true ? jsonLine(one, letter) : `${textLine(one, letter)}\n`);
  }
  if (all.length === 0 && options.json !== true) io.out('no dead letters\n');
  return all.length > 0 ? 0 : 1;
}

function show(wanted: string, options: DeadOptions, io: Io): ExitStatus {
  const letters = named(wanted, found(options));
  if (letters.length === 0) io.err(`forebear: there is no dead letter ${escapeText(wanted)}\n`);
  for (const one of letters) {
    const letter = one.box.read(one.name);
    if (options.json === true) io.out(`${escapeJson(JSON.stringify({ file: one.name, ...letter }))}\n`);
    else io.out(`${textLine(one, letter)}\n${pretty(letter.document)}\n`);
  }
  return letters.length > 0 ? 0 : 1;
}

function change(verb: 'resend' | 'remove', letters: string[], options: DeadOptions, io: Io): ExitStatus {
  if (letters.length === 0 && options.all !== true) {
    throw new ForebearError('FB_USAGE', `say which dead letters to ${verb}, or --all`);
  }
  const all = found(options);
  const chosen = new Set(options.all === true ? all : letters.flatMap((letter) => named(letter, all)));
  const none = letters.filter((letter) => options.all !== true && named(letter, all).length === 0);
  for (const one of chosen) {
    if (verb === 'resend' && !one.isConfigured) refuse(one);
    one.box[verb](one.name);
  }
  io.out(`${chosen.size} ${verb === 'resend' ? 'to be sent again' : 'removed'}\n`);
  for (const letter of none) io.err(`forebear: there is no dead letter ${escapeText(letter)}\n`);
  return chosen.size > 0 && none.length === 0 ? 0 : 1;
}

function refuse({ output }: Found): never {
  const hint = `add [outputs.${output}] to it again`;
  throw new ForebearError('FB_SHIP_OUTPUT', `the configuration has no output ${output} any more`, { hint });
}

/** Undefined: damaged; it is listed all the same. */
function attempt({ box, name }: Found): DeadLetter | undefined {
  try {
    return box.read(name);
  } catch {
    return undefined;
  }
}

function jsonLine({ output, name: file }: Found, letter: DeadLetter | undefined): string {
  const { document: _document, payload: _payload, ...rest } = letter ?? {};
  return `${escapeJson(JSON.stringify({ output, file, ...rest }))}\n`;
}

function textLine({ output: of, isConfigured, name }: Found, letter: DeadLetter | undefined): string {
  const output = isConfigured ? of : `${of} (not configured)`;
  if (letter === undefined) return escapeText(`${output}  ${name}  cannot be read`);
  const ago = formatDuration(Date.now() - letter.rejected_ms);
  return escapeText(`${output}  ${letter.kind} ${letter.seq}  ${ago} ago  ${letter.reason}  (${name})`);
}

function pretty(document: string): string {
  try {
    return escapeJson(JSON.stringify(JSON.parse(document), undefined, 2));
  } catch {
    return escapeText(document);
  }
}
