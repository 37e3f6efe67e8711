// What a send to Kafka ended with -> what is to become of the records, and whether the producer can go on. Pure; called by
// kafka-io.ts. Names of errors: kafka.apache.org/protocol, "Error Codes", as kafkajs spells them.

import type { Verdict } from '../output.ts';
import { oneLine } from './bulk-reason.ts';
import { verdictOfFault } from './socket-fault.ts';

/** The broker wrote nothing, for the records' sake: fewer at once may fit. */
const TOO_MUCH = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']);

/** Rights, names, settings, and the clock of this host (INVALID_TIMESTAMP). */
const OPERATOR = new Set([
  ...['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  ...['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'UNSUPPORTED_VERSION', 'UNSUPPORTED_SASL_MECHANISM'],
  ...['ILLEGAL_SASL_STATE', 'SASL_AUTHENTICATION_FAILED', 'SECURITY_DISABLED', 'POLICY_VIOLATION', 'INVALID_CONFIG'],
  ...['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'INVALID_REQUIRED_ACKS', 'INVALID_TIMESTAMP'],
  ...['KafkaJSSASLAuthenticationError', 'KafkaJSServerDoesNotSupportApiKey'],
]);

/** After these the broker and this producer still agree on sequence numbers: the same records again are told apart. */
const SAME_PRODUCER = new Set([
  ...['REQUEST_TIMED_OUT', 'NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'NETWORK_EXCEPTION'],
  ...['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'KAFKA_STORAGE_ERROR', 'REPLICA_NOT_AVAILABLE'],
  ...['KafkaJSConnectionError', 'KafkaJSConnectionClosedError', 'KafkaJSRequestTimeoutError'],
]);

export type Fault =
  /** too much: of one record this is for good. */
  | { is: 'too much'; reason: string }
  /** isSound: the producer may be used again, for the very same records. */
  | { is: 'not now'; verdict: Extract<Verdict, { is: 'retry' | 'hold' }>; isSound: boolean };

export function faultOf(error: unknown): Fault {
  const chain = causesOf(error);
  const names = chain.flatMap(({ type, name }) => [type, name]).filter((name) => typeof name === 'string');
  const has = (known: ReadonlySet<string>) => names.find((name) => known.has(name));
  const reason = oneLine(chain[0]?.message ?? String(error));
  if (has(TOO_MUCH) !== undefined) return { is: 'too much', reason };
  if (has(OPERATOR) !== undefined) return { is: 'not now', verdict: { is: 'hold', reason }, isSound: true };
  const verdicts = chain.map(verdictOfFault);
  const verdict = verdicts.find(({ is }) => is === 'hold') ?? { is: 'retry' as const, reason };
  return { is: 'not now', verdict, isSound: has(SAME_PRODUCER) !== undefined };
}

/** kafkajs wraps what happened in what it gave up for, outermost first. */
function causesOf(error: unknown): (Error & { type?: unknown })[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = at.cause) chain.push(at);
  return chain;
}
