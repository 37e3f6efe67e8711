// A disk with a write cache that loses its power: an NBD server on a Unix socket, for qemu to give to a guest. What was written
// is cached until the guest flushes; at a power loss every sector in the cache survives or not, each by itself and at random, as
// a real disk may write them in any order. So a program that syncs too little loses here, and so does one whose file system
// does not flush. Protocol: NetworkBlockDevice/nbd doc/proto.md, fixed newstyle, simple replies.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

const SECTOR = 512;
const OPTION_MAGIC = Buffer.from('IHAVEOPT', 'latin1');
const OPTION_REPLY = 0x0003e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const [OPT_ABORT, OPT_INFO, OPT_GO] = [2, 6, 7];
const [REP_ACK, REP_INFO, REP_UNSUPPORTED] = [1, 3, 0x80000001];
const [READ, WRITE, DISCONNECT, FLUSH] = [0, 1, 2, 3];
/** Has flags, takes FLUSH, takes FUA. */
const EXPORT_FLAGS = 1 | 4 | 8;
const FUA = 1;
const EINVAL = 22;

export class VolatileDisk {
  readonly #durable: Buffer;
  /** Sector number -> its bytes. */
  readonly #cache = new Map<number, Buffer>();
  readonly #random: () => number;
  #server: Server | undefined;

  /** in: what is on it, a multiple of 512 bytes, changed in place; numbers in 0..1. */
  constructor(content: Buffer, random: () => number) {
    this.#durable = content;
    this.#random = random;
  }

  async listen(path: string): Promise<void> {
    const server = createServer((socket) => {
      serve(socket, this).catch(() => socket.destroy());
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  close(path: string): void {
    this.#server?.close();
    rmSync(path, { force: true });
  }

  get size(): number {
    return this.#durable.length;
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.from(this.#durable.subarray(offset, offset + length));
    for (let at = 0; at < length; at += SECTOR) this.#cache.get((offset + at) / SECTOR)?.copy(bytes, at);
    return bytes;
  }

  write(offset: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += SECTOR) {
      this.#cache.set((offset + at) / SECTOR, Buffer.from(bytes.subarray(at, at + SECTOR)));
    }
  }

  flush(): void {
    for (const [sector, bytes] of this.#cache) bytes.copy(this.#durable, sector * SECTOR);
    this.#cache.clear();
  }

  /** Write-through of one request: what else is cached stays there. */
  flushRange(offset: number, length: number): void {
    for (let at = offset; at < offset + length; at += SECTOR) {
      this.#cache.get(at / SECTOR)?.copy(this.#durable, at);
      this.#cache.delete(at / SECTOR);
    }
  }

  /** out: sectors that were in the cache, and those of them that did not survive. */
  losePower(): { cached: number; lost: number } {
    const cached = this.#cache.size;
    let lost = 0;
    for (const sector of this.#cache.keys()) {
      if (this.#random() < 0.5) continue;
      this.#cache.delete(sector);
      lost++;
    }
    this.flush();
    return { cached, lost };
  }
}

/** Bytes of a socket as they are asked for. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let parts: Buffer[] = [];
  let have = 0;
  return async (length) => {
    while (have < length) {
      const { value, done } = await chunks.next();
      if (done) throw new Error('the other side has gone');
      parts.push(value);
      have += value.length;
    }
    const all = Buffer.concat(parts);
    parts = [all.subarray(length)];
    have -= length;
    return all.subarray(0, length);
  };
}

async function serve(socket: Socket, disk: VolatileDisk): Promise<void> {
  socket.on('error', () => socket.destroy());
  const take = reader(socket);
  if (await negotiate(socket, take, disk.size)) await answerRequests(socket, take, disk);
  socket.end();
}

/** out: whether requests follow. */
async function negotiate(socket: Socket, take: (length: number) => Promise<Buffer>, size: number): Promise<boolean> {
  // Flags of the handshake: fixed newstyle, no 124 zeros.
  socket.write(Buffer.concat([Buffer.from('NBDMAGIC', 'latin1'), OPTION_MAGIC, Buffer.from([0, 3])]));
  await take(4);
  for (;;) {
    const head = await take(16);
    if (!head.subarray(0, 8).equals(OPTION_MAGIC)) throw new Error('no option');
    const option = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    const reply = (type: number, data = Buffer.alloc(0)) => {
      const answer = Buffer.alloc(20);
      answer.writeBigUInt64BE(OPTION_REPLY, 0);
      answer.writeUInt32BE(option, 8);
      answer.writeUInt32BE(type, 12);
      answer.writeUInt32BE(data.length, 16);
      socket.write(Buffer.concat([answer, data]));
    };
    if (option === OPT_INFO || option === OPT_GO) {
      const info = Buffer.alloc(12);
      info.writeBigUInt64BE(BigInt(size), 2);
      info.writeUInt16BE(EXPORT_FLAGS, 10);
      reply(REP_INFO, info);
    }
    reply(option === OPT_INFO || option === OPT_GO || option === OPT_ABORT ? REP_ACK : REP_UNSUPPORTED);
    if (option === OPT_GO || option === OPT_ABORT) return option === OPT_GO;
  }
}

async function answerRequests(
  socket: Socket,
  take: (length: number) => Promise<Buffer>,
  disk: VolatileDisk,
): Promise<void> {
  for (;;) {
    const request = await take(28);
    if (request.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('no request');
    const [flags, type] = [request.readUInt16BE(4), request.readUInt16BE(6)];
    const offset = Number(request.readBigUInt64BE(16));
    const length = request.readUInt32BE(24);
    if (type === DISCONNECT) return;
    const data = type === WRITE ? await take(length) : Buffer.alloc(0);
    const isWhole = offset % SECTOR === 0 && length % SECTOR === 0 && offset + length <= disk.size;
    const ok = isWhole && (type === READ || type === WRITE || type === FLUSH);
    if (ok && type === WRITE) disk.write(offset, data);
    if (ok && type === WRITE && (flags & FUA) !== 0) disk.flushRange(offset, length);
    if (ok && type === FLUSH) disk.flush();
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(REPLY_MAGIC, 0);
    reply.writeUInt32BE(ok ? 0 : EINVAL, 4);
    request.copy(reply, 8, 8, 16);
    socket.write(ok && type === READ ? Buffer.concat([reply, disk.read(offset, length)]) : reply);
  }
}
