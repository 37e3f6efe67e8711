// Journal records to a `forebear hub` (proto/forebear/ingest/v1). In: batches of a lane; out: what the hub's answers mean.
// "Delivered" means that it is synced to the hub's disk. Made from an [outputs.NAME] of type "hub".
//
// A fork: the hub knows other records under these seqs, as this host is a clone, or a snapshot of it was restored. The lane
// holds and onFork leaves word for the agent, which begins a new journal id within a minute, or when it starts. From then on
// successorOf says so, and what the old id had behind the fork goes out under the new one, where those seqs are free.

import type { OutputOf } from '../../config/outputs.ts';
import { RECORD_KINDS } from '../../journal/journal.ts';
import {
  decodeAnswer,
  encodeBatch,
  HOST_ID,
  INGEST_PATH,
  INGEST_TYPE,
  type IngestAnswer,
  type IngestRecord,
} from '../../proto/ingest-codec.ts';
import { type Answer, type Output, type Parcel, type Verdict, whole } from '../output.ts';
import type { HttpReply, HttpTransport } from '../transport.ts';
import { oneLine } from './bulk-reason.ts';

/** Which journal goes on where one was forked. */
export interface Successor {
  journalId: string;
  /** Seq of the fork: earlier records stay what they are. */
  fromSeq: number;
}

export interface HubFacts {
  /** Where a record does not say. */
  hostId: string;
  hostName: string;
  version: string;
  onFork(journalId: string, seq: number): void | Promise<void>;
  /** undefined: the agent has not begun a new journal id for this one. */
  successorOf(journalId: string): Promise<Successor | undefined>;
}

/** What a record takes beside its payload. */
const OVERHEAD = 64;
/** Of headers and a batch's own fields. */
const PRINTED = 200;
const NO_JOURNAL = '0'.repeat(32);

type BatchVerdict = Extract<Answer, { of: 'batch' }>['verdict'];
type HttpAnswer = Extract<HttpReply, { is: 'answer' }>;

/** Parcels of one host and one journal, neighbours in the batch. */
interface Group {
  hostId: string;
  journalId: string;
  parcels: Parcel[];
}

/** in: settings, a transport that adds the token, what is told of this host. */
export function hubOutput(_config: OutputOf<'hub'>, transport: HttpTransport, facts: HubFacts): Output {
  const output = new HubOutput(transport, facts);
  return {
    type: 'hub',
    send: (batch, signal) => output.send(batch, signal),
    probe: (signal) => output.probe(signal),
    sizeOf: ({ payload }) => payload.length + OVERHEAD,
    close: () => transport.close(),
  };
}

class HubOutput {
  readonly #transport: HttpTransport;
  readonly #facts: HubFacts;
  /** Answers of successorOf; asked again after a fork. */
  readonly #successors = new Map<string, Promise<Successor | undefined>>();

  constructor(transport: HttpTransport, facts: HubFacts) {
    this.#transport = transport;
    this.#facts = facts;
  }

  /** One request for each journal in the batch, mostly one. The first that is not delivered as a whole ends it. */
  async send(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const groups = await this.#groups(batch);
    const verdicts: Verdict[] = [];
    for (const group of groups) {
      const answer = await this.#sendGroup(group, signal);
      if (answer.of === 'batch' && verdicts.length === 0 && groups.length === 1) return answer;
      verdicts.push(...itemsOf(answer, group.parcels.length));
      if (verdicts.some(({ is }) => is === 'retry' || is === 'hold')) break;
    }
    const last = verdicts.at(-1)!;
    const rest: Verdict = last.is === 'hold' ? last : { is: 'retry', reason: 'what comes before was not delivered' };
    while (verdicts.length < batch.length) verdicts.push(rest);
    return { of: 'items', verdicts };
  }

  /** A batch of none: the hub checks the credential, and makes no journal of it. */
  async probe(signal: AbortSignal): Promise<Verdict> {
    const { hostId } = this.#facts;
    const answer = await this.#sendGroup({ hostId, journalId: NO_JOURNAL, parcels: [] }, signal);
    if (answer.of === 'items') return { is: 'delivered' };
    const { verdict } = answer;
    return verdict.is === 'split' ? { is: 'hold', reason: verdict.reason } : verdict;
  }

