// A file that holds nothing but tables [outputs.NAME], as those of outputs.d: TOML text in, its outputs out. Called by the commands that
// read such files and write them.

import { outputRefused, parseToml, refused } from '../config.ts';
import { type OutputConfig, readOutputs } from './outputs.ts';

/** in: the text, its name for messages. Throws FB_CONFIG_SYNTAX, FB_CONFIG_UNKNOWN_KEY, FB_CONFIG_VALUE. */
export function parseOutputs(text: string, file: string): OutputConfig[] {
  const { outputs: tables = {}, ...rest } = parseToml(text, file);
  const [other] = Object.keys(rest);
  if (other !== undefined) throw refused(other, 'nothing but [outputs.NAME] in this file', rest[other], text, file);
  return readOutputs(tables, (fault) => {
    throw outputRefused(fault, text, file);
  });
}
