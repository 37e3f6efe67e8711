// outputs.d beside the configuration: a file of [outputs.NAME] tables each, as `forebear enrol` writes them, so that no program changes
// the configuration that belongs to a person (and to dpkg, which would ask about it at the next upgrade). Relative paths in them
// are taken from the configuration's folder, as its own. Called by load-config.ts.

import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MOST_OUTPUTS, type OutputConfig, refuseShared } from '../config/outputs.ts';
import { parseOutputs } from '../config/outputs-file.ts';
import { outputRefused } from '../config.ts';
import { ForebearError, plainReason } from '../errors.ts';

/** in: the configuration's file, which need not be there. */
export function outputsFolder(configFile: string): string {
  return join(dirname(resolve(configFile)), 'outputs.d');
}

/**
 * in: the configuration's own outputs, the folder, what reads a file of it; out: all outputs, those of the folder behind, in the order
 * of its file names. Throws FB_CONFIG_UNREADABLE, and FB_CONFIG_* of what a file holds, a name twice included.
 */
export function withDroppedIn(
  own: readonly OutputConfig[],
  folder: string,
  read: (file: string) => string,
): readonly OutputConfig[] {
  const all = [...own];
  for (const file of filesOf(folder)) {
    const text = read(file);
    for (const output of parseOutputs(text, file)) {
      if (all.some(({ name }) => name === output.name))
        throw wrong(file, output.name, 'a name that no other output has');
      all.push(output);
      if (all.length > MOST_OUTPUTS) throw wrong(file, output.name, `at most ${MOST_OUTPUTS} outputs in all`);
    }
    refuseShared(all, (fault) => {
      throw outputRefused(fault, text, file);
    });
  }
  return all;
}

/** None where there is no folder. Editors' leavings (.x.swp, x~) are not looked at. */
function filesOf(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^[^.].*\.toml$/.test(name));
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ForebearError('FB_CONFIG_UNREADABLE', `cannot read ${folder}: ${plainReason(error)}`, { cause: error });
  }
}

function wrong(file: string, name: string, expected: string): ForebearError {
  return new ForebearError('FB_CONFIG_VALUE', `${file}: outputs.${name}: expected ${expected}`);
}
