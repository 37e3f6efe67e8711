// Forebear's own rules under a real systemd: each way to have it run something, done in a session of ssh, and the one rule that sees
// it. Each comes from a program of its own (a copy of a shell), so that none is known. That all are silent on what hosts and their
// packages do is in hosts.test.ts.

import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const RULES = resolve(import.meta.dirname, '../../rules/linux');
const UNITS = '/etc/systemd/system';
const MANAGER = 'org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager';
const HOME = '/home/alice/.config/systemd/user';
/** A root whose /bin is a folder, not a link. */
const UNMERGED =
  'mkdir -p /srv/old/bin /srv/old/usr/lib /srv/old/lib64 && cp /usr/bin/systemctl /srv/old/bin && mount --bind /usr/lib /srv/old/usr/lib && ln -s usr/lib /srv/old/lib && mount --bind /usr/lib64 /srv/old/lib64';

/** Rule, who, what, and what of the alert tells that it is for this: of the arguments the last, or the path of the file. */
type Row = readonly [rule: string, who: 'root' | 'alice', command: string, sign: string];

const ROWS: readonly Row[] = [
  ['persistence_systemd_service_started_by_unusual_parent', 'root', 'systemctl start nap.service', 'nap.service'],
  ['persistence_systemctl_padded_arguments', 'root', 'systemctl --no-pager --quiet start nap1.service', 'nap1.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl restart nap2.service', 'nap2.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl reload-or-restart nap3.service', 'nap3.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl reload nap14.service', 'nap14.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl link /tmp/nap4.service', '/tmp/nap4.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl preset nap5.service', 'nap5.service'],
  ['persistence_systemctl_other_verbs', 'root', 'systemctl unmask nap6.service', 'nap6.service'],
  ['persistence_systemctl_unmerged_usr', 'root', `${UNMERGED}; chroot /srv/old /bin/systemctl start nap7`, 'nap7'],
  [
    'defense_evasion_systemctl_copy',
    'root',
    'cp /usr/bin/systemctl /root/sc; /root/sc start nap8.service',
    'nap8.service',
  ],
  ['defense_evasion_systemctl_copy', 'root', 'ln /root/sc /root/systemctl; /root/systemctl start nap9', 'nap9'],
  ['defense_evasion_systemctl_copy', 'root', '/lib64/ld-linux-x86-64.so.2 /bin/systemctl start nap10', 'nap10'],
  ['persistence_systemd_dbus_call', 'root', `busctl call ${MANAGER} StartUnit ss nap11.service fail`, 'fail'],
  [
    'persistence_systemd_dbus_call',
    'alice',
    `dbus-send --system --dest=${MANAGER}.RestartUnit string:nap12.service string:fail`,
    'string:fail',
  ],
  [
    'persistence_systemd_dbus_call',
    'root',
    `busctl call ${MANAGER} ReenableUnitFiles asbb 1 nap15.service false true`,
    'true',
  ],
  ['execution_systemd_run_unusual_parent', 'root', 'systemd-run -q /bin/true', '/bin/true'],
  ['persistence_systemd_transient_timer', 'root', 'systemd-run -q --on-active=1h /bin/false', '/bin/false'],
  ['persistence_systemd_user_unit_started', 'alice', 'systemctl --user enable --now nap13.service', 'nap13.service'],
  ['persistence_systemd_user_unit_started', 'alice', 'systemctl --user try-restart nap16.service', 'nap16.service'],
  ['persistence_systemd_linger', 'alice', 'loginctl enable-linger', 'enable-linger'],
  ['persistence_systemd_service_created', 'root', `echo > ${UNITS}/w1.service`, `${UNITS}/w1.service`],
  [
    'persistence_systemd_service_created',
    'root',
    `echo > /tmp/x && mv /tmp/x ${UNITS}/w2.service`,
    `${UNITS}/w2.service`,
  ],
  ['persistence_systemd_service_created', 'root', `ln -s /tmp/x ${UNITS}/w3.service`, `${UNITS}/w3.service`],
  ['persistence_systemd_service_created', 'alice', `mkdir -p ${HOME}; echo > ${HOME}/w4.service`, `${HOME}/w4.service`],
  [
    'persistence_systemd_service_created',
    'root',
    `mkdir -p ${UNITS}.control; echo > ${UNITS}.control/w14.service`,
    `${UNITS}.control/w14.service`,
  ],
  ['persistence_systemd_timer_created', 'root', `cp /dev/null ${UNITS}/w5.timer`, `${UNITS}/w5.timer`],
  ['persistence_systemd_activation_unit_created', 'root', `echo > ${UNITS}/w6.socket`, `${UNITS}/w6.socket`],
  ['persistence_systemd_activation_unit_created', 'alice', `echo > ${HOME}/w7.path`, `${HOME}/w7.path`],
  [
    'persistence_systemd_unit_linked_by_hand',
    'root',
    `mkdir -p ${UNITS}/ssh.service.wants && cd ${UNITS}/ssh.service.wants && ln -s /tmp/w8.service .`,
    `${UNITS}/ssh.service.wants/w8.service`,
  ],
  [
    'persistence_systemd_drop_in_created',
    'root',
    `mkdir -p ${UNITS}/cron.service.d; echo > ${UNITS}/cron.service.d/w9.conf`,
    `${UNITS}/cron.service.d/w9.conf`,
  ],
  [
    'persistence_systemd_generator_created',
    'root',
    'mkdir -p /etc/systemd/system-generators; echo > /etc/systemd/system-generators/w10',
    '/etc/systemd/system-generators/w10',
  ],
  [
    'persistence_systemd_folder_moved',
    'root',
    `mkdir /srv/d1 && echo > /srv/d1/w13.conf && mv /srv/d1 ${UNITS}/nap.service.d`,
    `${UNITS}/nap.service.d`,
  ],
  [
    'persistence_systemd_folder_moved',
    'alice',
    `mkdir /tmp/d2 && ln -s /tmp/d2 ${HOME}/default.target.wants`,
    `${HOME}/default.target.wants`,
  ],
  ['persistence_rc_local_created', 'root', 'echo > /etc/rc.local', '/etc/rc.local'],
  ['persistence_init_script_created', 'root', 'echo > /etc/init.d/w11', '/etc/init.d/w11'],
  [
    'persistence_systemd_linger_by_hand',
    'root',
    'mkdir -p /var/lib/systemd/linger; touch /var/lib/systemd/linger/alice',
    '/var/lib/systemd/linger/alice',
  ],
];

