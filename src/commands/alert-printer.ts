// The alerts of a live run on stdout, without waiting for its reader and without a bound on the reader's patience: at most
// MOST_WAITING lines wait to be taken. What comes beyond is not printed (it is in the journal), counted, and said once the
// reader takes again. Used by commands/agent.ts.

import type { Alert } from '../detect/alert.ts';
import type { Io } from './command.ts';

export const MOST_WAITING = 1000;

export interface AlertPrinterOptions {
  io: Pick<Io, 'out' | 'drained'>;
  /** out: what is printed of an alert, without its line end. */
  format: (alert: Alert) => string;
  /** Tells the reader what is missing, one line without its end. */
  say: (line: string) => void;
}

export class AlertPrinter {
  readonly #options: AlertPrinterOptions;
  /** Lines handed to io that its reader may not have taken yet. */
  #waiting = 0;
  #waits = false;
  #missing: { count: number; firstSeq: number } | undefined;

  constructor(options: AlertPrinterOptions) {
    this.#options = options;
  }

  /** Throws what format throws. */
  print(alert: Alert, seq: number): void {
    if (this.#waiting >= MOST_WAITING) {
      this.#missing ??= { count: 0, firstSeq: seq };
      this.#missing.count++;
      return;
    }
    this.#options.io.out(`${this.#options.format(alert)}\n`);
    this.#waiting++;
    if (!this.#waits) void this.#untilTaken();
  }

  /** Says what has not been printed and not been told of, if anything. For the end of the run. */
  sayMissing(): void {
    if (this.#missing === undefined) return;
    const { count, firstSeq } = this.#missing;
    this.#missing = undefined;
    const alerts = count === 1 ? '1 alert was' : `${count} alerts were`;
    this.#options.say(
      `${alerts} not printed, as the reader of the output did not take them; see forebear tail --from ${firstSeq}`,
    );
  }

  async #untilTaken(): Promise<void> {
    this.#waits = true;
    while (this.#waiting > 0) {
      const offered = this.#waiting;
      await this.#options.io.drained?.();
      this.#waiting -= offered;
      this.sayMissing();
    }
    this.#waits = false;
  }
}
