// A DNS message (RFC 1035) -> what a rule asks of an answer: the question, and the addresses in it. Hostile input: every step is
// bounded by the message, and what does not fit ends the reading; what was read until then stays.

import ipaddr from 'ipaddr.js';

export interface DnsAnswer {
  /**
   * Without the dot at its end, in lower case, as names do not differ by case; labels' bytes that are not printable ASCII as \DDD, dots
   * in labels as \., as in zone files.
   */
  name: string;
  /** A, AAAA ... or TYPE65. */
  type: string;
  /** NOERROR, NXDOMAIN ... or RCODE11. */
  responseCode: string;
  addresses: string[];
}

const HEAD = 12;
const TYPES = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [65, 'HTTPS'],
  [255, 'ANY'],
]);
const RESPONSE_CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const NAME_MAX = 255;
const ADDRESS_BYTES = new Map([
  [1, 4],
  [28, 16],
]);

/** undefined: it is no answer to a question, or its question is cut. */
export function readDnsAnswer(message: Uint8Array): DnsAnswer | undefined {
  if (message.length < HEAD) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) === 0 || view.getUint16(4) === 0) return undefined;
  const question = readName(message, HEAD);
  if (question === undefined || question.end + 4 > message.length) return undefined;
  const type = view.getUint16(question.end);
  return {
    name: question.name,
    type: TYPES.get(type) ?? `TYPE${type}`,
    responseCode: RESPONSE_CODES[flags & 15] ?? `RCODE${flags & 15}`,
    addresses: view.getUint16(4) === 1 ? readAddresses(message, view, question.end + 4) : [],
  };
}

/** A name without compression, as a question has it. */
function readName(message: Uint8Array, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  for (let at = start; at < message.length && at - start <= NAME_MAX; ) {
    const length = message[at]!;
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    if (length > 63 || at + 1 + length > message.length) return undefined;
    labels.push(labelText(message.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return undefined;
}

function labelText(label: Uint8Array): string {
  return Array.from(label, (byte) => {
    if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte).toLowerCase() : `\\${String(byte).padStart(3, '0')}`;
  }).join('');
}

function readAddresses(message: Uint8Array, view: DataView, start: number): string[] {
  const addresses: string[] = [];
  let at = start;
  for (let left = view.getUint16(6); left > 0; left--) {
    const head = skipName(message, at);
    if (head === undefined || head + 10 > message.length) break;
    const length = view.getUint16(head + 8);
    if (head + 10 + length > message.length) break;
    const type = view.getUint16(head);
    if (ADDRESS_BYTES.get(type) === length)
      addresses.push(addressText(message.subarray(head + 10, head + 10 + length)));
    at = head + 10 + length;
  }
  return addresses;
}

/** Where a name ends, compressed or not. */
function skipName(message: Uint8Array, start: number): number | undefined {
  for (let at = start; at < message.length; ) {
    const length = message[at]!;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

function addressText(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes]);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}
