// What an installed agent says of hosts as they are: a login by ssh on Debian 12 and 13 (whose OpenSSH has a program of its own for
// sessions), and nothing at all of what a host does by itself: packages, timers, cron, a boot.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { type BuiltPackage, buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, type Suite, startBed, whyNoBed } from './bed.ts';

const ROOTS = resolve(import.meta.dirname, '../../build/testbed');
const INSTALL = 'DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1';

let built: BuiltPackage | undefined;

/** The second suite is not made by npm test: another minute. */
function whyNot(suite: Suite): string | undefined {
  if (suite !== 'bookworm' && !existsSync(join(ROOTS, suite, 'root')))
    return `no Debian to boot: scripts/testbed ${suite}`;
  return whyNoPackage() ?? whyNoBed(suite) ?? whyNoSensor();
}

async function installed(suite: Suite): Promise<Bed> {
  built ??= buildPackage(VERSION);
  const bed = await startBed({ suite });
  bed.copyIn(built.file, '/root/forebear.deb');
  await bed.ask(INSTALL, { timeoutMs: 60_000 });
  return bed;
}

interface Told {
  /** pid: of this bed, not of another one or of the host below, which the sensor sees too. */
  forebear: { host_namespace: { pid: boolean } };
  rule: { name: string };
  process: { parent: { executable: string }; entry_leader: { entry_meta: { type: string } } };
  user: { name: string };
}

/** Once the agent has seen all there was. */
async function alerts(bed: Bed): Promise<Told[]> {
  await bed.ask('forebear selftest');
  const { out } = await bed.run('forebear tail -n all --json | grep -v \'"selftest":true\'');
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told)
    .filter(({ forebear }) => forebear.host_namespace.pid);
}

describe.each<[Suite]>([['bookworm'], ['trixie']])('%s', (suite) => {
  const missing = whyNot(suite);
  let bed: Bed;

  beforeAll(async () => {
    if (missing === undefined) bed = await installed(suite);
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  it('is quiet about what the host does by itself', { timeout: 120_000 }, async () => {
    // A maintainer script with systemctl, this package's own; services that a timer starts; a job of cron; a boot.
    await bed.ask(INSTALL, { timeoutMs: 60_000 });
    await bed.ask('dpkg-reconfigure --frontend=noninteractive cron openssh-server', { timeoutMs: 60_000 });
    await bed.ask('systemctl start logrotate.service systemd-tmpfiles-clean.service && systemctl restart cron');
    await bed.ask(
      "echo '* * * * * root systemctl is-system-running > /dev/null' > /etc/cron.d/look && run-parts /etc/cron.daily",
    );
    await bed.reboot();
    await bed.until('systemctl is-active -q forebear');
    expect(await alerts(bed)).toEqual([]);
  });

  it('tells of a login by ssh who it was and how', { timeout: 60_000 }, async () => {
    await bed.ask(
      [
        'ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 && install -d -o alice -m 700 /home/alice/.ssh',
        'install -o alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys',
        'echo "StrictHostKeyChecking no" > /root/.ssh/config && systemctl start ssh',
        'install -m 755 /bin/dash /home/alice/payload',
      ].join(' && '),
    );
    await bed.run(`ssh alice@127.0.0.1 "./payload -c 'systemctl enable backdoor.service; true'"`);
    expect(await alerts(bed)).toMatchObject([
      {
        user: { name: 'alice' },
        process: { parent: { executable: '/home/alice/payload' }, entry_leader: { entry_meta: { type: 'sshd' } } },
      },
    ]);
  });
});
