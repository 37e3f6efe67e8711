// Finds and reads the configuration for every command: --config, else /etc/forebear/forebear.toml where installed, else
// the defaults of the place: /var/lib/forebear, or ./state and ./rules in the source tree (told by its package.json). Outputs of
// outputs.d beside the file are added to its own.

import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { OutputConfig } from '../config/outputs.ts';
import { type Config, defaultConfig, INSTALLED, type Places, parseConfig } from '../config.ts';
import { ForebearError, plainReason } from '../errors.ts';
import { outputsFolder, withDroppedIn } from './outputs-folder.ts';

export const TOP = resolve(import.meta.dirname, '../..');
export const IN_TREE = existsSync(join(TOP, 'package.json'));
/** Holds config/ with files that show every key. */
export const EXAMPLES = IN_TREE ? TOP : '/usr/share/forebear';
export const INSTALLED_FILE = '/etc/forebear/forebear.toml';
/** What starts the agent here, as one would type it. */
export const START_AGENT = IN_TREE ? 'forebear agent' : 'systemctl start forebear';
const MAX_BYTES = 1024 * 1024;
/** What TextDecoder throws. */
const NOT_UTF8 = 'ERR_ENCODING_INVALID_ENCODED_DATA';

export const PLACES: Places = IN_TREE
  ? {
      stateDirectory: join(TOP, 'state'),
      rulesPaths: [join(TOP, 'rules')],
      exceptionsPaths: [join(TOP, 'rules/exceptions')],
      shipDirectory: join(TOP, 'state/ship'),
    }
  : INSTALLED;

/** The file that shows every key, as one would type it here. */
export const CONFIG_EXAMPLE = typed(join(EXAMPLES, 'config/forebear.toml'));

/** The folder of rules that comes with Forebear, as one would type it here: for examples that work as they stand. */
export const RULES_FOLDER = typed(PLACES.rulesPaths[0]!);

/** The folder of exceptions that comes with it. */
export const EXCEPTIONS_FOLDER = typed(PLACES.exceptionsPaths[0]!);

export interface ConfigOptions {
  config?: string;
  state?: string;
}

/** Adds --config and --state to a command: what loadConfig takes. */
export function withConfigOptions(command: Command): Command {
  return command
    .option('--state <dir>', `where the journal and its companions lie (default: ${shown(PLACES.stateDirectory)})`)
    .option('--config <file>', `configuration (default: ${IN_TREE ? 'none in a source tree' : INSTALLED_FILE})`);
}

/**
 * in: the options of the command line; out: the configuration, all paths absolute.
 * Throws FB_CONFIG_UNREADABLE and what parseConfig throws.
 */
export function loadConfig(options: ConfigOptions = {}): Config {
  const file = options.config ?? (!IN_TREE && existsSync(INSTALLED_FILE) ? INSTALLED_FILE : undefined);
  const config = file === undefined ? defaultConfig(PLACES) : parseConfig(readConfigText(file), file, PLACES);
  const dropIns = file === '-' ? undefined : (file ?? (IN_TREE ? undefined : INSTALLED_FILE));
  const outputs =
    dropIns === undefined ? config.outputs : withDroppedIn(config.outputs, outputsFolder(dropIns), readConfigText);
  const folder = file === undefined || file === '-' ? process.cwd() : dirname(resolve(file));
  return {
    ...config,
    state: {
      directory: options.state === undefined ? resolve(folder, config.state.directory) : resolve(options.state),
    },
    rules: { ...config.rules, paths: config.rules.paths.map((path) => resolve(folder, path)) },
    exceptions: {
      ...config.exceptions,
      paths: config.exceptions.paths.map((path) => resolve(folder, path)),
    },
    ship: { ...config.ship, directory: shipDirectory(config, options, folder) },
    outputs: outputs.map((output) => resolvePaths(output, folder)),
  };
}

/** While a command runs. Throws as loadConfig does, and FB_CONFIG_UNREADABLE for what came on standard input. */
export function loadConfigAgain(options: ConfigOptions): Config {
  if (options.config !== '-') return loadConfig(options);
  throw new ForebearError('FB_CONFIG_UNREADABLE', 'the configuration came on standard input: it cannot be read again');
}

/** Beside a state directory that was named on the command line, unless the configuration names another. */
function shipDirectory({ ship }: Config, { state }: ConfigOptions, folder: string): string {
  const moved = state !== undefined && ship.directory === PLACES.shipDirectory;
  return moved ? join(resolve(state), 'ship') : resolve(folder, ship.directory);
}

/** Files of an output, relative ones from the folder of the configuration. credential:NAME is no path. */
export function resolvePaths(output: OutputConfig, folder: string): OutputConfig {
  const isPath = (key: string, value: unknown): value is string =>
    (key === 'path' || key.endsWith('_file')) && typeof value === 'string' && !value.startsWith('credential:');
  const entries = Object.entries(output).map(([key, value]) => [
    key,
    isPath(key, value) ? resolve(folder, value) : value,
  ]);
  return Object.fromEntries(entries);
}

/** in: a file or -, the file that shows every key. Throws FB_CONFIG_UNREADABLE. */
export function readConfigText(file: string, example = 'config/forebear.toml'): string {
  try {
    const bytes = file === '-' ? readFileSync(0) : readBounded(file);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    const hint = `see ${shown(join(EXAMPLES, example))} for a file to start from`;
    const reason = (error as { code?: string }).code === NOT_UTF8 ? 'is not UTF-8' : plainReason(error);
    throw new ForebearError('FB_CONFIG_UNREADABLE', `cannot read the configuration ${file}: ${reason}`, { hint });
  }
}

/** Opens without waiting (a FIFO would, for ever) and reads no more than a configuration can have (/dev/zero would). */
function readBounded(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (found.isDirectory() || found.isFIFO()) throw new Error('is not a file');
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let size = 0;
    for (let more = -1; more !== 0 && size < buffer.length; size += more) {
      more = readSync(fd, buffer, size, buffer.length - size, null);
    }
    if (size > MAX_BYTES) throw new Error(`has more than ${MAX_BYTES} bytes`);
    return buffer.subarray(0, size);
  } finally {
    closeSync(fd);
  }
}

/** Paths of the tree as they are seen from its top. */
function shown(path: string): string {
  return path.startsWith(`${TOP}/`) ? `./${path.slice(TOP.length + 1)}` : path;
}

export function typed(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') || process.cwd() === '/' ? path : below;
}
