// Real programs as children of a test: certificates by openssl, a free port, a start that waits until it takes connections,
// an end by pid. A program that is missing is a reason to skip, which startOrSkip's callers give.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const START_MS = 10_000;

/** Why a test that needs these programs cannot run here; undefined: all are there. */
export function missing(...programs: string[]): string | undefined {
  const absent = programs.filter((program) => {
    try {
      execFileSync('/bin/sh', ['-c', `command -v ${program}`], { env: { PATH }, stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return absent.length === 0 ? undefined : `${absent.join(', ')} not installed (scripts/setup --test)`;
}

export interface Scratch {
  path: string;
  file(name: string, text?: string): string;
  read(name: string): string;
  [Symbol.dispose](): void;
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'forebear-real-'));
  return {
    path,
    file(name, text) {
      const file = join(path, name);
      if (text !== undefined) writeFileSync(file, text);
      return file;
    },
    read: (name) => readFileSync(join(path, name), 'utf8'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** ca.crt; NAME.crt and NAME.key of server, client, expired; stranger is another authority's. All for localhost, 127.0.0.1. */
export function makeCertificates(directory: string): void {
  const script = `set -eu
    key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    ca() { openssl req -x509 $key -days 30 -keyout "$1.key" -out "$1.crt" -subj "/CN=forebear $1"; }
    leaf() {
      openssl req $key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
      openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.crt" -days "$3" -extfile extensions
    }
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' > extensions
    ca ca; ca other
    leaf server ca 30; leaf client ca 30; leaf expired ca -1; leaf stranger other 30`;
  execFileSync('/bin/sh', ['-c', script], { cwd: directory, env: { PATH }, stdio: 'pipe' });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

interface Start {
  cwd?: string;
  /** How long it may take until it listens. */
  limitMs?: number;
}

export class Program {
  readonly #child: ChildProcess;
  #said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#said = `${this.#said}${chunk}`.slice(-4000);
    });
  }

  /** Starts a program in the foreground; resolves when the port takes connections. Rejects with what it said. */
  static async start(
    command: string,
    args: readonly string[],
    port: number,
    { cwd, limitMs }: Start = {},
  ): Promise<Program> {
    const child = spawn(command, args, { env: { ...process.env, PATH }, stdio: ['ignore', 'ignore', 'pipe'], cwd });
    const program = new Program(child);
    const ended = once(child, 'exit').then(() => {
      throw new Error(`${command} ended: ${program.#said}`);
    });
    ended.catch(() => {});
    try {
      await Promise.race([listening(port, Date.now() + (limitMs ?? START_MS)), ended]);
      return program;
    } catch (error) {
      await program.stop('SIGKILL');
      throw error;
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}

async function listening(port: number, untilMs: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    const taken = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (taken) return;
    if (Date.now() > untilMs) throw new Error(`nothing listens on ${port}`);
    await pause(20);
  }
}

/** Asks again until it holds; the deadline is ten times what is expected. */
export async function eventually<T>(ask: () => T | undefined, what: string, withinMs = 10_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const found = ask();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(20);
  }
}
