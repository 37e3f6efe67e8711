// The entry leader of real sessions on this machine's own kernel: while they last, after the login shell has left, and after
// what watches them was restarted. Every program of interest is a copy of true with a marker; the table says type@leader.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyNoSensor } from './agent-process.ts';
import { ROWS, type Row } from './entry-leader-rows.ts';
import { SessionWatch } from './session-watch.ts';
import { freePort, type Sshd, startSshd, whyNoSshd } from './sshd.ts';

const missing = whyNoSensor() ?? whyNoSshd();
const PROGRAM = 'fb-marked';
const MARKER = `fbel${process.pid}`;
const rows = ROWS.map((row, i) => ({ ...row, id: `${MARKER}.${i}`, lacks: missing ?? whyNot(row) }));
type NumberedRow = (typeof rows)[number];

let sshd: Sshd;
let folder: string;
let before: SessionWatch;
let after: SessionWatch;
/** Of the logins that do not stay. */
const ends: Promise<unknown>[] = [];
const SUDOERS = '/etc/sudoers.d/fb-entry-leader';
const CRON = { flag: '/run/crond.reboot', pid: '/run/crond.pid' };

/** Programs that are not there, daemons of the host that would be in the way, devices that cannot be opened. */
function whyNot({ needs = [], alone = [] }: Row): string | undefined {
  const absent = needs.find((path) => !(path.startsWith('/dev/') ? opens(path) : existsSync(path)));
  if (absent !== undefined)
    return `${absent} is not there, or cannot be opened (scripts/setup --test installs what Debian has)`;
  const running = alone.find((name) => spawnSync('pgrep', ['-x', name]).status === 0);
  return running === undefined ? undefined : `the host runs a ${running} of its own`;
}

