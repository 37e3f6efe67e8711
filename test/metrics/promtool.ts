// Prometheus' own judge of a page, from Debian's package.

import { spawnSync } from 'node:child_process';

const PROMTOOL = 'promtool';

/** Undefined: it is here. */
export const whyNoPromtool = (): string | undefined =>
  spawnSync(PROMTOOL, ['--version']).status === 0
    ? undefined
    : 'promtool is missing (scripts/setup --test installs it)';

/** What `promtool check metrics` says of the page: nothing, and status 0, is what one wants. */
export function checkMetrics(page: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: page, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}
