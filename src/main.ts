// Command line -> one command -> exit status: the outside of commands/program.ts, and the only process.exit.
// A reader of stdout that has gone (EPIPE) ends the command quietly. SIGHUP asks a service to load anew, SIGINT and SIGTERM ask to
// stop; one that comes a while later kills (not at once: under `npm start` one Ctrl-C arrives twice, from the terminal and from npm).
// A reader that hangs (a stopped terminal, a paused pager) keeps nobody from stopping: what it has not taken is left behind.

import { setTimeout } from 'node:timers/promises';
import type { ExitStatus, Io } from './commands/command.ts';
import { formatError } from './commands/error-output.ts';
import { runProgram, wantsJson } from './commands/program.ts';

const args = process.argv.slice(2);
const stopping = new AbortController();
let outputFault: Error | undefined;
/** So long after it was told to stop, a command that has ended waits for the reader of stdout. */
const PATIENCE_MS = 2000;
/** A signal so long after the first is a person who wants it to end at once. */
const IMPATIENT_MS = 1000;
let stoppedAtMs: number | undefined;
/** A service manager waits for it to be ready (manager-io.ts takes that out of the environment). */
let starting = process.env.NOTIFY_SOCKET !== undefined;
/** EX_CONFIG of sysexits.h. The units of systemd/ take longer to try again: it would mostly fail as this time. */
const START_FAILED = 78;
const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;

const io: Io = {
  out: (text) => void (process.stdout.writable && process.stdout.write(text)),
  err: (text) => void (process.stderr.writable && process.stderr.write(text)),
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  get columns() {
    return process.stdout.columns;
  },
  env: process.env,
  stdin: () => process.stdin,
  signal: stopping.signal,
  onReload: (listener) => void process.on('SIGHUP', atTerminal ? stop : listener),
  onReady: () => {
    starting = false;
  },
  drained,
};

writeWithoutBlocking(process.stdout);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') outputFault ??= error;
  stopping.abort();
});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  io.err(formatError(error, wantsJson(args)));
  exit(2);
});

const status = await runProgram(args, io);
await drained();
if (stopping.signal.aborted) await Promise.race([taken(), setTimeout(PATIENCE_MS)]);
if (outputFault !== undefined) io.err(formatError(outputFault, wantsJson(args)));
exit(outputFault === undefined ? status : 2);

function exit(status: ExitStatus): never {
  process.exit(status === 2 && starting ? START_FAILED : status);
}

function stop(signal: NodeJS.Signals): void {
  const nowMs = performance.now();
  stoppedAtMs ??= nowMs;
  stopping.abort();
  if (nowMs - stoppedAtMs < IMPATIENT_MS) return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Resolves when stdout has been taken by its reader, cannot be any more, or the command is to stop. */
function drained(): Promise<void> {
  const { signal } = stopping;
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    void taken().then(done);
  });
}

function taken(): Promise<void> {
  if (!process.stdout.writable || process.stdout.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => process.stdout.write('', () => resolve()));
}

/** Node makes writes to a terminal block: Ctrl-S would stop the agent. Pipes and sockets do not block, files never wait. */
function writeWithoutBlocking(stream: NodeJS.WriteStream): void {
  const { _handle } = stream as unknown as { _handle?: { setBlocking?(blocking: boolean): void } };
  if (stream.isTTY) _handle?.setBlocking?.(false);
}
