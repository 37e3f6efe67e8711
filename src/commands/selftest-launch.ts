// The outside of `forebear selftest`: a folder of its own per run, <state>/selftest/<id>/, with the token that the agent
// honours (agent/selftest-io.ts) and two copies of build/selftest (native/selftest.c); starts them and hears what they did.
// The folder is removed when the run is over, with what runs left that were killed.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type SelftestGrant, selftestNames } from '../agent/selftest.ts';
import type { Clock } from '../clock.ts';
import { ForebearError, reasonOf } from '../errors.ts';

/** From src/commands/ as from dist/commands/: build/ lies beside dist/. */
export const HELPER_PATH = fileURLToPath(new URL('../../build/selftest', import.meta.url));
/** A token is older than the clock that wrote it says: /proc/uptime has steps of 10 ms. */
const CLOCK_SLACK_NS = 1_000_000_000n;
/** What other runs left is removed after that time. */
const LEFTOVER_MS = 3_600_000;

export interface SelftestFolder extends SelftestGrant, Disposable {}

/** What the programs said. */
export interface Launch {
  pid?: number;
  /** CLOCK_BOOTTIME in ns just before execve of systemctl; undefined: it did not come to that. */
  execNs?: bigint;
  /** No pseudo-terminal could be had. */
  withoutTerminal: boolean;
  /** What could not be done, and errno. */
  failed?: string;
}

/**
 * in: the resolved state directory, its owner, how long the run may take; out: the folder, ready; removed when disposed.
 * Throws FB_SELFTEST_FOLDER when it cannot be made.
 */
export function makeFolder(
  state: string,
  owner: { uid: number; gid: number },
  timeoutMs: number,
  clock: Clock,
): SelftestFolder {
  const id = randomBytes(16).toString('hex');
  const directory = join(state, 'selftest', id);
  const nowNs = clock.bootNs();
  const fromNs = nowNs - CLOCK_SLACK_NS;
  const untilNs = nowNs + BigInt(Math.ceil(timeoutMs + 5000)) * 1_000_000n;
  const grant = { id, directory, fromNs, untilNs, uid: owner.uid };
  try {
    own(join(state, 'selftest'), owner);
    removeLeftovers(join(state, 'selftest'));
    own(directory, owner);
    fill(grant, owner);
  } catch (cause) {
    rmSync(directory, { recursive: true, force: true });
    const hint = 'the state directory needs room for 2 MB, and must allow programs to be run (no noexec mount)';
    throw new ForebearError('FB_SELFTEST_FOLDER', `cannot prepare ${directory}: ${reasonOf(cause)}`, { hint, cause });
  }
  return { ...grant, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A folder that only its owner can enter or write; the owner is the one of the state directory, whoever runs us. */
function own(directory: string, { uid, gid }: { uid: number; gid: number }): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!lstatSync(directory).isDirectory()) throw new Error(`${directory} is no directory`);
  chmodSync(directory, 0o700);
  chownSync(directory, uid, gid);
}

function fill(grant: SelftestGrant, { uid, gid }: { uid: number; gid: number }): void {
  const { sshd, helper } = selftestNames(grant);
  for (const program of [sshd, helper]) {
    copyFileSync(HELPER_PATH, program);
    chmodSync(program, 0o500);
    chownSync(program, uid, gid);
  }
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const token = JSON.stringify({ bootId, fromNs: String(grant.fromNs), untilNs: String(grant.untilNs) });
  const file = join(grant.directory, 'token.json');
  writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
  chownSync(file, uid, gid);
}

function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (Date.now() - lstatSync(path).mtimeMs > LEFTOVER_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** Runs the programs to their end. Throws FB_SELFTEST_HELPER when they cannot be started. */
export async function launch(grant: SelftestGrant, timeoutMs: number): Promise<Launch> {
  const { sshd, helper, unit } = selftestNames(grant);
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const child = spawn(sshd, [helper, unit, seconds], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: {},
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  let said = '';
  (child.stdio[3] as Readable).setEncoding('latin1').on('data', (text: string) => {
    said += text;
  });
  try {
    await ended;
  } catch (cause) {
    const hint = 'a state directory on a noexec mount cannot hold programs; name another agent and its --state';
    throw new ForebearError('FB_SELFTEST_HELPER', `cannot run ${sshd}: ${reasonOf(cause)}`, { hint, cause });
  }
  return launchOf(said);
}

/** in: the lines of native/selftest.c; out: what they say. Pure. */
export function launchOf(said: string): Launch {
  const exec = /^exec (\d+) (\d+)$/m.exec(said);
  const failed = /^failed (\w+) (\d+)/m.exec(said);
  return {
    withoutTerminal: /^terminal /m.test(said),
    ...(exec !== null && { pid: Number(exec[1]), execNs: BigInt(exec[2]!) }),
    ...(failed !== null && { failed: `${failed[1]}: errno ${failed[2]}` }),
  };
}
