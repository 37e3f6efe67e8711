// The life of the package on a Debian 12 without Node and without a compiler, under a real systemd: what an operator does to it, in
// that order, in one bed.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const OLDER = '0.0.9';
const RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
const OUTPUT = '\n[outputs.copy]\ntype = "file"\npath = "/var/lib/forebear-ship/copy.ndjson"\n';
/** Changed by systemd, dpkg and the test itself, whatever a package does. Users stay, as Debian's policy wants it. */
const NOT_OURS = [
  '/proc',
  '/sys',
  '/run',
  '/dev',
  '/tmp',
  '/root',
  '/home',
  '/var/log',
  '/var/lib/dpkg',
  '/var/lib/systemd',
  '/var/cache',
];

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor();

interface Running {
  pid: number;
  /** The newest record of its journal. */
  seq: number;
}

describe('the package under systemd', { timeout: 60_000 }, () => {
  let bed: Bed;
  let before: string[];

  beforeAll(async () => {
    if (missing !== undefined) return;
    const packages = [OLDER, VERSION].map((version) => ({ version, ...buildPackage(version) }));
    bed = await startBed();
    before = await files();
    for (const { version, file } of packages) bed.copyIn(file, debOf(version));
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const debOf = (version: string) => `/root/forebear_${version}.deb`;
  const install = (version: string) =>
    bed.ask(`DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i ${debOf(version)} 2>&1`, { timeoutMs: 60_000 });
  const property = (unit: string, name: string) => bed.ask(`systemctl show -p ${name} --value ${unit}`);

  async function files(): Promise<string[]> {
    const prune = NOT_OURS.map((path) => `-path ${path}`).join(' -o ');
    return (await bed.ask(`find / -xdev \\( ${prune} \\) -prune -o -print | sort`)).split('\n');
  }

  /** Once it runs, in that version. */
  async function agent(version: string): Promise<Running> {
    const running = `forebear status --json | grep -q '"version":"${version}"' && systemctl is-active -q forebear`;
    await bed.until(`${running} || { journalctl -u forebear -n 20 --no-pager >&2; false; }`);
    const seq = JSON.parse(
      (await bed.ask('forebear journal export --raw | tail -n 1')).replace(/"payload":"[^"]*"/, '"payload":""'),
    ).seq;
    return { pid: Number(await property('forebear', 'MainPID')), seq };
  }

  async function lifecycle(): Promise<{ event: unknown; version: unknown; ms: number }[]> {
    const lines = (await bed.ask('forebear journal export --kind lifecycle')).split('\n');
    return lines.map((line) => {
      const document = JSON.parse(line) as Record<string, unknown>;
      const [event, version] = [document['forebear.lifecycle.event'], document['forebear.lifecycle.version']];
      return { event, version, ms: Date.parse(String(document['@timestamp'])) };
    });
  }

  /** A program nobody has seen enables a unit, in a session of sshd; out: the alerts with it as parent. */
  async function logIn(program: string): Promise<Record<string, unknown>[]> {
    await bed.ask(`test -e /home/alice/${program} || install -m 755 /bin/dash /home/alice/${program}`);
    await bed.run(`ssh alice@127.0.0.1 "./${program} -c 'systemctl enable backdoor.service; true'"`);
    await bed.ask('forebear selftest');
    const { out } = await bed.run(`forebear tail -n all --json --rule ${RULE}`);
    const alerts = out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return alerts.filter((alert) => at(alert, 'process.parent.executable') === `/home/alice/${program}`);
  }

  it('is installed where there is no Node and no compiler, and runs at once without any configuration', async () => {
    expect((await bed.run('command -v node nodejs gcc cc')).out).toBe('');
    await install(OLDER);
    await agent(OLDER);
    expect(await bed.ask('systemctl is-enabled forebear')).toBe('enabled');
    expect(await bed.ask('forebear --version')).toBe(`forebear ${OLDER}`);
    for (const unit of ['forebear-ship', 'forebear-hub']) {
      expect((await bed.run(`systemctl is-enabled ${unit}`)).out.trim(), unit).toBe('disabled');
    }
    const { status, out } = await bed.run('forebear doctor --json');
    expect(status, out).toBe(0);
    expect(await bed.ask('forebear rules list')).toContain(RULE);
  });

  it('keeps what the agent must not write from it', async () => {
    const owners = await bed.ask(
      'stat -c "%U:%G %a %n" /etc/forebear /etc/forebear/*.toml /usr/share/forebear/rules /var/lib/forebear',
    );
    expect(owners.split('\n')).toEqual([
      'root:root 755 /etc/forebear',
      'root:root 644 /etc/forebear/forebear.toml',
      'root:root 644 /etc/forebear/hub.toml',
      'root:root 755 /usr/share/forebear/rules',
      'forebear:forebear 750 /var/lib/forebear',
    ]);
    const foreign = await bed.ask(
      'find /usr/lib/forebear /usr/share/forebear /etc/forebear ! -user root -o -perm /022 ! -type l',
    );
    expect(foreign).toBe('');
  });

  it('alerts of a login by ssh, and knows the program the next time', async () => {
    await bed.ask(
      'ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 && install -d -o alice -m 700 /home/alice/.ssh',
    );
    await bed.ask('install -o alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys');
    await bed.ask('echo "StrictHostKeyChecking no" > /root/.ssh/config && systemctl start ssh');
    const [alert, ...more] = await logIn('payload');
    expect(more).toEqual([]);
    expect(at(alert, 'process.entry_leader.entry_meta.type')).toBe('sshd');
    expect(at(alert, 'user.name')).toBe('alice');
    expect(await logIn('payload')).toHaveLength(1);
  });

  it('an upgrade keeps journal, terms, cursors, what runs, and the configuration that the user changed', async () => {
    await bed.ask(`printf '%s' '${OUTPUT}' >> /etc/forebear/forebear.toml && systemctl enable --now -q forebear-ship`);
    const copied = 'grep -c . /var/lib/forebear-ship/copy.ndjson';
    await bed.until(
      'test -s /var/lib/forebear-ship/copy.ndjson && forebear ship --dry-run --output copy | grep -q "nothing to send"',
    );
    const older = await agent(OLDER);
    const shipper = await property('forebear-ship', 'MainPID');
    const lines = Number(await bed.ask(copied));

    await install(VERSION);

    const newer = await agent(VERSION);
    expect(newer.pid).not.toBe(older.pid);
    expect(newer.seq).toBeGreaterThan(older.seq);
    expect(await property('forebear-ship', 'MainPID')).not.toBe(shipper);
    expect(await property('forebear-ship', 'ActiveState')).toBe('active');
    expect(await bed.ask('tail -n 3 /etc/forebear/forebear.toml')).toContain('copy.ndjson');
    expect(await logIn('payload')).toHaveLength(1);
    expect(await logIn('payload-2')).toHaveLength(1);
    await bed.until(`[ $(${copied}) -gt ${lines} ]`);
    // Nothing twice: the shipper went on behind its cursor.
    expect(await bed.ask('sort /var/lib/forebear-ship/copy.ndjson | uniq -d')).toBe('');
    expect((await bed.run('forebear journal check')).status).toBe(0);
  });

  it('an upgrade leaves the host unseen for the time of one start: the old agent goes when the new files are there', async () => {
    const starts = await lifecycle();
    const started = starts.findIndex(({ event, version }) => event === 'start' && version === VERSION);
    const [stop, start] = starts.slice(started - 1, started + 1);
    expect([stop?.event, stop?.version]).toEqual(['stop', OLDER]);
    const unseenMs = start!.ms - stop!.ms;
    console.log(`unseen during the upgrade: ${unseenMs} ms (goal 2000)`);
    // Unpacking alone takes a second here: with it the goal would be far.
    expect(unseenMs).toBeLessThan(4000);
  });

  it('a downgrade runs on the same journal', async () => {
    const newer = await agent(VERSION);
    await install(OLDER);
    expect((await agent(OLDER)).seq).toBeGreaterThan(newer.seq);
    expect(await logIn('payload-2')).toHaveLength(1);
  });

  it('what an admin has switched off stays off at an upgrade', async () => {
    await bed.ask('systemctl disable -q --now forebear && systemctl mask -q forebear-ship --now');
    await install(VERSION);
    const now = 'systemctl is-enabled forebear forebear-ship; systemctl is-active forebear forebear-ship';
    expect((await bed.run(now)).out.trim().split('\n')).toEqual(['disabled', 'masked', 'inactive', 'inactive']);
    await bed.ask('systemctl enable -q --now forebear && systemctl unmask -q forebear-ship');
  });

  it('remove takes the program and keeps what it knows', async () => {
    await bed.ask('dpkg -r forebear');
    expect((await bed.run('systemctl is-active forebear forebear-ship')).out.trim().split('\n')).toEqual([
      'inactive',
      'inactive',
    ]);
    expect(
      await bed.ask(
        'ls -d /usr/lib/forebear /usr/bin/forebear 2>/dev/null; ls -d /var/lib/forebear /etc/forebear/forebear.toml',
      ),
    ).toBe('/etc/forebear/forebear.toml\n/var/lib/forebear');
  });

  it('purge leaves nothing but its users', async () => {
    await bed.ask('dpkg -P forebear');
    const left = (await files()).filter((file) => !before.includes(file));
    expect(left).toEqual([]);
    // Nor where a running system changes much.
    expect(
      await bed.ask(`find /run /var/cache /var/lib /var/log -path /run/systemd -prune -o -name '*forebear*' -print`),
    ).toBe('');
    expect(await bed.ask('systemctl --failed --no-legend')).toBe('');
  });

  it('where the agent cannot run, the package is installed all the same and says where to look', async () => {
    const place = '/etc/systemd/system/forebear.service.d';
    await bed.ask(`mkdir -p ${place} && printf '[Service]\\nAmbientCapabilities=\\n' > ${place}/none.conf`);
    expect(await install(VERSION)).toContain('forebear doctor');
    expect(await bed.ask('dpkg -s forebear')).toContain('Status: install ok installed');
  });
});

function at(document: Record<string, unknown> | undefined, path: string): unknown {
  let value: unknown = document;
  for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}