/** D-Bus by hand over the private socket, as a library would: no program that a rule could know. */
const BY_HAND = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/systemd/private") or die;
sub str { pack("V", length $_[0]) . $_[0] . "\\0" } sub pad { $_[0] . "\\0" x (-length($_[0]) % $_[1]) }
sub head { my ($n, $t, $v) = @_; pad(pack("C", $n) . "\\1$t\\0" . ($t eq "g" ? pack("C", length $v) . "$v\\0" : str($v)), 8) }
my $body = pad(str("w12.service"), 4); $body = pad(pack("V", length $body) . $body, 4) . pack("VV", 0, 1);
my $f = head(1, "o", "/org/freedesktop/systemd1") . head(2, "s", "org.freedesktop.systemd1.Manager") . head(3, "s", "EnableUnitFiles");
$f .= "\\10\\1g\\0" . pack("C", 4) . "asbb\\0";
my $m = pad("l\\1\\0\\1" . pack("VVV", length $body, 1, length $f) . $f, 8) . $body;
alarm 5; my $said;
for my $line ("\\0AUTH EXTERNAL 30", "NEGOTIATE_UNIX_FD") { syswrite $s, "$line\\r\\n"; sysread $s, $said, 4096 or die }
# A message that comes together with BEGIN is not looked at before the next.
syswrite $s, "BEGIN\\r\\n"; select undef, undef, undef, 0.2; syswrite $s, $m;
# The answer names what was linked; whoever leaves before it may not have been heard.
my $answer = ""; while ($answer !~ /w12/) { sysread $s, $answer, 4096, length $answer or die }`;

/** The usual way for an admin. */
const ASKED =
  'for verb in disable enable mask unmask start restart; do sudo systemctl -q $verb w12.service; done; sudo systemctl set-property w12.service CPUWeight=50';

interface Told {
  forebear: { host_namespace: { pid: boolean } };
  kibana: { alert: { rule: { name: string } } };
  rule: { name: string };
  process: { args?: string[]; executable: string; entry_leader: { entry_meta: { type: string } } };
  file?: { path: string };
  user: { name: string };
}

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor();

describe('rules under systemd', { timeout: 90_000 }, () => {
  let bed: Bed;
  /** By file. */
  let names: Map<string, string>;
  let alerts: Told[];

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { file } = buildPackage(VERSION);
    bed = await startBed();
    bed.copyIn(file, '/root/forebear.deb');
    await bed.ask('DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1', {
      timeoutMs: 60_000,
    });
    await bed.ask(
      [
        'ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 && cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys',
        'install -d -o alice -m 700 /home/alice/.ssh',
        'install -o alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys',
        'echo "StrictHostKeyChecking no" > /root/.ssh/config && systemctl start ssh',
      ].join(' && '),
    );
    names = namesByFile();
    for (const who of ['root', 'alice'] as const) await bed.run(`ssh ${who}@127.0.0.1 sh`, { input: scriptOf(who) });
    await bed.ask('forebear selftest');
    const { out } = await bed.run('forebear tail -n all --json | grep -v \'"selftest":true\'');
    alerts = parse(out);
  }, 180_000);

  afterAll(async () => {
    await bed?.run(`pkill -f '[/]tmp/own'`);
    await bed?.remove();
  }, 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  it.each(ROWS)('%s tells of %s: %s', (rule, who, _command, sign) => {
    const told = alerts.filter((alert) => signOf(alert) === sign);
    expect(told.map((alert) => alert.rule.name)).toEqual([names.get(rule)]);
    expect(told[0]).toMatchObject({ user: { name: who }, process: { entry_leader: { entry_meta: { type: 'sshd' } } } });
  });

  it('tells of nothing else', () => {
    const signs = new Set(ROWS.map(([, , , sign]) => sign));
    const others = alerts.filter((alert) => !signs.has(signOf(alert) ?? ''));
    expect(others.map((alert) => [alert.rule.name, signOf(alert)])).toEqual([]);
  });

  it('tells of a library at the private socket by what systemd does for it, and not of what systemctl asked for', async () => {
    await bed.ask(
      `printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' > /usr/lib/systemd/system/w12.service`,
    );
    startUnnested(bed.leader, 'forebear agent --state /tmp/own > /tmp/own.out 2>&1');
    await bed.until('grep ready /tmp/own.out');
    await bed.ask('cat > /root/by-hand.pl', { input: BY_HAND });
    await bed.until('perl /root/by-hand.pl');
    await bed.until('forebear tail --state /tmp/own -n all --json | grep -q w12.service');
    await bed.ask(`ssh root@127.0.0.1 '${ASKED} && echo > /tmp/x && mv /tmp/x /etc/rc.local'`);
    await bed.until('forebear tail --state /tmp/own -n all --json | grep -q rc.local');
    const told = parse(await bed.ask('forebear tail --state /tmp/own -n all --json'));
    expect(told.map((alert) => [alert.rule.name, alert.process.executable, signOf(alert)])).toEqual([
      [
        names.get('persistence_systemd_manager_acted_unasked'),
        '/usr/lib/systemd/systemd',
        `${UNITS}/multi-user.target.wants/w12.service`,
      ],
      [names.get('persistence_rc_local_created'), '/usr/bin/mv', '/etc/rc.local'],
    ]);
  });

  it('has a row for every rule', () => {
    const tried = new Set(['persistence_systemd_manager_acted_unasked', ...ROWS.map(([rule]) => rule)]);
    expect([...tried].sort()).toEqual([...names.keys()].sort());
  });
});

