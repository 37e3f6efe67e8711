// What `forebear enrol` tells systemd: which secrets to hand to the shipper, that it is to run, and the agent to look at its outputs
// again. Only where the installed program runs under systemd; elsewhere enrol says what to start by hand.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { ForebearError } from '../errors.ts';
import { IN_TREE, INSTALLED_FILE } from './load-config.ts';

const run = promisify(execFile);
const DROP_INS = '/etc/systemd/system/forebear-ship.service.d';
/** What LoadCredential= takes without quoting. */
const PLAIN_PATH = /^\/[\w./+@,-]*$/;

/** in: the configuration that is enrolled to. */
export function runsUnderSystemd(configFile: string): boolean {
  return !IN_TREE && configFile === INSTALLED_FILE && existsSync('/run/systemd/system');
}

/** out: a drop-in of forebear-ship.service and its text. Throws FB_ENROL_PATH. */
export function credentialDropIn(
  output: string,
  credentials: readonly { name: string; file: string }[],
): { folder: string; name: string; text: string } {
  const odd = credentials.find(({ file }) => !PLAIN_PATH.test(file));
  if (odd !== undefined) {
    const hint = 'put the file where the path has letters, digits, and / . _ + @ , - only';
    throw new ForebearError('FB_ENROL_PATH', `systemd cannot be told of ${JSON.stringify(odd.file)}`, { hint });
  }
  const lines = credentials.map(({ name, file }) => `LoadCredential=${name}:${file}`);
  const head =
    '# Written by "forebear enrol". Read when the shipper starts: after a change systemctl restart forebear-ship';
  return { folder: DROP_INS, name: `enrol-${output}.conf`, text: `${[head, '[Service]', ...lines].join('\n')}\n` };
}

/** The shipper runs with what is configured now, and will after a boot. Throws FB_ENROL_SYSTEMCTL. */
export async function startShipper(): Promise<void> {
  await systemctl('daemon-reload');
  await systemctl('enable', '--quiet', 'forebear-ship.service');
  await systemctl('restart', 'forebear-ship.service');
  if (await isActive('forebear.service')) await systemctl('reload', 'forebear.service');
}

/** Whether the agent does. */
export async function isActive(unit: string): Promise<boolean> {
  return await run('systemctl', ['is-active', '--quiet', unit]).then(
    () => true,
    () => false,
  );
}

async function systemctl(...args: string[]): Promise<void> {
  try {
    await run('systemctl', args, { timeout: 150_000 });
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    const message = `systemctl ${args.join(' ')} failed: ${stderr.trim().split('\n', 1)[0] || String(cause)}`;
    throw new ForebearError('FB_ENROL_SYSTEMCTL', message, { hint: 'journalctl -u forebear-ship says more', cause });
  }
}
