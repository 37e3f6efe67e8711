// IP addresses as text that can be compared: 32 hex digits, IPv4 in its IPv4-mapped form (::ffff:0:0/96), so that equal
// strings are equal addresses and string order is address order. The strictness is Elasticsearch's: four plain decimal
// parts, no leading zero. Called by coerce.ts and the query languages.

import ipaddr from 'ipaddr.js';

const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const MAPPED = '00000000000000000000ffff';

export interface IpRange {
  readonly low: string;
  readonly high: string;
}

/** in: an address, IPv6 with or without zone; out: its 32 hex digits, undefined when it is none. Never throws. */
export function ipKey(text: string): string | undefined {
  if (text.length > 64) return undefined;
  if (IPV4.test(text)) return ipv4Key(text);
  if (!text.includes(':')) return undefined;
  const address = text.replace(/%\w+$/, '');
  if (!ipaddr.IPv6.isValid(address) || /(^|[:.])0\d+(\.|$)/.test(address.replace(/^.*:(?=[^:]*\.)/, '')))
    return undefined;
  return hex(ipaddr.IPv6.parse(address).toByteArray());
}

/**
 * in: an address or a network in CIDR form; out: first and last address, undefined when it is neither.
 * A network of IPv4-mapped addresses is refused as ambiguous, as Elasticsearch does.
 */
export function ipRange(text: string): IpRange | undefined {
  const slash = text.indexOf('/');
  if (slash === -1) {
    const key = ipKey(text);
    return key === undefined ? undefined : { low: key, high: key };
  }
  const key = ipKey(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (key === undefined || !/^\+?\d{1,3}$/.test(length)) return undefined;
  const four = IPV4.test(text.slice(0, slash));
  if (Number(length) > (four ? 32 : 128) || (!four && key.startsWith(MAPPED))) return undefined;
  return network(key, Number(length) + (four ? 96 : 0));
}

function network(key: string, bits: number): IpRange {
  const host = (1n << BigInt(128 - bits)) - 1n;
  const address = BigInt(`0x${key}`);
  const low = address & ~host;
  return { low: low.toString(16).padStart(32, '0'), high: (low | host).toString(16).padStart(32, '0') };
}

function ipv4Key(text: string): string | undefined {
  let key = MAPPED;
  for (const part of text.split('.')) {
    const byte = Number(part);
    if (byte > 255) return undefined;
    key += byte.toString(16).padStart(2, '0');
  }
  return key;
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
