// What the host says of itself, from the text of its files: os-release(5), /proc/PID/net/if_inet6, .../fib_trie; and what is
// the same in every event of this host and agent. Pure; the files are read once at start by host-io.ts.

import ipaddr from 'ipaddr.js';
import type { SlotValue } from '../ecs/event.ts';
import type { HostFacts } from './surroundings.ts';

/** in: os-release's values, kernel release; out: host.os.*, absent where the file does not say. */
export function osFacts(release: ReadonlyMap<string, string>, kernel: string): HostFacts['os'] {
  const platform = release.get('ID');
  return {
    kernel,
    ...named('platform', platform),
    ...named('family', platform === undefined ? undefined : familyOf(platform, release.get('ID_LIKE') ?? '')),
    ...named('name', release.get('NAME')),
    ...named('full', release.get('PRETTY_NAME')),
    ...named('version', release.get('VERSION_ID')),
  };
}

/** As ECS has it: the distribution that this one comes from, itself if it comes from none of the known ones. */
const FAMILIES = ['debian', 'redhat', 'suse', 'arch', 'gentoo', 'alpine'];
const SAME: Readonly<Record<string, string>> = {
  rhel: 'redhat',
  fedora: 'redhat',
  centos: 'redhat',
  ubuntu: 'debian',
  opensuse: 'suse',
};

function familyOf(id: string, like: string): string {
  const families = [id, ...like.split(/\s+/)].map((name) => SAME[name] ?? name);
  return families.find((name) => FAMILIES.includes(name)) ?? id;
}

function named<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: string };
}

/** in: /proc/PID/net/if_inet6; out: addresses of its interfaces but loopback, in the shortest common form. */
export function parseIfInet6(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [hex, , , , , name] = line.trim().split(/\s+/);
    if (hex === undefined || !/^[0-9a-f]{32}$/.test(hex) || name === 'lo') return [];
    return [ipaddr.parse(hex.match(/.{4}/g)!.join(':')).toString()];
  });
}

/** in: /proc/PID/net/fib_trie; out: the host's own IPv4 addresses but loopback. */
export function parseFibTrie(text: string): string[] {
  const own = new Set<string>();
  let address: string | undefined;
  for (const line of text.split('\n')) {
    const leaf = /\|-- ([0-9.]+)$/.exec(line);
    if (leaf !== null) address = leaf[1];
    else if (/\/32 host LOCAL/.test(line) && address !== undefined && !address.startsWith('127.')) own.add(address);
  }
  return [...own];
}

/** ECS and RFC 7042 write hardware addresses with hyphens, in capitals. */
export function ecsMac(mac: string): string {
  return mac.trim().toUpperCase().replaceAll(':', '-');
}

const ECS_VERSION = '8.10.0';
const DATASET = 'endpoint.events.process';

/** in: the host, the agent; out: field name -> value, for host.*, agent.* and what says where events belong. */
export function constantsOf(host: HostFacts, agent: { id?: string; version: string }): Map<string, SlotValue> {
  const { os } = host;
  const values: Record<string, SlotValue> = {
    'agent.id': agent.id,
    'agent.type': 'forebear',
    'agent.version': agent.version,
    'data_stream.dataset': DATASET,
    'data_stream.namespace': 'default',
    'data_stream.type': 'logs',
    'ecs.version': ECS_VERSION,
    'event.dataset': DATASET,
    'event.kind': 'event',
    'event.module': 'endpoint',
    'host.architecture': host.architecture,
    'host.hostname': host.name,
    'host.id': host.id,
    'host.ip': host.ip.length === 0 ? undefined : host.ip,
    'host.mac': host.mac.length === 0 ? undefined : host.mac,
    'host.name': host.name,
    'host.os.family': os.family,
    'host.os.full': os.full,
    'host.os.kernel': os.kernel,
    'host.os.name': os.name,
    'host.os.platform': os.platform,
    'host.os.type': 'linux',
    'host.os.version': os.version,
  };
  return new Map(Object.entries(values).filter(([, value]) => value !== undefined));
}
