// What an event says of a TCP connection, beside what every event says of its process: from a record of the network. Called by the
// enricher once the event's process is written. Names as in Elastic Defend's network events for Linux; source is who began the
// connection, this side (egress) or the other one (ingress). Of one that nobody was seen to begin, source is this side, and
// network.direction is absent.

import { constants } from 'node:os';
import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { NetworkRecord } from '../sensor/record.ts';
import { readDnsAnswer } from './dns-message.ts';
import { slotsOf } from './slots-of.ts';

/** Of connections. */
export const NETWORK_OPERATIONS = ['connection_attempted', 'connection_accepted', 'disconnect_received'] as const;
export type NetworkOperation = NetworkRecord['operation'];

const NETWORK_CATEGORY: readonly string[] = ['network'];
const LOOKUP_CATEGORY: readonly string[] = ['network', 'dns'];
const LOOKUP_TYPE: readonly string[] = ['protocol', 'info'];
/** event.type of each action. */
const TYPE: Readonly<Record<NetworkOperation, readonly string[]>> = {
  connection_attempted: ['start'],
  connection_accepted: ['start'],
  disconnect_received: ['end'],
  lookup_result: LOOKUP_TYPE,
};
const DATASET = 'endpoint.events.network';

const FIELDS = [
  'data_stream.dataset',
  'destination.address',
  'destination.bytes',
  'destination.ip',
  'destination.port',
  'dns.question.name',
  'dns.question.type',
  'dns.resolved_ip',
  'dns.response_code',
  'event.category',
  'event.dataset',
  'event.type',
  'forebear.connection.id',
  'forebear.connection.result',
  'network.bytes',
  'network.direction',
  'network.protocol',
  'network.transport',
  'network.type',
  'source.address',
  'source.bytes',
  'source.ip',
  'source.port',
] as const;

export class NetworkEvents {
  readonly #slots: Readonly<Record<(typeof FIELDS)[number], number>>;

  constructor(fields: FieldTable) {
    this.#slots = slotsOf(fields, FIELDS);
  }

  /** in: an event whose process is written, the record; out: written in place. */
  fill(event: EcsEvent, record: NetworkRecord): void {
    const { slots: values } = event;
    const slots = this.#slots;
    const { source, destination } = endsOf(record);
    values[slots['event.category']] = record.operation === 'lookup_result' ? LOOKUP_CATEGORY : NETWORK_CATEGORY;
    values[slots['event.type']] = TYPE[record.operation];
    values[slots['event.dataset']] = DATASET;
    values[slots['data_stream.dataset']] = DATASET;
    values[slots['network.transport']] = record.operation === 'lookup_result' ? 'udp' : 'tcp';
    values[slots['network.type']] = record.family;
    if (record.direction !== 'unknown') values[slots['network.direction']] = record.direction;
    if (!UNSPECIFIED.has(source.address)) {
      values[slots['source.address']] = source.address;
      values[slots['source.ip']] = source.address;
    }
    if (source.port !== 0) values[slots['source.port']] = source.port;
    values[slots['destination.address']] = destination.address;
    values[slots['destination.ip']] = destination.address;
    values[slots['destination.port']] = destination.port;
    if (record.operation === 'lookup_result') {
      this.#lookup(event, record);
      return;
    }
    values[slots['forebear.connection.id']] = record.cookie.toString(16);
    if (record.operation === 'connection_attempted') {
      values[slots['forebear.connection.result']] = resultOf(record.result);
    }
    if (record.operation !== 'disconnect_received') return;
    values[slots['source.bytes']] = Number(source.bytes);
    values[slots['destination.bytes']] = Number(destination.bytes);
    values[slots['network.bytes']] = Number(source.bytes + destination.bytes);
  }

  #lookup(event: EcsEvent, { message }: NetworkRecord): void {
    const { slots: values } = event;
    const slots = this.#slots;
    values[slots['network.protocol']] = 'dns';
    const answer = message && readDnsAnswer(message);
    if (answer === undefined) return;
    values[slots['dns.question.name']] = answer.name;
    values[slots['dns.question.type']] = answer.type;
    values[slots['dns.response_code']] = answer.responseCode;
    if (answer.addresses.length > 0) values[slots['dns.resolved_ip']] = answer.addresses;
  }
}

/** Of a socket that has asked a name server without being connected to it. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

interface End {
  address: string;
  /** 0: none was chosen before the attempt failed. */
  port: number;
  /** Sent by it. */
  bytes: bigint;
}

function endsOf(record: NetworkRecord): { source: End; destination: End } {
  const local = { address: record.localAddress, port: record.localPort, bytes: record.sent };
  const remote = { address: record.remoteAddress, port: record.remotePort, bytes: record.received };
  return record.direction === 'ingress'
    ? { source: remote, destination: local }
    : { source: local, destination: remote };
}

const ERROR_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The name of the error; EINPROGRESS: not answered within a second, or given up before. */
function resultOf(result: number): string {
  return result === 0 ? 'established' : (ERROR_NAMES.get(-result) ?? `E${-result}`);
}
