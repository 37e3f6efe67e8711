// What every command file shares: how it is registered, where it reads and writes, how it ends.
// Exit status (cli.md): 0 done / something found; 1 done, nothing found or faults found; 2 usage, configuration, run time.

import type { Command } from 'commander';

export type ExitStatus = 0 | 1 | 2;

/** The outside of a command; tests pass their own. */
export interface Io {
  /** Writes as it is: text for a person has been escaped by terminal.ts before. */
  out(text: string): void;
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Width of the terminal behind stdout, where there is one. */
  readonly columns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when the reader of stdout has taken what was written: for commands that print without bound. */
  drained?(): Promise<void>;
  stdin(): AsyncIterable<Uint8Array>;
  /** Aborted at SIGINT or SIGTERM, and when the reader of stdout has gone. */
  readonly signal: AbortSignal;
  /** Who is told of a SIGHUP: load anew what can be. At a terminal it says that the terminal has gone, and aborts the signal. */
  onReload?(listener: () => void): void;
  /** A service is all that it is for: what ends it from here on is no start that failed. */
  onReady?(): void;
}

/** Given by main: a command ends by calling it once; what a command throws becomes status 2 and an error message. */
export type Done = (status: ExitStatus) => void;

/** Each command file exports one of these and registers its command with help text and a working example. */
export type Register = (program: Command, io: Io, done: Done) => void;
