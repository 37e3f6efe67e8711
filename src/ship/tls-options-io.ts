// The TLS settings of an output as node:tls takes them. Verification is never off: a fingerprint comes on top of the chain
// (a self-signed certificate is its own ca_file). Called by the transports for each new connection.

import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type { TlsSettings } from '../config/outputs.ts';
import { ForebearError } from '../errors.ts';
import { readKeyFile } from './key-files-io.ts';

/** in: settings; out: options for tls.connect. Throws FB_SHIP_KEY. */
export function tlsOptions(settings: TlsSettings): ConnectionOptions {
  const { ca_file, cert_file, key_file, server_name, fingerprint } = settings;
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca_file !== null && { ca: readPem(ca_file) }),
    ...(cert_file !== null && { cert: readPem(cert_file) }),
    ...(key_file !== null && { key: readPem(key_file) }),
    ...(server_name !== null && { servername: server_name }),
    ...(fingerprint !== null && { checkServerIdentity: pinned(fingerprint) }),
  };
}

/** OpenSSL would not say which file it means, and takes an authority's that is none for no authority. */
function readPem(reference: string): Buffer {
  const bytes = readKeyFile(reference);
  if (bytes.includes('-----BEGIN ')) return bytes;
  throw new ForebearError('FB_SHIP_KEY', `cannot use ${reference}: it is not PEM (-----BEGIN ...)`);
}

/** The files that tlsOptions reads: for stampOf. */
export function tlsFiles({ ca_file, cert_file, key_file }: TlsSettings): (string | null)[] {
  return [ca_file, cert_file, key_file];
}

function pinned(fingerprint: string) {
  const wanted = plain(fingerprint);
  return (host: string, certificate: PeerCertificate): Error | undefined => {
    const fault = checkServerIdentity(host, certificate);
    if (fault !== undefined || plain(certificate.fingerprint256) === wanted) return fault;
    const error = new Error(`the server's certificate has the fingerprint ${certificate.fingerprint256}`);
    return Object.assign(error, { code: 'ERR_TLS_CERT_FINGERPRINT' });
  };
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}
