// Makes rules/baseline/bed.fbrec: a Debian of the test bed at its daily work, recorded on this kernel: two boots, packages installed,
// reinstalled, removed and purged, ssh logins, cron, logrotate, compiling, editors, users. Run by scripts/baseline, as root. What
// "forebear record" wrote is then cut down to the bed's own processes, and told as the bed would tell it: its systemd is pid 1, its
// names, its namespaces; no variable has a value. Nothing of the machine that made it is left in it (assertOnlyTheBed). No unit is made by
// hand: that is what rules are to tell of.

import { spawn } from 'node:child_process';

import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RecordedBed } from './baseline-records.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const TOP = resolve(import.meta.dirname, '../..');
const PACKAGES = 'nginx-light gcc libc6-dev make vim-tiny nano openssh-client rsyslog';

/** As alice in a session of sshd, with a terminal where `tty`. */
const asAlice = (command: string, tty = true) =>
  `ssh ${tty ? '-tt' : ''} -o StrictHostKeyChecking=no -i /root/key alice@127.0.0.1 ${quoted(command)}`;

const WORK: readonly (readonly [what: string, command: string])[] = [
  ['a login', asAlice('bash -lic "id; w; ls -l /; ps aux; cat /etc/os-release; df -h; exit"')],
  ['packages installed', asAlice(`sudo apt-get install -y --no-install-recommends ${PACKAGES}`)],
  [
    'services looked after',
    asAlice('sudo systemctl status cron; sudo systemctl restart cron; systemctl list-units; journalctl -n 5'),
  ],
  [
    'a service switched off and on',
    asAlice('sudo systemctl disable --now nginx; sudo systemctl enable --now nginx; sudo systemctl reload nginx'),
  ],
  [
    'a program made',
    asAlice(
      `mkdir -p hello && cd hello && printf 'int main(void) { return 0; }\\n' > main.c && printf 'main: main.c\\n\\tcc -O2 -o main main.c\\nclean:\\n\\trm -f main\\n' > Makefile && make && ./main && make clean && tar czf ../hello.tgz . && rm -rf ../hello`,
    ),
  ],
  [
    'a text edited',
    asAlice(
      `TERM=xterm vi -c 'normal ihello' -c wq note.txt; cat note.txt; EDITOR=true sudo -e /etc/motd; sudoedit -n /etc/motd < /dev/null; grep -c hello note.txt`,
    ),
  ],
  ['a crontab', asAlice(`printf '* * * * * /usr/bin/touch /tmp/cron-was-here && date\\n' | crontab -; crontab -l`)],
  [
    'users',
    asAlice(
      'sudo useradd -m bob; echo bob:x | sudo chpasswd; sudo usermod -aG sudo bob; sudo userdel -r bob; getent passwd alice',
    ),
  ],
  ['a command over ssh', asAlice('cat /etc/passwd', false)],
  ['a file brought', `scp -o StrictHostKeyChecking=no -i /root/key /etc/passwd alice@127.0.0.1:/tmp/copy`],
  [
    'packages again',
    asAlice(
      'sudo apt-get install -y --reinstall nginx-light cron; sudo apt-get -y upgrade; sudo dpkg-reconfigure -f noninteractive rsyslog',
    ),
  ],
  ['logs turned over', 'systemctl start logrotate.service; logrotate -f /etc/logrotate.conf'],
  ['daily work', 'run-parts /etc/cron.daily; systemctl start dpkg-db-backup.service e2scrub_all.service; true'],
  [
    'cron at the full minute',
    'for i in $(seq 70); do [ -e /tmp/cron-was-here ] && break; sleep 1; done; test -e /tmp/cron-was-here',
  ],
  [
    'packages removed',
    asAlice(
      'sudo apt-get remove -y nginx-light; sudo apt-get purge -y nginx-light rsyslog; sudo apt-get autoremove -y',
    ),
  ],
  ['a login that leaves something running', asAlice('nohup sleep 2 > /dev/null 2>&1 & exit', false)],
];

const HANDS = `mkfifo -m 600 /run/bed-ask /run/bed-done
while read -r _ < /run/bed-ask; do
  sh /run/bed-command > /run/bed-out 2>&1 < /dev/null
  echo $? > /run/bed-done
done
`;
const HANDS_UNIT = `[Service]
ExecStart=/bin/sh /usr/local/sbin/hands
[Install]
WantedBy=multi-user.target
`;

