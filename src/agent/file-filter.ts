// Which events of files a run wants from the kernel: the operations that a rule asks for (all, where nobody asks and the
// configuration wants them all the same), in the configured places and those that rules name. Called by agent.ts, and by a reload.

import { DEFAULT_PATHS } from '../config/file-places.ts';
import type { Config } from '../config.ts';
import type { Detector } from '../detect/detector.ts';
import { filePlaces } from '../detect/file-places.ts';
import { kindOf } from '../detect/host-abilities.ts';
import type { Rule } from '../detect/rule.ts';
import { FILE_OPERATIONS } from '../enrich/file-events.ts';
import { ownKernelPid } from '../enrich/procfs-io.ts';
import { type FileFilter, widened } from '../sensor/file-filter.ts';

export function fileFilter(
  { files }: Pick<Config, 'files'>,
  detector: Pick<Detector, 'takes'>,
  rules: readonly Rule[],
): FileFilter {
  const { paths, except, exceptNames } = files;
  const asked = FILE_OPERATIONS.filter((operation) => detector.takes(kindOf(operation)));
  const operations = new Set(asked.length > 0 ? asked : FILE_OPERATIONS);
  const filter = { operations, except, exceptNames, ownPid: ownKernelPid() };
  if (paths !== 'auto') return { ...filter, paths };
  return widened({ ...filter, paths: DEFAULT_PATHS }, filePlaces(rules));
}
