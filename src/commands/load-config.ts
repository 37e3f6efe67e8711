// Finds and reads the configuration for every command: --config, else /etc/forebear/forebear.toml where installed, else
// the defaults of the place: /var/lib/forebear, or ./state and ./rules in the source tree (told by its package.json).

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, defaultConfig, INSTALLED, type Places, parseConfig } from '../config.ts';
import { ForebearError, reasonOf } from '../errors.ts';

const TOP = resolve(import.meta.dirname, '../..');
const IN_TREE = existsSync(join(TOP, 'package.json'));
const INSTALLED_FILE = '/etc/forebear/forebear.toml';

export const PLACES: Places = IN_TREE
  ? { stateDirectory: join(TOP, 'state'), rulesPaths: [join(TOP, 'rules')] }
  : INSTALLED;

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
  const config = file === undefined ? defaultConfig(PLACES) : parseConfig(read(file), file, PLACES);
  const folder = file === undefined || file === '-' ? process.cwd() : dirname(resolve(file));
  return {
    ...config,
    state: {
      directory: options.state === undefined ? resolve(folder, config.state.directory) : resolve(options.state),
    },
    rules: { paths: config.rules.paths.map((path) => resolve(folder, path)) },
  };
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const hint = `see ${shown(join(TOP, 'config/forebear.toml'))} for a file to start from`;
    throw new ForebearError('FB_CONFIG_UNREADABLE', `cannot read the configuration: ${reasonOf(error)}`, { hint });
  }
}

/** Paths of the tree as they are seen from its top. */
function shown(path: string): string {
  return path.startsWith(`${TOP}/`) ? `./${path.slice(TOP.length + 1)}` : path;
}
