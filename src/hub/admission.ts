// Which connections the hub keeps when it has as many as it may: those that have shown a credential, and the newest of the others.
// Who has none can hold the door as little as he can enter. Pure; called by server-io.ts.

/** What of a socket is needed. */
export interface Connection {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export class Admission {
  readonly #most: number;
  /** Oldest first. */
  readonly #unproven = new Map<string, Connection>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** in: a new connection, and what names it while it lasts. */
  enter(name: string, connection: Connection): void {
    this.#count++;
    connection.once('close', () => {
      this.#count--;
      if (this.#unproven.get(name) === connection) this.#unproven.delete(name);
    });
    this.#unproven.set(name, connection);
    if (this.#count > this.#most) this.#leaveOldest();
  }

  /** It has shown a credential that is known. */
  prove(name: string): void {
    this.#unproven.delete(name);
  }

  /** Maybe the one that has just come, as all others are known. */
  #leaveOldest(): void {
    for (const [name, connection] of this.#unproven) {
      this.#unproven.delete(name);
      connection.destroy();
      return;
    }
  }
}
