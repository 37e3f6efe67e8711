// Finds and reads the hub's configuration for its commands: --config, else /etc/forebear/hub.toml where installed, else the
// defaults of the place: /var/lib/forebear-hub, or ./state/hub in the source tree.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { HUB_DIRECTORY, type HubConfig, parseHubConfig } from '../config/hub.ts';
import { EXAMPLES, IN_TREE, readConfigText, resolvePaths, TOP, typed } from './load-config.ts';

const INSTALLED_FILE = '/etc/forebear/hub.toml';
const DIRECTORY = IN_TREE ? join(TOP, 'state/hub') : HUB_DIRECTORY;

export interface HubConfigOptions {
  config?: string;
}

/** Adds --config to a command: what loadHubConfig takes. */
export function withHubConfig(command: Command): Command {
  return command.option(
    '--config <file>',
    `configuration (default: ${IN_TREE ? 'none in a source tree' : INSTALLED_FILE})`,
  );
}

/** The example file, as one would type it here. */
export const HUB_EXAMPLE = typed(join(EXAMPLES, 'config/hub.toml'));

/** out: the configuration, all paths absolute. Throws FB_CONFIG_UNREADABLE and what parseHubConfig throws. */
export function loadHubConfig({ config: given }: HubConfigOptions = {}): HubConfig {
  const file = given ?? (!IN_TREE && existsSync(INSTALLED_FILE) ? INSTALLED_FILE : undefined);
  const text = file === undefined ? '' : readConfigText(file, 'config/hub.toml');
  const config = parseHubConfig(text, file ?? 'defaults', DIRECTORY);
  const folder = file === undefined || file === '-' ? process.cwd() : dirname(resolve(file));
  const { certificateFile, keyFile, clientCaFile } = config.tls;
  return {
    ...config,
    directory: resolve(folder, config.directory),
    tls: {
      certificateFile: keyPath(folder, certificateFile),
      keyFile: keyPath(folder, keyFile),
      clientCaFile: clientCaFile === null ? null : keyPath(folder, clientCaFile),
    },
    outputs: config.outputs.map((output) => resolvePaths(output, folder)),
  };
}

/** credential:NAME is no path. */
function keyPath(folder: string, file: string): string {
  return file.startsWith('credential:') ? file : resolve(folder, file);
}
