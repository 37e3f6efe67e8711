// The sockets that kafkajs gets from us: TLS as every output has it, answers bounded, all of them closed at once when the
// producer is given up (kafkajs itself would wait for answers). Called by kafka-producer-io.ts.

import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ISocketFactoryArgs } from 'kafkajs';
import { ForebearError } from '../../errors.ts';
import { MAX_ANSWER } from '../transport.ts';

export class KafkaSockets {
  readonly #tls: ConnectionOptions | undefined;
  readonly #open = new Set<Socket>();
  #isClosed = false;

  /** in: options for TLS; undefined: none. */
  constructor(tls: ConnectionOptions | undefined) {
    this.#tls = tls;
  }

  readonly connect = ({ host, port, onConnect }: ISocketFactoryArgs): Socket => {
    if (this.#isClosed) throw new ForebearError('FB_SHIP_CLOSED', 'the producer was given up');
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket =
      this.#tls === undefined
        ? connectPlain({ host, port }, onConnect)
        : connectTls({ host, port, ...name, ...this.#tls }, onConnect);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    socket.setKeepAlive(true, 30_000);
    guard(socket);
    return socket;
  };

  /** An error each: of a socket that merely closes kafkajs takes no notice. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) {
      socket.destroy(new ForebearError('FB_SHIP_CLOSED', 'the producer was given up'));
    }
  }
}

/** kafkajs collects up to 2 GiB of an answer, and throws out of its listener, past everybody, what is no answer. */
function guard(socket: Socket): void {
  const listen = socket.on.bind(socket) as (event: string, listener: (chunk: Buffer) => void) => Socket;
  const check = lengths();
  socket.on = ((event: string, listener: (chunk: Buffer) => void) =>
    listen(event, event === 'data' ? guarded(socket, check, listener) : listener)) as Socket['on'];
}

function guarded(socket: Socket, check: (chunk: Buffer) => void, listener: (chunk: Buffer) => void) {
  return (chunk: Buffer): void => {
    if (socket.destroyed) return;
    try {
      check(chunk);
      listener(chunk);
    } catch (cause) {
      socket.destroy(
        cause instanceof ForebearError ? cause : new ForebearError('FB_SHIP_ANSWER', 'no answer of Kafka', { cause }),
      );
    }
  };
}

/** Follows a stream of answers: a length of four bytes, so many bytes. Throws where one is longer than any that is expected. */
function lengths(): (chunk: Buffer) => void {
  const head = Buffer.alloc(4);
  let headBytes = 0;
  let bodyBytes = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (bodyBytes > 0) {
        const taken = Math.min(bodyBytes, chunk.length - at);
        bodyBytes -= taken;
        at += taken;
        continue;
      }
      head[headBytes++] = chunk[at++]!;
      if (headBytes < 4) continue;
      headBytes = 0;
      bodyBytes = head.readUInt32BE(0);
      if (bodyBytes > MAX_ANSWER) {
        throw new ForebearError('FB_SHIP_ANSWER_SIZE', `the answer has more than ${MAX_ANSWER} bytes`);
      }
    }
  };
}
