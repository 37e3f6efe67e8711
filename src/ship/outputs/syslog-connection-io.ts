// One connection to a syslog receiver: TLS or plain TCP, opened, written to, found broken. Called by syslog-io.ts. Whatever
// the receiver sends is read and thrown away; it has nothing to say.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { OutputOf } from '../../config/outputs.ts';
import { ForebearError } from '../../errors.ts';
import { tlsOptions } from '../tls-options-io.ts';

/**
 * Under TLS 1.3 the handshake is over for us before the server has judged our certificate. Its session ticket mostly comes
 * behind that; some servers (rsyslog) judge later still, and close.
 */
const TICKET_MS = 1000;
const GRACE_MS = 100;

export type SyslogSettings = Pick<
  OutputOf<'syslog'>,
  'address' | 'tls' | 'ca_file' | 'fingerprint' | 'cert_file' | 'key_file' | 'server_name'
>;

/** Resolves with a connection that may be written to. Rejects with the fault; FB_SHIP_NOT_ACCEPTED: closed at once. */
export async function openConnection(settings: SyslogSettings, signal: AbortSignal): Promise<Socket> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(settings.address) ?? [];
  const to = { host, port: Number(port) };
  const socket = settings.tls ? connectTls({ ...to, ...tlsOptions(settings) }) : connectPlain(to);
  // Faults between two writes are found by the next.
  socket.on('error', () => {}).resume();
  socket.setNoDelay(true).setKeepAlive(true, 30_000);
  try {
    await until(socket, signal, (resolve) => socket.once(settings.tls ? 'secureConnect' : 'connect', resolve));
    if (socket instanceof TLSSocket && socket.getProtocol() === 'TLSv1.3') await accepted(socket, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Resolves when the system has taken all of it; what it does then nobody is told. */
export function write(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return until(socket, signal, (resolve, reject) => {
    socket.write(bytes, (error) => (error == null ? resolve() : reject(error)));
  });
}

async function accepted(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  try {
    await until(socket, signal, (resolve) => {
      socket.once('session', resolve);
      setTimeout(resolve, TICKET_MS).unref();
    });
    await until(socket, signal, (resolve) => setTimeout(resolve, GRACE_MS));
  } catch (cause) {
    if (signal.aborted || /^ERR_SSL_/.test(String((cause as { code?: unknown }).code))) throw cause;
    const message = 'the receiver closed the connection right after the handshake: does it accept our certificate?';
    throw new ForebearError('FB_SHIP_NOT_ACCEPTED', message, { cause });
  }
}

/** Waits for what `begin` starts, no longer than the connection and the signal live. */
function until(
  socket: Socket,
  signal: AbortSignal,
  begin: (resolve: () => void, reject: (error: Error) => void) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const closed = () => reject(new ForebearError('FB_SHIP_CLOSED', 'the receiver closed the connection'));
  const aborted = () => reject(new ForebearError('FB_SHIP_TIMEOUT', 'not done within the time allowed'));
  socket.once('error', reject).once('close', closed);
  signal.addEventListener('abort', aborted, { once: true });
  if (signal.aborted) aborted();
  else if (socket.closed) closed();
  else begin(resolve, reject);
  return promise.finally(() => {
    socket.off('error', reject).off('close', closed);
    signal.removeEventListener('abort', aborted);
  });
}
