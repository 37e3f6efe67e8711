// How far a replay is: one line on stderr, on a terminal only, renewed twice a second, taken away before an alert is printed. In: what
// has been done so far; out: a line. Called by replay.ts and rules-test-baseline.ts.

import type { Io } from './command.ts';
import { escapeText } from './terminal.ts';

const EVERY_MS = 500;

export class ReplayProgress implements Disposable {
  readonly #io: Pick<Io, 'err' | 'errIsTerminal'>;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #isShown = false;

  /** text: asked for each time. */
  constructor(io: Pick<Io, 'err' | 'errIsTerminal'>, text: () => string) {
    this.#io = io;
    if (io.errIsTerminal) this.#timer = setInterval(() => this.#show(text()), EVERY_MS).unref();
  }

  clear(): void {
    if (this.#isShown) this.#io.err('\r\x1b[K');
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #show(text: string): void {
    this.#io.err(`\r\x1b[K${escapeText(text)}`);
    this.#isShown = true;
  }
}
