// The outside of a command, for tests: collects what is written; not a terminal unless told.

import type { Io } from '../../src/commands/command.ts';

export interface FakeIo extends Io {
  stdout(): string;
  stderr(): string;
  stop(): void;
}

export function fakeIo(part: Partial<Io> = {}): FakeIo {
  const out: string[] = [];
  const err: string[] = [];
  const controller = new AbortController();
  return {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    outIsTerminal: false,
    errIsTerminal: false,
    env: {},
    stdin: async function* () {},
    signal: controller.signal,
    stdout: () => out.join(''),
    stderr: () => err.join(''),
    stop: () => controller.abort(),
    ...part,
  };
}
