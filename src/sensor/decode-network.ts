// Records of TCP connections: bytes -> NetworkRecord. Called by decode.ts, whose rules hold here.

import ipaddr from 'ipaddr.js';
import type { Frame } from './frame.ts';
import { FAMILY, FIELD, NETWORK, NETWORK_FLAG, NETWORK_OP } from './layout.ts';
import type { NetworkRecord } from './record.ts';

const OPERATIONS = new Map<number, NetworkRecord['operation']>(
  Object.entries(NETWORK_OP).map(([name, op]) => [op, name as NetworkRecord['operation']]),
);

/** undefined: the record has no facts of a connection, or of an operation or a family that this version does not know. */
export function readNetwork(
  frame: Frame,
): Omit<NetworkRecord, 'kind' | 'bootNs' | 'task' | 'truncated' | 'unreadable'> | undefined {
  if (!frame.has(FIELD.network)) return undefined;
  const { view } = frame;
  const at = frame.start(FIELD.network);
  const operation = OPERATIONS.get(view.getUint8(at + NETWORK.op));
  const family = view.getUint16(at + NETWORK.family, true);
  if (operation === undefined || (family !== FAMILY.ipv4 && family !== FAMILY.ipv6)) return undefined;
  const four = family === FAMILY.ipv4;
  return {
    operation,
    direction: directionOf(view.getUint32(at + NETWORK.flags, true)),
    tid: view.getUint32(at + NETWORK.tid, true),
    family: four ? 'ipv4' : 'ipv6',
    localAddress: addressText(frame.bytes, at + NETWORK.local, four),
    localPort: view.getUint16(at + NETWORK.localPort, true),
    remoteAddress: addressText(frame.bytes, at + NETWORK.remote, four),
    remotePort: view.getUint16(at + NETWORK.remotePort, true),
    cookie: view.getBigUint64(at + NETWORK.cookie, true),
    sent: view.getBigUint64(at + NETWORK.sent, true),
    received: view.getBigUint64(at + NETWORK.received, true),
    result: view.getInt32(at + NETWORK.result, true),
    ...(frame.has(FIELD.message) && { message: messageOf(frame) }),
  };
}

function directionOf(flags: number): NetworkRecord['direction'] {
  if ((flags & NETWORK_FLAG.unknown) !== 0) return 'unknown';
  return (flags & NETWORK_FLAG.ingress) !== 0 ? 'ingress' : 'egress';
}

/** A copy: the batch is not kept. */
function messageOf(frame: Frame): Uint8Array {
  const at = frame.start(FIELD.message);
  return Uint8Array.prototype.slice.call(frame.bytes, at, at + frame.length(FIELD.message));
}

/** As RFC 5952 writes it. */
function addressText(bytes: Buffer, at: number, four: boolean): string {
  if (four) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  return new ipaddr.IPv6([...bytes.subarray(at, at + NETWORK.addressBytes)]).toRFC5952String();
}
