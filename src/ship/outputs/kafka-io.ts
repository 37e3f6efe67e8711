// Alerts to a Kafka topic: acks=all, idempotent, the ECS document as value, the host as key (so that a host's alerts keep their
// order), the alert's uuid as a header to tell repetitions by. Made from an [outputs.NAME] of type "kafka". A batch is sent in
// pieces: of one host, and within the broker's message.max.bytes, which is about a whole piece.
//
// Idempotence is by sequence numbers: the broker takes records with numbers that it has seen for the same ones. So after a
// failure whose outcome is not known, a producer may only send the very same piece; for any other there is a new one.

import { stampOf } from '../key-files-io.ts';
import { type Answer, type Output, type Parcel, type Verdict, whole } from '../output.ts';
import { tlsFiles } from '../tls-options-io.ts';
import { faultOf } from './kafka-fault.ts';
import { type KafkaProducer, type KafkaSettings, openKafkaProducer } from './kafka-producer-io.ts';

/** Around a value: key, headers, lengths; and once around the piece. */
const AROUND_RECORD = 160;
const AROUND_PIECE = 100;

type Unsettled = Extract<Verdict, { is: 'retry' | 'hold' }>;

export function kafkaOutput(settings: KafkaSettings, open: typeof openKafkaProducer = openKafkaProducer): Output {
  return new KafkaOutput(settings, open);
}

class KafkaOutput implements Output {
  readonly type = 'kafka';
  readonly #settings: KafkaSettings;
  readonly #open: typeof openKafkaProducer;
  #producer: KafkaProducer | undefined;
  #stamp = '';
  /** The piece of which it is not known whether it is there. */
  #unknown: readonly Parcel[] | undefined;

  constructor(settings: KafkaSettings, open: typeof openKafkaProducer) {
    this.#settings = settings;
    this.#open = open;
  }

  async send(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const verdicts = new Map<Parcel, Verdict>();
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeout)]);
    const limit = this.#settings.max_message_bytes - AROUND_PIECE;
    for (const parcel of batch.filter((each) => sizeOf(each) > limit)) {
      const reason = `${parcel.document.length} bytes are more than max_message_bytes takes`;
      verdicts.set(parcel, { is: 'rejected', reason });
    }
    for (const piece of piecesOf(
      batch.filter((each) => !verdicts.has(each)),
      limit,
    )) {
      const unsettled = await this.#sendPiece(piece, verdicts, bounded);
      // What comes behind must not overtake it.
      if (unsettled !== undefined) return answer(batch, verdicts, unsettled);
    }
    return answer(batch, verdicts, { is: 'retry', reason: '' });
  }

  /** Records what became of the piece, or returns why that is open. */
  async #sendPiece(
    piece: readonly Parcel[],
    verdicts: Map<Parcel, Verdict>,
    signal: AbortSignal,
  ): Promise<Unsettled | undefined> {
    try {
      const producer = await this.#producerFor(piece, signal);
      this.#unknown = piece;
      await within(signal, producer.send(piece.map(messageOf)));
      this.#unknown = undefined;
      for (const parcel of piece) verdicts.set(parcel, { is: 'delivered' });
      return undefined;
    } catch (error) {
      const fault = faultOf(error);
      if (fault.is === 'not now') {
        if (!fault.isSound || signal.aborted) this.#drop();
        return fault.verdict;
      }
      this.#unknown = undefined;
      if (piece.length > 1) return this.#sendHalves(piece, verdicts, signal);
      verdicts.set(piece[0]!, { is: 'rejected', reason: fault.reason });
      return undefined;
    }
  }

  async #sendHalves(
    piece: readonly Parcel[],
    verdicts: Map<Parcel, Verdict>,
    signal: AbortSignal,
  ): Promise<Unsettled | undefined> {
    const half = Math.ceil(piece.length / 2);
    const first = await this.#sendPiece(piece.slice(0, half), verdicts, signal);
    return first ?? this.#sendPiece(piece.slice(half), verdicts, signal);
  }

  /** The producer there is, if its keys are those of the files and its sequence numbers say nothing of other records. */
  async #producerFor(piece: readonly Parcel[], signal: AbortSignal): Promise<KafkaProducer> {
    const { tls, password_file } = this.#settings;
    const stamp = stampOf([...(tls ? tlsFiles(this.#settings) : []), password_file]);
    if (this.#unknown !== undefined && !isSame(this.#unknown, piece)) this.#drop();
    if (this.#producer !== undefined && stamp === this.#stamp) return this.#producer;
    this.#drop();
    this.#producer = await within(signal, this.#open(this.#settings, signal));
    this.#stamp = stamp;
    return this.#producer;
  }

  #drop(): void {
    this.#producer?.close();
    this.#producer = undefined;
    this.#unknown = undefined;
  }

  async close(): Promise<void> {
    this.#drop();
  }
}

function sizeOf({ document }: Parcel): number {
  return document.length + AROUND_RECORD;
}

function keyOf({ hostId = '', journalId }: Parcel): string {
  return hostId === '' ? journalId : hostId;
}

function messageOf(parcel: Parcel) {
  const { document, id, kind } = parcel;
  const value = Buffer.from(document.buffer, document.byteOffset, document.length);
  return { key: keyOf(parcel), value, headers: { uuid: id, kind } };
}

/** Parcels of one key each, in order, none larger than the limit. */
function piecesOf(parcels: readonly Parcel[], limit: number): Parcel[][] {
  return [...Map.groupBy(parcels, keyOf).values()].flatMap((same) => {
    const pieces: Parcel[][] = [];
    let room = 0;
    for (const parcel of same) {
      if (sizeOf(parcel) > room) {
        pieces.push([]);
        room = limit;
      }
      pieces.at(-1)!.push(parcel);
      room -= sizeOf(parcel);
    }
    return pieces;
  });
}

/** The same records of the same journals, byte for byte: documents are made once. */
function isSame(one: readonly Parcel[], other: readonly Parcel[]): boolean {
  return one.length === other.length && one.every((parcel, i) => parcel === other[i] || isEqual(parcel, other[i]!));
}

function isEqual(one: Parcel, other: Parcel): boolean {
  return one.id === other.id && Buffer.compare(one.document, other.document) === 0;
}

function answer(batch: readonly Parcel[], verdicts: ReadonlyMap<Parcel, Verdict>, rest: Unsettled): Answer {
  if (verdicts.size === 0) return whole(rest);
  return { of: 'items', verdicts: batch.map((parcel) => verdicts.get(parcel) ?? rest) };
}

/** Rejects with ETIMEDOUT when the signal comes first; whoever asked must give up the work then. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const aborted = () => reject(Object.assign(new Error('no answer within the time allowed'), { code: 'ETIMEDOUT' }));
  signal.addEventListener('abort', aborted, { once: true });
  if (signal.aborted) aborted();
  work.catch(() => {});
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', aborted);
  }
}