/**
 * A run of its own, as systemctl is never far from a service; with a /proc of the pids that the sensor sees: who runs already, as
 * systemd does, is looked up there (bed.ts). It ends with the bed.
 */
function startUnnested(leader: number, command: string): void {
  const inside = `mount -t proc proc /proc && exec nsenter --pid=/proc/${leader}/ns/pid -- sh -c '${command}'`;
  const enter = ['-t', `${leader}`, '-m', '-u', '-i', '-n', '-r', '-w', '--', 'unshare', '-m', 'sh', '-c', inside];
  spawn('nsenter', enter, { stdio: 'ignore', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
}

function namesByFile(): Map<string, string> {
  const files = globSync(`${RULES}/*.toml`);
  return new Map(
    files.map((file) => [basename(file, '.toml'), /^name = "(.*)"$/m.exec(readFileSync(file, 'utf8'))![1]!]),
  );
}

/** Each command by a shell of its own, which has it from a file: not among its arguments. */
function scriptOf(who: 'root' | 'alice'): string {
  const own = ROWS.filter(([, by]) => by === who);
  return own
    .map(([, , command], at) => `cp /bin/dash ~/p${at}\necho '${command}\ntrue' > ~/s${at}\n~/p${at} ~/s${at}\n`)
    .join('');
}

function signOf({ file, process }: Told): string | undefined {
  return file?.path ?? process.args?.at(-1);
}

/** Those of the bed: the sensor sees the host below it too, and other beds. */
function parse(text: string): Told[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Told).filter(({ forebear }) => forebear.host_namespace.pid);
}
