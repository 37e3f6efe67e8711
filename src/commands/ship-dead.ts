// `forebear ship dead list|show|resend|remove`: what endpoints refused for good, to look at, to try once more, or to give up.

import type { Command } from 'commander';
import { formatDuration } from '../config/units.ts';
import { ForebearError } from '../errors.ts';
import type { DeadLetter } from '../ship/dead-letter.ts';
import { DeadLetterBox } from '../ship/dead-letters-io.ts';
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
  /** Of the file. */
  name: string;
}

const HELP = `
A dead letter is named by its file's name, the beginning of it, or its seq. resend hands it to the running "forebear ship", which
tries it within seconds (or to the next one that runs): what is refused again is a dead letter again.

Exit status: 0 done or found, 1 there is none, 2 usage, configuration or run-time error.

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
  json(sub('list', 'Lists them, oldest first.')).action((options: DeadOptions) => done(list(options, io)));
  json(sub('show <letter>', 'Prints one with its document.')).action((letter: string, options: DeadOptions) =>
    done(show(letter, options, io)),
  );
  for (const [verb, text] of [
    ['resend', 'Has them sent again.'],
    ['remove', 'Removes them for good.'],
  ] as const) {
    const command = sub(`${verb} [letters...]`, text).option('--all', 'all of them').addHelpText('after', HELP);
    command.action((letters: string[], options: DeadOptions) => done(change(verb, letters, options, io)));
  }
}

function boxes(options: DeadOptions): { box: DeadLetterBox; output: string }[] {
  const { ship, outputs } = loadConfig(options);
  const names = outputs.map(({ name }) => name).filter((name) => name === (options.output ?? name));
  if (options.output !== undefined && names.length === 0) {
    throw new ForebearError('FB_SHIP_OUTPUT', `there is no output ${options.output}`);
  }
  return names.map((output) => ({ box: new DeadLetterBox(ship.directory, output), output }));
}

function found(options: DeadOptions, wanted?: readonly string[]): Found[] {
  const all = boxes(options).flatMap(({ box, output }) => box.names().map((name) => ({ box, output, name })));
  if (wanted === undefined) return all;
  return all.filter(({ name }) => wanted.some((letter) => name.startsWith(letter) || isSeq(name, letter)));
}

function isSeq(name: string, letter: string): boolean {
  return /^\d{1,16}$/.test(letter) && Number(letter) === Number(name.slice(0, 16));
}

function list(options: DeadOptions, io: Io): ExitStatus {
  const all = found(options);
  for (const { box, output, name } of all) {
    const letter = attempt(box, name);
    io.out(options.json === true ? jsonLine(output, name, letter) : `${textLine(output, name, letter)}\n`);
  }
  if (all.length === 0 && options.json !== true) io.out('no dead letters\n');
  return all.length > 0 ? 0 : 1;
}

function show(wanted: string, options: DeadOptions, io: Io): ExitStatus {
  const letters = found(options, [wanted]);
  for (const { box, output, name } of letters) {
    const letter = box.read(name);
    if (options.json === true) io.out(`${escapeJson(JSON.stringify({ file: name, ...letter }))}\n`);
    else io.out(`${textLine(output, name, letter)}\n${pretty(letter.document)}\n`);
  }
  return letters.length > 0 ? 0 : 1;
}

function change(verb: 'resend' | 'remove', letters: string[], options: DeadOptions, io: Io): ExitStatus {
  if (letters.length === 0 && options.all !== true) {
    throw new ForebearError('FB_USAGE', `say which dead letters to ${verb}, or --all`);
  }
  const chosen = found(options, options.all === true ? undefined : letters);
  for (const { box, name } of chosen) box[verb](name);
  io.out(`${chosen.length} ${verb === 'resend' ? 'to be sent again' : 'removed'}\n`);
  return chosen.length > 0 ? 0 : 1;
}

/** Undefined: damaged; it is listed all the same. */
function attempt(box: DeadLetterBox, name: string): DeadLetter | undefined {
  try {
    return box.read(name);
  } catch {
    return undefined;
  }
}

function jsonLine(output: string, file: string, letter: DeadLetter | undefined): string {
  const { document: _document, payload: _payload, ...rest } = letter ?? {};
  return `${escapeJson(JSON.stringify({ output, file, ...rest }))}\n`;
}

function textLine(output: string, name: string, letter: DeadLetter | undefined): string {
  if (letter === undefined) return `${escapeText(output)}  ${escapeText(name)}  cannot be read`;
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
