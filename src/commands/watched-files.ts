// Which files decide what the agent does: its configuration, rules and exceptions, and where it is installed its units and its program.
// In: options, configuration; out: what agent/watched-files-io.ts looks at. No secrets are among them: keys of outputs lie elsewhere, or
// are told by their path only. Called by agent-run.ts.

import { dirname, resolve } from 'node:path';
import { SOURCE } from '../agent/source-watch-io.ts';
import type { WatchedRoot } from '../agent/watched-files-io.ts';
import type { RuleSources } from '../detect/load-rule-set-io.ts';
import { type ConfigOptions, IN_TREE, INSTALLED_FILE } from './load-config.ts';
import { outputsFolder } from './outputs-folder.ts';
import { pathsOf } from './rule-sources.ts';

const UNITS = ['forebear', 'forebear-ship', 'forebear-hub'];
/** Where systemd looks for a unit of that name, its drop-ins, and what enables it. */
const UNIT_FOLDERS = [
  '/etc/systemd/system.control',
  '/run/systemd/system.control',
  '/run/systemd/transient',
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/lib/systemd/system',
];
const PROGRAM = '/usr/lib/forebear';

export function watchedFiles({ config }: ConfigOptions, from: RuleSources): WatchedRoot[] {
  const file = config === '-' ? undefined : (config ?? (IN_TREE ? undefined : INSTALLED_FILE));
  const ofConfig =
    file === undefined
      ? []
      : [shallow(dirname(resolve(file))), shallow(resolve(file)), { ...deep(outputsFolder(file)), only: /\.toml$/ }];
  const sources = pathsOf(from).map((path) => ({ ...deep(path), only: SOURCE }));
  const installed = IN_TREE
    ? []
    : [
        ...UNITS.flatMap(placesOf),
        ...UNIT_FOLDERS.map((folder) => deep(`${folder}/${ANY_SERVICE}`)),
        ...programParts().map(deep),
      ];
  // Rules may be many more than are looked at: they come last.
  return [...ofConfig, ...installed, ...sources];
}

/** Drop-ins of all services. */
const ANY_SERVICE = 'service.d';

function placesOf(unit: string): WatchedRoot[] {
  const name = `${unit}.service`;
  const places = UNIT_FOLDERS.flatMap((folder) => [shallow(`${folder}/${name}`), deep(`${folder}/${name}.d`)]);
  return [...places, shallow(`/etc/systemd/system/multi-user.target.wants/${name}`)];
}

/** Packages of others below node_modules are checked by dpkg -V: they are many. */
function programParts(): string[] {
  return ['bin', 'build', 'dist', 'runtime'].map((part) => `${PROGRAM}/${part}`);
}

const deep = (path: string): WatchedRoot => ({ path, deep: true });
const shallow = (path: string): WatchedRoot => ({ path, deep: false });