  async #groups(batch: readonly Parcel[]): Promise<Group[]> {
    const groups: Group[] = [];
    for (const parcel of batch) {
      const hostId = parcel.hostId || this.#facts.hostId;
      const journalId = await this.#journalOf(parcel);
      const last = groups.at(-1);
      if (last?.hostId === hostId && last.journalId === journalId) last.parcels.push(parcel);
      else groups.push({ hostId, journalId, parcels: [parcel] });
    }
    return groups;
  }

  async #journalOf({ journalId, seq }: Parcel): Promise<string> {
    let asked = this.#successors.get(journalId);
    if (asked === undefined) {
      // Whatever keeps it from being told, the hub tells of the fork again.
      asked = this.#facts.successorOf(journalId).catch(() => undefined);
      this.#successors.set(journalId, asked);
    }
    const successor = await asked;
    return successor !== undefined && seq >= successor.fromSeq ? successor.journalId : journalId;
  }

  async #sendGroup({ hostId, journalId, parcels }: Group, signal: AbortSignal): Promise<Answer> {
    // The hub would refuse every record of it.
    if (!HOST_ID.test(hostId))
      return whole({ is: 'hold', reason: 'this host has no id that a hub takes: /etc/machine-id' });
    const { hostName, version } = this.#facts;
    const records = parcels.map(recordOf);
    const body = encodeBatch({ hostId, hostName: hostName.slice(0, 255), journalId, records, agentVersion: version });
    const headers = { 'content-type': INGEST_TYPE };
    const reply = await this.#transport.request({ method: 'POST', path: INGEST_PATH, headers, body }, signal);
    if (reply.is === 'broken') return whole({ is: reply.verdict, reason: oneLine(reply.reason) });
    const answer = decoded(reply);
    if (reply.status === 200) return storedAnswer(reply, answer, journalId, parcels);
    if (reply.status === 409 && answer?.result === 'fork' && answer.journalId === journalId) {
      return await this.#forked(answer, parcels);
    }
    if (reply.status === 403 && answer?.result === 'wrong_host' && this.#isOfAnother(hostId)) {
      return whole({
        is: 'rejected',
        reason: oneLine(`of another host, from which this one was made: ${answer.detail}`),
      });
    }
    return whole(refusal(reply, answer));
  }

  /** A copy of a host has its journal, but not its credential; to wait for that would keep all that is its own from the hub. */
  #isOfAnother(hostId: string): boolean {
    const own = this.#facts.hostId;
    return own !== '' && hostId !== own;
  }

  async #forked({ forkSeq, detail }: IngestAnswer, parcels: readonly Parcel[]): Promise<Answer> {
    const first = parcels.findIndex(({ seq }) => seq >= forkSeq);
    if (first < 0)
      return whole({ is: 'hold', reason: `the hub tells of a fork at ${forkSeq}, which is not in the batch` });
    // The journal's own id, which may be another than the one that was sent.
    const { journalId } = parcels[first]!;
    const former = await this.#successors.get(journalId);
    this.#successors.delete(journalId);
    // Another hub told of it at a later record, as it gets others of them: these seqs are free under the new id, too.
    if (former !== undefined && forkSeq < former.fromSeq) {
      this.#successors.set(journalId, Promise.resolve({ ...former, fromSeq: forkSeq }));
      const again: Verdict = { is: 'retry', reason: `the journal forks at ${forkSeq} already`, afterMs: 0 };
      return { of: 'items', verdicts: parcels.map((_parcel, i) => (i < first ? { is: 'delivered' } : again)) };
    }
    let reason = `the journal forks at ${forkSeq}: ${detail}; the agent begins a new journal id`;
    try {
      await this.#facts.onFork(journalId, forkSeq);
    } catch (error) {
      reason = `the journal forks at ${forkSeq}, and the agent cannot be told: ${String(error)}`;
    }
    const hold: Verdict = { is: 'hold', reason: oneLine(reason) };
    return { of: 'items', verdicts: parcels.map((_parcel, i) => (i < first ? { is: 'delivered' } : hold)) };
  }
}

function recordOf({ seq, kind, rank, wallMs, flags, payload, link }: Parcel): IngestRecord {
  const of = { seq, kind: RECORD_KINDS[kind], rank, wallMs, payload };
  return { ...of, ...(flags !== undefined && { flags }), ...(link && { link }) };
}

/** undefined: no answer of a hub. */
function decoded({ contentType, body }: HttpAnswer): IngestAnswer | undefined {
  if (contentType !== INGEST_TYPE) return undefined;
  try {
    return decodeAnswer(body);
  } catch {
    return undefined;
  }
}

/** HTTP 200 alone is no success: it has to be a hub's word about this journal. */
function storedAnswer(
  reply: HttpAnswer,
  answer: IngestAnswer | undefined,
  journalId: string,
  parcels: readonly Parcel[],
): Answer {
  if (answer?.result !== 'stored' || answer.journalId !== journalId) {
    return whole({ is: 'hold', reason: oneLine(`HTTP 200, but no hub's answer to this batch: ${printed(reply)}`) });
  }
  const { durableSeq, stored } = answer;
  // What is sent again comes first in a batch.
  const known = parcels.length - Math.min(stored, parcels.length);
  const verdicts = parcels.map(({ seq }, i): Verdict => {
    if (seq > durableSeq) return { is: 'retry', reason: `the hub has only what comes before ${durableSeq + 1}` };
    return i < known ? { is: 'delivered', duplicate: true } : { is: 'delivered' };
  });
  return { of: 'items', verdicts };
}

/** What an answer other than 200 and a fork means. A refusal counts as the hub's where it is protobuf; else an operator looks. */
function refusal(reply: HttpAnswer, answer: IngestAnswer | undefined): BatchVerdict {
  const { status, retryAfterMs } = reply;
  const reason = oneLine(`HTTP ${status}: ${answer === undefined ? printed(reply) : answer.detail}`);
  if (status === 429 || status === 408 || status >= 500) {
    const afterMs = retryAfterMs ?? answer?.retryAfterMs;
    return { is: 'retry', reason, ...(afterMs !== undefined && { afterMs: Math.min(afterMs, 3_600_000) }) };
  }
  // A proxy before the hub answers it in HTML.
  if (status === 413) return { is: 'split', reason };
  if (status === 400 && answer?.result === 'malformed') return { is: 'split', reason };
  return { is: 'hold', reason };
}

function printed({ contentType, body }: HttpAnswer): string {
  return `${contentType === '' ? 'an answer of no type' : contentType}: ${body.toString('utf8', 0, PRINTED)}`;
}

/** A verdict for each. "split" is for the lane once these are at the head of a batch. */
function itemsOf(answer: Answer, count: number): readonly Verdict[] {
  if (answer.of === 'items') return answer.verdicts;
  const { verdict } = answer;
  const each: Verdict = verdict.is === 'split' ? { is: 'retry', reason: verdict.reason, afterMs: 0 } : verdict;
  return Array(count).fill(each);
}
