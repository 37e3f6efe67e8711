// What an installed agent says of hosts as they are: a login by ssh on Debian 12 and 13 (whose OpenSSH has a program of its own for
// sessions), and nothing at all of what a host does by itself or an admin has apt do: packages, timers, cron, users, a boot. All rules are on.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { type BuiltPackage, buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, type Suite, startBed, whyNoBed } from './bed.ts';

const INSTALL = 'dpkg --force-unsafe-io -i /root/forebear.deb';
/** A job of cron and a script of logrotate that do what the first rule is about. */
const JOBS = `echo '@reboot root systemctl start systemd-tmpfiles-clean && touch /run/cron-ran' > /etc/cron.d/job
echo line > /var/log/job.log
echo '/var/log/job.log {
  size 1
  lastaction
    systemctl start systemd-tmpfiles-clean && touch /run/logrotate-ran
  endscript
}' > /etc/logrotate.d/job`;
const FETCHED = 'at rsync unattended-upgrades';
/** In the archive there is no newer version: the same packages, with the scripts that Debian gave them, under a higher one. */
const NEWER = `mkdir -p /srv/newer && cd /srv/newer && cp /var/cache/apt/archives/at_*.deb /var/cache/apt/archives/rsync_*.deb .
for deb in *.deb; do
  dpkg-deb -R $deb x && sed -i 's/^Version: .*/&+bed/' x/DEBIAN/control && dpkg-deb --root-owner-group -Znone -b x $deb && rm -r x
  dpkg-deb -f $deb >> Packages
  echo "Filename: ./$deb\nSize: $(stat -c %s $deb)\nSHA256: $(sha256sum $deb | cut -d' ' -f1)\n" >> Packages
done
echo "Origin: Bed\nSHA256:\n $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages" > Release
echo 'deb [trusted=yes] file:/srv/newer ./' > /etc/apt/sources.list
echo 'Unattended-Upgrade::Origins-Pattern { "origin=Bed"; }; Unattended-Upgrade::Package-Blacklist { "rsync"; };' > /etc/apt/apt.conf.d/90bed
apt-get update`;

let built: BuiltPackage | undefined;

interface Told {
  /** pid: of this bed, not of another one or of the host below, which the sensor sees too. */
  forebear: { host_namespace: { pid: boolean } };
  rule: { name: string };
  process: { parent: { executable: string }; entry_leader: { entry_meta: { type: string } } };
  user: { name: string };
}

/** With what program sshd serves a session. */
const SUITES: readonly [Suite, string][] = [
  ['bookworm', '/usr/sbin/sshd'],
  ['trixie', '/usr/lib/openssh/sshd-session'],
];

describe.each(SUITES)('%s', (suite, sshd) => {
  const missing = whyNoPackage() ?? whyNoBed(suite) ?? whyNoSensor();
  let bed: Bed;

  beforeAll(async () => {
    if (missing !== undefined) return;
    built ??= buildPackage(VERSION);
    bed = await startBed({ suite });
    bed.copyIn(built.file, '/root/forebear.deb');
    await alone(INSTALL);
    await alone(
      [
        'ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 && install -d -o alice -m 700 /home/alice/.ssh',
        'install -o alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys',
        'echo "StrictHostKeyChecking no" > /root/.ssh/config && systemctl start ssh',
        'echo "alice ALL = (root) NOPASSWD: ALL" > /etc/sudoers.d/alice',
      ].join(' && '),
    );
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  /** By the bed's systemd, in nobody's session. */
  const alone = (command: string) =>
    bed.ask(
      'systemd-run -q --wait --pipe --collect -E HOME=/root -E DEBIAN_FRONTEND=noninteractive sh -ec "$(cat)" < /dev/null 2>&1',
      { timeoutMs: 60_000, input: command },
    );
  const logIn = (command: string) =>
    bed.run('ssh alice@127.0.0.1 "$(cat)" < /dev/null 2>&1', { timeoutMs: 60_000, input: command });

  /** Once the agent has seen all there was. */
  async function alerts(): Promise<Told[]> {
    await bed.ask('forebear selftest');
    const { out } = await bed.run('forebear tail -n all --json | grep -v \'"selftest":true\'');
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Told)
      .filter(({ forebear }) => forebear.host_namespace.pid);
  }

  /** Events of which an exception made no alert, since the agent's start. */
  async function hidden(): Promise<number> {
    const { counters } = JSON.parse(await bed.ask('forebear status --json')) as { counters: Record<string, number> };
    const counts = Object.entries(counters).filter(([name]) => name.startsWith('detect_events_excepted_total{'));
    return counts.reduce((sum, [, count]) => sum + count, 0);
  }

  it('is quiet about what the host does by itself', { timeout: 120_000 }, async () => {
    await alone(INSTALL);
    await alone('dpkg-reconfigure cron openssh-server');
    await alone(JOBS);
    await alone('systemctl start logrotate systemd-tmpfiles-clean dpkg-db-backup && systemctl restart cron');
    await alone('run-parts /etc/cron.daily && test -e /run/logrotate-ran');
    await bed.reboot();
    await bed.until('systemctl is-active -q forebear && test -e /run/cron-ran');
    expect(await alerts()).toEqual([]);
  });

  it('is quiet about packages, whether an admin asks for them or the host', { timeout: 180_000 }, async (context) => {
    const fetched = await bed.run(
      `apt-get -q update && apt-get -q install -y --download-only --no-install-recommends ${FETCHED}`,
      { timeoutMs: 90_000, outside: true },
    );
    if (fetched.status !== 0) return context.skip(`no Debian archive to be reached: ${fetched.err.slice(0, 200)}`);
    const before = await hidden();
    const admin = [
      'set -e; export DEBIAN_FRONTEND=noninteractive',
      `sudo -E apt-get install -y --no-install-recommends ${FETCHED}`,
      'sudo dpkg --unpack /var/cache/apt/archives/rsync_*.deb && sudo dpkg --configure -a',
      'sudo systemctl restart cron && sudo useradd -m bob && sudo usermod -aG sudo bob && sudo userdel -r bob 2>&1',
    ];
    const { status, out } = await logIn(admin.join('\n'));
    expect(status, out).toBe(0);
    await alone(NEWER);
    await alone('systemctl start apt-daily.service && systemctl start apt-daily-upgrade.service');
    expect(await bed.ask('dpkg-query -W at')).toMatch(/\+bed$/);
    const upgraded = await logIn('sudo DEBIAN_FRONTEND=noninteractive apt-get upgrade -y');
    expect(upgraded.out).toContain('Setting up rsync');
    const removed = await logIn('sudo DEBIAN_FRONTEND=noninteractive apt-get purge -y at rsync 2>&1');
    expect(removed.out).toContain('Purging configuration files for at');
    expect(await alerts()).toEqual([]);
    // Their scripts did start services, in alice's session.
    expect(await hidden()).toBeGreaterThan(before);
  });

  it('tells of a login by ssh who it was and how', { timeout: 60_000 }, async () => {
    await alone('install -m 755 /bin/dash /home/alice/payload');
    const shell = await bed.run('ssh -tt alice@127.0.0.1 2>&1', {
      input: "./payload -c 'systemctl enable backdoor.service; true'\nexit\n",
    });
    expect(await alerts(), shell.out).toMatchObject([
      {
        user: { name: 'alice' },
        process: {
          parent: { executable: '/home/alice/payload' },
          entry_leader: { executable: '/usr/bin/bash', interactive: true, entry_meta: { type: 'sshd' } },
        },
        forebear: { ancestors: { executable: expect.arrayContaining(['/usr/bin/bash', sshd]) } },
      },
    ]);
  });
});
