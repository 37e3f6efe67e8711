// Reads what the host says of itself, once at start. A hardened agent lives in its own network namespace, where
// os.networkInterfaces() is empty: then addresses come from pid 1's view. Whatever cannot be read is absent.

import { readdirSync, readFileSync } from 'node:fs';
import * as os from 'node:os';
import { ecsMac, osFacts, parseFibTrie, parseIfInet6 } from './host.ts';
import { parseAssignments } from './procfs.ts';
import { readNamespace } from './procfs-io.ts';
import type { HostFacts, HostNamespaces } from './surroundings.ts';

/** out: host.*; never throws. */
export function readHost(): HostFacts {
  const release = parseAssignments(readText('/etc/os-release') ?? readText('/usr/lib/os-release') ?? '');
  const id = readText('/etc/machine-id')?.trim();
  return {
    name: os.hostname(),
    architecture: os.machine(),
    os: osFacts(release, os.release()),
    ...addresses(),
    ...(id === undefined || id === '' ? {} : { id }),
  };
}

/** Pid 1's namespaces: the host's. The agent's own where pid 1's may not be read. */
export function readHostNamespaces(): HostNamespaces {
  const of = (kind: 'pid' | 'mnt' | 'user' | 'net') => readNamespace(1, kind) || readNamespace('self', kind);
  return { pid: of('pid'), mnt: of('mnt'), user: of('user'), net: of('net') };
}

function addresses(): { ip: string[]; mac: string[] } {
  const outward = ownAddresses().filter((address) => !address.internal);
  if (outward.length === 0) return addressesOfInit();
  return {
    ip: [...new Set(outward.map((address) => address.address))],
    mac: [...new Set(outward.map((address) => ecsMac(address.mac)))],
  };
}

/** None where the service may open no netlink socket (RestrictAddressFamilies=AF_UNIX): that throws. */
function ownAddresses(): os.NetworkInterfaceInfo[] {
  try {
    return Object.values(os.networkInterfaces()).flatMap((list) => list ?? []);
  } catch {
    return [];
  }
}

function addressesOfInit(): { ip: string[]; mac: string[] } {
  const v4 = parseFibTrie(readText('/proc/1/net/fib_trie') ?? '');
  const v6 = parseIfInet6(readText('/proc/1/net/if_inet6') ?? '');
  const devices = '/proc/1/root/sys/class/net';
  const macs = list(devices)
    .filter((device) => device !== 'lo')
    .flatMap((device) => readText(`${devices}/${device}/address`)?.trim() || [])
    .map(ecsMac);
  return { ip: [...v4, ...v6], mac: [...new Set(macs)] };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
