// Secrets and certificates of outputs: read when a connection is made, and again when they change, so that a renewed
// certificate or a rotated key needs no restart. A reference is a path, or credential:NAME for a file that systemd brings
// (LoadCredential=). Called by the transports.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';
import { readPlainFile } from './plain-file-io.ts';

const CREDENTIAL = /^credential:([A-Za-z0-9._-]{1,255})$/;
const MAX_BYTES = 1 << 20;

/** in: a reference; out: the file's bytes. Throws FB_SHIP_KEY: absent, unreadable, no plain file, empty, over 1 MiB. */
export function readKeyFile(reference: string): Buffer {
  const path = pathOf(reference);
  try {
    const bytes = readPlainFile(path, MAX_BYTES);
    if (bytes.length === 0) throw new Error('is empty');
    return bytes;
  } catch (cause) {
    throw new ForebearError('FB_SHIP_KEY', `cannot use ${reference}: ${plainReason(cause)}`, { cause });
  }
}

/** The secret that a file holds: its text without the newline at its end. Throws FB_SHIP_KEY. */
export function readSecret(reference: string): string {
  const secret = readKeyFile(reference).toString('utf8').trim();
  if (/^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new ForebearError('FB_SHIP_KEY', `cannot use ${reference}: it is not one line of printable characters`);
}

/** Changes when one of the files does. in: references, null where none is configured. Never throws. */
export function stampOf(references: readonly (string | null)[]): string {
  return references.map((reference) => (reference === null ? '' : fileStamp(reference))).join(' ');
}

function fileStamp(reference: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(pathOf(reference), { bigint: true });
    return `${ino}/${size}/${mtimeNs}`;
  } catch {
    return 'absent';
  }
}

function pathOf(reference: string): string {
  const name = CREDENTIAL.exec(reference)?.[1];
  if (name === undefined) return reference;
  const folder = process.env.CREDENTIALS_DIRECTORY;
  if (folder !== undefined) return join(folder, name);
  const hint = 'name a path to run without it; what "forebear enrol" made is set up again by enrol --replace';
  const message = `cannot use ${reference} here: systemd hands it to the service alone (LoadCredential=)`;
  throw new ForebearError('FB_SHIP_KEY', message, { hint });
}
