// What protection.ts asks of the host: files (watched-files-io.ts), processes (processes-io.ts), the service manager and the
// package's scripts. The manager is asked by systemctl, as the agent's own user over the system bus, which answers that to anyone.
// Built by agent.ts; AgentOptions.watched says which files.

import { execFile } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { ancestryOf, holdersOf } from './processes-io.ts';
import type { ProtectionHost } from './protection.ts';
import { WatchedFiles, type WatchedRoot } from './watched-files-io.ts';

const SYSTEMCTL = '/usr/bin/systemctl';
const OPTIONS = {
  env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', SYSTEMD_PAGER: '' },
  cwd: '/',
  timeout: 3000,
  killSignal: 'SIGKILL',
} as const;
/** Made by the package's prerm, taken away by its postinst. */
const UPGRADE_MARKER = '/run/forebear.upgrade';
/** An upgrade that takes longer, or a marker that was left there, hides nothing. */
const UPGRADE_MAX_MS = 15 * 60_000;

/** in: what is watched; who wants to know at once that something may have changed; CLOCK_REALTIME in milliseconds. */
export function protectionHost(
  watched: readonly WatchedRoot[],
  onChange: () => void,
  nowMs: () => number,
): ProtectionHost {
  const files = new WatchedFiles(watched, onChange);
  return {
    filesPass: (step) => files.pass(step),
    follow: (roots) => files.follow(roots),
    ancestryOf,
    holdersOf,
    isUpgrading: () => isUpgrade(nowMs()),
    manager: async () => {
      const [jobs, state] = await Promise.all([
        ask('list-jobs', '--no-legend', '--no-pager', '--plain'),
        ask('is-system-running'),
      ]);
      return { jobs, state: state?.trim() };
    },
    stop: () => files.stop(),
  };
}

/** undefined: it could not be asked. is-system-running says "stopping" with an exit status of 1. */
function ask(...args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(SYSTEMCTL, args, OPTIONS, (error, stdout) => {
      resolve(error !== null && (typeof error.code !== 'number' || stdout === '') ? undefined : stdout);
    });
  });
}

/** By a marker of root's (nobody else can say so), made lately by a clock that may have been set since. */
export function isUpgrade(nowMs: number, marker: string = UPGRADE_MARKER, owner = 0): boolean {
  const stats = lstatSync(marker, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.uid === owner && Math.abs(nowMs - stats.ctimeMs) < UPGRADE_MAX_MS;
}

/** in: /proc/self/cgroup; out: the service that this process is in, "forebear.service". */
export function ownUnit(text: string = readFileSync('/proc/self/cgroup', 'utf8')): string | undefined {
  return /\/([^/\n]+\.service)$/m.exec(text)?.[1];
}
