// A real sshd (Debian's openssh-server) on loopback with a key of its own and a throw-away user, for tests as root.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SshResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Sshd {
  readonly user: string;
  readonly uid: number;
  readonly pid: number;
  /** A folder that the user may enter and write. */
  readonly folder: string;
  /** The file that it was started with, for another one on the same keys. */
  readonly configuration: string;
  /** Runs a command line through the user's login shell; with tty as in an interactive session. */
  run(commandLine: string, options?: { tty?: boolean; stdin?: string }): SshResult;
  /** The same, without waiting: ends by itself, or when it is killed. */
  open(commandLine: string, options?: { tty?: boolean; port?: number }): ChildProcess;
  stop(): Promise<void>;
}

/** Why a real sshd session cannot be had here; undefined when it can. */
export function whyNoSshd(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to start sshd and to add a user';
  for (const program of ['/usr/sbin/sshd', '/usr/bin/ssh', '/usr/sbin/useradd', '/usr/bin/systemctl']) {
    if (!existsSync(program)) return `${program} is missing (scripts/setup --test installs openssh-server)`;
  }
  return undefined;
}

/**
 * Starts sshd with a fresh user.
 * in: groups the user joins beside its own; out: the running server; throws when it does not answer within 10 s.
 */
export async function startSshd(groups: readonly string[] = []): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'fb-sshd-'));
  execFileSync('chmod', ['755', folder]);
  const user = `fbt${process.pid}`;
  addUser(user, folder, groups);
  const port = await freePort();
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', writeConfiguration(folder, port)], { stdio: 'ignore' });
  await answering(port, child);
  const uid = Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }));
  return {
    user,
    uid,
    pid: child.pid!,
    folder: join(folder, 'home'),
    configuration: join(folder, 'sshd_config'),
    run: (commandLine, { tty = false, stdin } = {}) => runSsh(sshArgs({ folder, port, user, tty }), commandLine, stdin),
    open: (commandLine, { tty = false, port: other = port } = {}) =>
      // A standard input that stays open: its end would be the end of what runs on a terminal.
      spawn('/usr/bin/ssh', [...sshArgs({ folder, port: other, user, tty }), commandLine], {
        stdio: ['pipe', 'ignore', 'ignore'],
      }),
    stop: () => stop(child, user, folder),
  };
}

function addUser(user: string, folder: string, groups: readonly string[]): void {
  const more = groups.length > 0 ? ['--groups', groups.join(',')] : [];
  // An account without a password counts as locked for sshd; `*` is "no password login" without the lock.
  execFileSync('/usr/sbin/useradd', [
    '--create-home',
    '--home-dir',
    join(folder, 'home'),
    '--shell',
    '/bin/bash',
    '--password',
    '*',
    ...more,
    user,
  ]);
}

function writeConfiguration(folder: string, port: number): string {
  mkdirSync('/run/sshd', { recursive: true });
  for (const key of ['host', 'client']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  execFileSync('cp', [join(folder, 'client.pub'), join(folder, 'authorized_keys')]);
  const file = join(folder, 'sshd_config');
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'PidFile none',
    'UsePAM no',
    'MaxStartups 100',
    'StrictModes no',
    'PasswordAuthentication no',
    'PrintMotd no',
    'PrintLastLog no',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

interface Login {
  folder: string;
  port: number;
  user: string;
  tty: boolean;
}

function sshArgs({ folder, port, user, tty }: Login): string[] {
  const settings = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'BatchMode=yes',
    'ConnectTimeout=10',
  ].flatMap((setting) => ['-o', setting]);
  const key = ['-i', join(folder, 'client')];
  return [tty ? '-tt' : '-T', ...settings, '-F', '/dev/null', ...key, '-p', String(port), `${user}@127.0.0.1`];
}

/** stdin: what the shell reads in place of a command line. */
function runSsh(args: readonly string[], commandLine: string, stdin: string | undefined): SshResult {
  const all = stdin === undefined ? [...args, commandLine] : args;
  const { status, stdout, stderr } = spawnSync('/usr/bin/ssh', all, {
    encoding: 'utf8',
    input: stdin ?? '',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`);
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('sshd does not answer');
}

async function stop(child: ChildProcess, user: string, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  spawnSync('/usr/sbin/userdel', [user]);
  rmSync(folder, { recursive: true, force: true });
}
