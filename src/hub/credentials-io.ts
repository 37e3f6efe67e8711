// Credentials of hosts: a token is bound to one host id, and only its SHA-256 is kept. A host that was revoked is refused
// whatever it shows, a certificate included, until it is enrolled again. Called by the endpoint and by hub enrol and revoke.

import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inTransaction } from './database-io.ts';

const TOKEN = /^fbh_[A-Za-z0-9_-]{43}$/;

/** in: may be made by anybody; a token is 256 random bits, so a plain hash of it can be looked up. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export class Credentials {
  readonly #sql: DatabaseSync;
  readonly #hostOf: StatementSync;
  readonly #isRevoked: StatementSync;

  constructor(sql: DatabaseSync) {
    this.#sql = sql;
    this.#hostOf = sql.prepare('SELECT host_id FROM tokens WHERE hash = ?');
    this.#isRevoked = sql.prepare('SELECT 1 FROM revoked WHERE host_id = ?');
  }

  /** The host that a token is bound to; undefined: no such token. */
  hostOf(token: string): string | undefined {
    if (!TOKEN.test(token)) return undefined;
    return (this.#hostOf.get(hashOf(token)) as { host_id: string } | undefined)?.host_id;
  }

  isRevoked(hostId: string): boolean {
    return this.#isRevoked.get(hostId) !== undefined;
  }

  /** A new token, told once. replace: the host's others are good no more. */
  enrol(hostId: string, nowMs: number, replace: boolean): string {
    const token = `fbh_${randomBytes(32).toString('base64url')}`;
    inTransaction(this.#sql, () => {
      if (replace) this.#sql.prepare('DELETE FROM tokens WHERE host_id = ?').run(hostId);
      this.#sql.prepare('DELETE FROM revoked WHERE host_id = ?').run(hostId);
      this.#sql.prepare('INSERT INTO tokens VALUES (?, ?, ?)').run(hashOf(token), hostId, nowMs);
    });
    return token;
  }

  /** out: how many tokens it had; whether it has ever been heard of. */
  revoke(hostId: string, nowMs: number): { tokens: number; known: boolean } {
    return inTransaction(this.#sql, () => {
      const { changes } = this.#sql.prepare('DELETE FROM tokens WHERE host_id = ?').run(hostId);
      this.#sql.prepare('INSERT OR REPLACE INTO revoked VALUES (?, ?)').run(hostId, nowMs);
      const known = this.#sql.prepare('SELECT 1 FROM hosts WHERE host_id = ?').get(hostId) !== undefined;
      return { tokens: Number(changes), known };
    });
  }
}
