// Command line -> one command -> exit status: the outside of commands/program.ts, and the only process.exit.
// A reader of stdout that has gone (EPIPE) ends the command quietly; SIGINT and SIGTERM ask it to stop, a second one kills.

import type { Io } from './commands/command.ts';
import { formatError } from './commands/error-output.ts';
import { runProgram, wantsJson } from './commands/program.ts';

const args = process.argv.slice(2);
const stopping = new AbortController();
let outputFault: Error | undefined;

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
  drained,
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') outputFault ??= error;
  stopping.abort();
});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  io.err(formatError(error, wantsJson(args)));
  process.exit(2);
});

const status = await runProgram(args, io);
await drained();
if (outputFault !== undefined) io.err(formatError(outputFault, wantsJson(args)));
process.exit(outputFault === undefined ? status : 2);

/** Resolves when stdout has been taken by its reader, or cannot be any more. */
function drained(): Promise<void> {
  if (!process.stdout.writable || process.stdout.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => process.stdout.write('', () => resolve()));
}