const why = whyNoBed();
if (why !== undefined) throw new Error(why);
const folder = mkdtempSync(join(tmpdir(), 'forebear-baseline-'));
const bed = await startBed();
try {
  await prepare(bed);
  await bed.stop();
  const recorded = await record(join(folder, 'all.fbrec'), () => dailyWork(bed));
  const target = join(TOP, 'rules/baseline/bed.fbrec');
  rmSync(target, { force: true });
  const result = new RecordedBed(recorded).write(target);
  chmodSync(target, 0o644);
  assertOnlyTheBed(target, result.facts);
  console.log(`${target}: ${result.records} records of ${result.seen}, ${readFileSync(target).length} bytes`);
} finally {
  await bed.remove();
  rmSync(folder, { recursive: true, force: true });
}

/** Fetched before it is recorded, so that nothing in the recording names a server. */
async function prepare(bed: Bed): Promise<void> {
  const apt = { outside: true, timeoutMs: 300_000 };
  await bed.ask('apt-get -q update', apt);
  await bed.ask(`DEBIAN_FRONTEND=noninteractive apt-get -q install -d -y --no-install-recommends ${PACKAGES}`, apt);
  await bed.ask('DEBIAN_FRONTEND=noninteractive apt-get -q install -d -y --reinstall cron', apt);
  await bed.ask('DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends openssh-client', apt);
  await bed.ask(`ssh-keygen -q -t ed25519 -N '' -f /root/key && install -d -o alice -g alice -m 700 /home/alice/.ssh`);
  await bed.ask('install -o alice -g alice -m 600 /root/key.pub /home/alice/.ssh/authorized_keys');
  await bed.ask(
    `echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/alice && echo 'Defaults !requiretty' >> /etc/sudoers.d/alice`,
  );
  await bed.ask('cat > /usr/local/sbin/hands', { input: HANDS });
  await bed.ask('cat > /etc/systemd/system/hands.service && systemctl enable hands.service', { input: HANDS_UNIT });
  await bed.ask(`echo 'Acquire::Retries "0";' > /etc/apt/apt.conf.d/90bed`);
}

/** By a service of the bed: what asks it is no process of the bed, and is not recorded. */
async function inBed(bed: Bed, command: string): Promise<{ status: string; out: string }> {
  await bed.until('test -p /run/bed-done');
  const status = await bed.ask('cat > /run/bed-command; echo > /run/bed-ask; cat /run/bed-done', {
    timeoutMs: 240_000,
    input: command,
  });
  return { status, out: await bed.ask('cat /run/bed-out') };
}

async function dailyWork(bed: Bed): Promise<RecordedBed['source']['beds']> {
  const beds = [];
  await bed.boot();
  beds.push({ leader: bed.leader });
  for (const [what, command] of WORK) {
    const { status, out } = await inBed(bed, command);
    console.log(status === '0' ? `done   ${what}` : `ended with ${status}: ${what} ${out.slice(-300)}`);
  }
  const users = await bed.ask('getent passwd');
  const groups = await bed.ask('getent group');
  const os = await bed.ask('. /etc/os-release; echo "$PRETTY_NAME|$NAME|$VERSION_ID|$ID"');
  await bed.reboot();
  beds.push({ leader: bed.leader });
  await inBed(bed, asAlice('bash -lic "uptime; exit"'));
  await bed.stop();
  return beds.map((each) => ({ ...each, users, groups, os }));
}

async function record(
  file: string,
  work: () => Promise<RecordedBed['source']['beds']>,
): Promise<RecordedBed['source']> {
  const args = ['record', '--redact', 'env', '--events', 'all', '--max', '1GiB', file];
  const recorder = spawn(join(TOP, 'bin/forebear'), args, { stdio: ['ignore', 'inherit', 'pipe'] });
  const ready = Promise.withResolvers<void>();
  recorder.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('recording to')) ready.resolve();
    else process.stderr.write(text);
  });
  const ended = new Promise<number | null>((done) => recorder.on('close', done));
  void ended.then((status) => ready.reject(new Error(`record ended with ${status}`)));
  await ready.promise;
  const beds = await work().finally(() => recorder.kill('SIGINT'));
  const status = await ended;
  if (status !== 0) throw new Error(`record ended with ${status}`);
  return { file, beds };
}

/** Of the frames as they are before they are packed. */
function assertOnlyTheBed(target: string, facts: Uint8Array): void {
  const text = Buffer.from(facts).toString('latin1');
  const names = [hostname(), process.env.HOSTNAME ?? hostname()].filter((name) => name !== 'bed');
  const whole = names.find((name) => new RegExp(`(?<![\\w.-])${name.replace(/\W/g, '\\$&')}(?![\\w.-])`).test(text));
  const found = whole ?? [TOP, '/work/', '://'].find((part) => text.includes(part));
  if (found !== undefined) throw new Error(`${target} holds ${found}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
