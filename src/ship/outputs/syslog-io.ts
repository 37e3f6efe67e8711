// Alerts to a syslog receiver: RFC 5424 over TLS (RFC 5425) or plain TCP, octet-counted. Made from an [outputs.NAME] of type
// "syslog". Syslog knows no acknowledgement: "delivered" means that the system took the bytes on a connection that stood.
// What was under way when it broke is sent again (the uuid tells repetitions); what broke unseen behind it is lost.

import type { Socket } from 'node:net';
import type { OutputOf } from '../../config/outputs.ts';
import { stampOf } from '../key-files-io.ts';
import { type Answer, type Output, type Parcel, type Verdict, whole } from '../output.ts';
import { tlsFiles } from '../tls-options-io.ts';
import { readDocument } from './ecs-document.ts';
import { verdictOfFault } from './socket-fault.ts';
import { openConnection, type SyslogSettings, write } from './syslog-connection-io.ts';
import { syslogMessage } from './syslog-message.ts';

type Settings = SyslogSettings & Pick<OutputOf<'syslog'>, 'facility' | 'max_message_bytes' | 'timeout'>;

/** How long a receiver may take to end its side when we end: the system sends what is under way all the same. */
const CLOSE_MS = 2000;
const NO_JSON: Verdict = { is: 'rejected', reason: 'the document is no JSON object' };

export function syslogOutput(settings: Settings): Output {
  return new SyslogOutput(settings);
}

class SyslogOutput implements Output {
  readonly type = 'syslog';
  readonly #settings: Settings;
  #socket: Socket | undefined;
  /** Of the key files that the connection was made with. */
  #stamp = '';

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async send(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const frames = batch.map((parcel) => this.#frame(parcel));
    const verdict = await this.#write(Buffer.concat(frames.filter((frame) => frame !== undefined)), signal);
    if (!frames.includes(undefined)) return whole(verdict);
    return { of: 'items', verdicts: frames.map((frame) => (frame === undefined ? NO_JSON : verdict)) };
  }

  /** Its length in bytes, a blank, the message. undefined: the document is no JSON. */
  #frame(parcel: Parcel): Buffer | undefined {
    const document = readDocument(parcel);
    if (document === undefined) return undefined;
    const message = syslogMessage(parcel, document, this.#settings.facility, this.#settings.max_message_bytes);
    return Buffer.concat([Buffer.from(`${message.length} `), message]);
  }

  async #write(bytes: Buffer, signal: AbortSignal): Promise<Verdict & { is: 'delivered' | 'retry' | 'hold' }> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeout)]);
    try {
      await write(await this.#connection(bounded), bytes, bounded);
      return { is: 'delivered' };
    } catch (error) {
      // Half a message may be on it: nothing else can follow.
      this.#drop();
      return verdictOfFault(error);
    }
  }

  async #connection(signal: AbortSignal): Promise<Socket> {
    const stamp = this.#settings.tls ? stampOf(tlsFiles(this.#settings)) : '';
    // readable turns false as soon as the receiver ends its side: it will read no more.
    if (this.#socket?.readable === true && this.#socket.writable && stamp === this.#stamp) return this.#socket;
    this.#drop();
    const socket = await openConnection(this.#settings, signal);
    this.#socket = socket;
    this.#stamp = stamp;
    return socket;
  }

  #drop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Ends the connection in good order, so that the receiver reads what is under way. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined || socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
    socket.once('close', () => resolve()).end();
    await promise;
    clearTimeout(timer);
  }
}