function opens(device: string): boolean {
  try {
    closeSync(openSync(device, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

/** @LABEL: a marked program. @until-GATE: waits for open(GATE). $DIR, $USER as they are. */
function textOf(row: NumberedRow): string {
  return row.text
    .replaceAll('@until-', `${folder}/wait `)
    .replaceAll(/@([a-z]+)/g, `${folder}/${PROGRAM} ${row.id}.$1`)
    .replaceAll('$DIR', folder)
    .replaceAll('$USER', sshd.user);
}

function open(gate: string): void {
  writeFileSync(join(folder, gate), '');
}

function prepare(): void {
  folder = sshd.folder;
  const copies = {
    [PROGRAM]: 'true',
    runc: 'sh',
    conmon: 'sh',
    'containerd-shim': 'sh',
    login: 'sh',
    'containerd-shim-runc-v2': 'unshare',
  };
  for (const [name, of] of Object.entries(copies)) copyFileSync(`/usr/bin/${of}`, join(folder, name));
  const scripts = join(import.meta.dirname, 'entry-leader-scripts');
  for (const name of ['wait', 'subreaper', 'on-terminal', 'runc-bundle']) {
    copyFileSync(join(scripts, name), join(folder, name));
    chmodSync(join(folder, name), 0o755);
  }
  writeFileSync(SUDOERS, `${sshd.user} ALL=(ALL) NOPASSWD: ALL\nDefaults:${sshd.user} use_pty\n`, { mode: 0o440 });
}

/** A session of its own whose parent is pid 1: as a service is found that was there before. */
function startService(name: string, command: string): void {
  spawnSync('setsid', ['-f', 'sh', '-c', `echo $$ >${folder}/${name}.pid; exec ${command}`], { stdio: 'ignore' });
}

function stopServices(): void {
  for (const name of ['cron', 'atd', 'socket']) {
    const file = join(folder, `${name}.pid`);
    if (existsSync(file)) spawnSync('kill', [readFileSync(file, 'utf8').trim()]);
  }
}

async function startServices(): Promise<number> {
  const port = await freePort();
  const ofKind = (kind: Row['how']) => rows.find((row) => row.how === kind && row.lacks === undefined);
  const job = ofKind('cron');
  if (job !== undefined) {
    rmSync(CRON.flag, { force: true });
    spawnSync('crontab', ['-u', sshd.user, '-'], { input: `@reboot ${textOf(job)}\n` });
    startService('cron', '/usr/sbin/cron -f');
  }
  if (ofKind('at') !== undefined) startService('atd', '/usr/sbin/atd -f');
  if (ofKind('socket') === undefined) return port;
  const sshdInetd = `/usr/sbin/sshd -i -f ${sshd.configuration}`;
  startService('socket', `systemd-socket-activate --inetd -a -l 127.0.0.1:${port} ${sshdInetd}`);
  return port;
}

function begin(row: NumberedRow, port: number): void {
  const text = textOf(row);
  if (row.how === 'ssh' || row.how === 'pty' || row.how === 'socket') {
    const login = sshd.open(text, { tty: row.how === 'pty', ...(row.how === 'socket' ? { port } : {}) });
    if (!row.stays) ends.push(once(login, 'exit'));
  }
  if (row.how === 'at') spawnSync('at', ['now'], { input: `${text}\n` });
  if (row.how === 'here') spawn('/bin/sh', ['-c', text], { stdio: 'ignore' });
}

const markers = (label: string) =>
  rows.filter((row) => row.lacks === undefined && label in row.expect).map((row) => `${row.id}.${label}`);

beforeAll(async () => {
  if (missing !== undefined) return;
  sshd = await startSshd();
  prepare();
  const port = await startServices();
  before = new SessionWatch(PROGRAM, MARKER);
  await before.start();
  for (const row of rows) if (row.lacks === undefined) begin(row, port);
  open('in');
  await before.seen(markers('in'));
  open('leave');
  await Promise.all(ends);
  open('left');
  await before.seen(markers('left'));
  after = new SessionWatch(PROGRAM, MARKER);
  await after.start(await before.stop());
  open('again');
  await after.seen(markers('again'));
}, 120_000);

afterAll(async () => {
  if (sshd === undefined) return;
  for (const gate of ['in', 'leave', 'left', 'again']) open(gate);
  await before?.stop();
  await after?.stop();
  stopServices();
  for (const file of [SUDOERS, CRON.flag, CRON.pid]) rmSync(file, { force: true });
  spawnSync('crontab', ['-u', sshd.user, '-r']);
  await sshd.stop();
});

/** type@shell for the login shell of the row, else type@name. */
function answer(row: NumberedRow, label: string): string {
  const event = (label === 'again' ? after : before).event(`${row.id}.${label}`);
  const shell = before.event(`${row.id}.shell`)?.get('process.parent.pid');
  const leader = event?.get('process.entry_leader.pid');
  if (leader === undefined) return event === undefined ? 'not seen' : 'none';
  const name = leader === shell ? 'shell' : event?.get('process.entry_leader.name');
  return `${event?.get('process.entry_leader.entry_meta.type')}@${name}`;
}

describe('the entry leader of', () => {
  it.for(rows)('$name', (row, { skip }) => {
    if (row.lacks !== undefined) return skip(row.lacks);
    const labels = Object.keys(row.expect);
    expect(Object.fromEntries(labels.map((label) => [label, answer(row, label)]))).toEqual(row.expect);
    const evidence = before.event(`${row.id}.in`)?.get('forebear.entry_leader_evidence');
    if ('in' in row.expect) expect(evidence).toEqual(row.evidence);
  });

  it.for(rows.filter(({ expect: { again } }) => again !== undefined))(
    'after a restart as before: $name',
    (row, { skip }) => {
      if (row.lacks !== undefined) return skip(row.lacks);
      const earlier = ['in', 'left', 'shell']
        .map((label) => `${row.id}.${label}`)
        .find((marker) => before.event(marker));
      expect(after.leader(`${row.id}.again`)).toEqual(before.leader(earlier!));
    },
  );
});
