// Where the fields of a record lie in its batch. In: a batch and the bounds of one record; out: per field id the place, size
// and flags of the last field of that id. One object serves all records of a decoder, so that framing makes no garbage.

import { CALL, CREATOR, CREDENTIALS, EXIT, FIELD, FIELD_HEAD, FILE, HEAD, INODE, NETWORK, TASK } from './layout.ts';

/** Ids beyond are those of later versions: bounds are checked, and they are left alone. */
const IDS = 32;

/** Smallest payload by field id; what is longer comes from a later version that appended members. */
const SMALLEST = new Uint32Array(IDS);
SMALLEST[FIELD.task] = TASK.size;
SMALLEST[FIELD.creator] = CREATOR.size;
SMALLEST[FIELD.exit] = EXIT.size;
SMALLEST[FIELD.inode] = INODE.size;
SMALLEST[FIELD.credentials] = CREDENTIALS.size;
SMALLEST[FIELD.file] = FILE.size;
SMALLEST[FIELD.fileInode] = INODE.size;
SMALLEST[FIELD.network] = NETWORK.size;
SMALLEST[FIELD.call] = CALL.size;

const NOTHING = Buffer.alloc(0);

export class Frame {
  /** The batch, twice. */
  bytes: Buffer = NOTHING;
  view: DataView = new DataView(NOTHING.buffer, 0, 0);
  /** The flags of all fields together. */
  anyFlags = 0;
  /** Which record a field was last seen in: nothing has to be cleared between records. */
  readonly #seen = new Uint32Array(IDS);
  readonly #starts = new Uint32Array(IDS);
  readonly #lengths = new Uint32Array(IDS);
  readonly #flags = new Uint16Array(IDS);
  #record = 0;

  /** in: whole records back to back; not copied. */
  open(batch: Uint8Array): void {
    this.bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
    this.view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  }

  /** in: where a record begins; out: its bytes, 0: no record fits there. */
  recordLength(at: number): number {
    const rest = this.view.byteLength - at;
    if (rest < HEAD.size) return 0;
    const length = this.view.getUint32(at + HEAD.length, true);
    return length >= HEAD.size && length % 8 === 0 && length <= rest ? length : 0;
  }

  /** in: where the fields of a record begin and end; out: false when one runs over the end or is shorter than its struct. */
  split(start: number, end: number): boolean {
    const { view } = this;
    this.#record = this.#record === 0xffff_ffff ? this.#restart() : this.#record + 1;
    this.anyFlags = 0;
    for (let at = start; at < end; ) {
      const payload = at + FIELD_HEAD.size;
      const length = view.getUint32(at + FIELD_HEAD.length, true);
      const id = view.getUint16(at + FIELD_HEAD.id, true);
      if (length > end - payload) return false;
      if (id < IDS && !this.#put(id, payload, length, view.getUint16(at + FIELD_HEAD.flags, true))) return false;
      at = payload + Math.ceil(length / 8) * 8;
    }
    return true;
  }

  has(id: number): boolean {
    return this.#seen[id] === this.#record;
  }

  /** Offset of the payload in the batch, -1: the record has no such field. */
  start(id: number): number {
    return this.has(id) ? this.#starts[id]! : -1;
  }

  /** Of the payload, 0 where there is none. */
  length(id: number): number {
    return this.has(id) ? this.#lengths[id]! : 0;
  }

  flags(id: number): number {
    return this.has(id) ? this.#flags[id]! : 0;
  }

  #put(id: number, payload: number, length: number, flags: number): boolean {
    if (length < SMALLEST[id]!) return false;
    this.#seen[id] = this.#record;
    this.#starts[id] = payload;
    this.#lengths[id] = length;
    this.#flags[id] = flags;
    this.anyFlags |= flags;
    return true;
  }

  #restart(): number {
    this.#seen.fill(0);
    return 1;
  }
}
