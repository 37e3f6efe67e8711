// The configuration of the hub: TOML text in, a complete typed HubConfig out, or FB_CONFIG_* with the key's path and what was
// expected. The keys, their meaning for people and their defaults as a file: config/hub.toml (a test holds the two
// together). Read from disk by commands/hub-config.ts.

import { flatten, type LogFormat, type LogLevel, outputRefused, parseToml, refused } from '../config.ts';
import { type OutputConfig, readOutputs } from './outputs.ts';
import { type Key, oneOf, path, size, span, text, whole } from './readers.ts';

export interface HubConfig {
  /** Absolute once read from disk. */
  directory: string;
  listen: { host: string; port: number };
  metricsListen: string;
  tls: { certificateFile: string; keyFile: string; clientCaFile: string | null };
  require: 'token' | 'certificate' | 'both';
  ingest: {
    maxBodyBytes: number;
    maxWaitingBytes: number;
    headersTimeoutMs: number;
    requestTimeoutMs: number;
    maxConnections: number;
  };
  retention: { maxBytes: number; maxAgeMs: number };
  silentAfterMs: number;
  log: { level: LogLevel; format: LogFormat };
  outputs: readonly OutputConfig[];
}

export const HUB_DIRECTORY = '/var/lib/forebear-hub';

const address = text('host:port', /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/, '0.0.0.0:7443');
const keyFile = (fallback: string) => text('a path, or "credential:NAME"', /^[^\0]{1,4096}$/, fallback);

/** Every key with its default (as it is written in the file) and its bounds; the only place that has either. */
export function hubKeys(directory: string) {
  return {
    'hub.directory': path(directory),
    'hub.listen': listenKey,
    'hub.metrics_listen': text('host:port, or "off"', /^(off|[^\s]{1,255}:\d{1,5})$/, 'off'),
    'tls.certificate_file': keyFile('/etc/forebear/hub.pem'),
    'tls.key_file': keyFile('/etc/forebear/hub.key'),
    'tls.client_ca_file': text('a path, "credential:NAME" or ""', /^[^\0]{0,4096}$/, ''),
    'auth.require': oneOf('token', ['token', 'certificate', 'both']),
    'ingest.max_body': size('64MiB', '64KiB', '64MiB'),
    'ingest.max_waiting': size('128MiB', '64KiB', '4GiB'),
    'ingest.headers_timeout': span('10s', '100ms', '10m'),
    'ingest.request_timeout': span('60s', '100ms', '1h'),
    'ingest.max_connections': whole(1000, 1, 100_000),
    'retention.max_bytes': size('10GiB', '1MiB', '16TiB'),
    'retention.max_age': span('365d', '1m', '3650d'),
    'hosts.silent_after': span('5m', '1s', '30d'),
    'log.level': oneOf<LogLevel>('info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'log.format': oneOf<LogFormat>('auto', ['auto', 'json', 'pretty']),
  };
}

const listenKey: Key<{ host: string; port: number }> = {
  fallback: address.fallback,
  expected: address.expected,
  read: (value) => {
    const found = address.read(value);
    if (found === undefined) return undefined;
    const port = Number(found.slice(found.lastIndexOf(':') + 1));
    const host = found.slice(0, found.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
    return port <= 65_535 ? { host, port } : undefined;
  },
};

type Keys = ReturnType<typeof hubKeys>;
type Values = { [K in keyof Keys]: Keys[K] extends Key<infer T> ? T : never };

/**
 * in: TOML text, its name for messages, where the database lies unless told; out: all settings.
 * Throws FB_CONFIG_SYNTAX (line, column), FB_CONFIG_UNKNOWN_KEY (hint: the nearest known), FB_CONFIG_VALUE.
 */
export function parseHubConfig(toml: string, file: string, directory: string = HUB_DIRECTORY): HubConfig {
  const known = hubKeys(directory);
  const { outputs: tables = {}, ...rest } = parseToml(toml, file);
  const given = flatten(rest, known, toml, file, 'config/hub.toml');
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(known) as [string, Key<unknown>][]) {
    const value = key.read(given.has(name) ? given.get(name) : key.fallback);
    if (value === undefined) throw refused(name, key.expected, given.get(name), toml, file);
    values[name] = value;
  }
  const config = arrange(values as Values);
  if (config.require !== 'token' && config.tls.clientCaFile === null) {
    throw refused('auth.require', '"token", or tls.client_ca_file beside it', config.require, toml, file);
  }
  return { ...config, outputs: outputsOf(tables, toml, file) };
}

function outputsOf(tables: unknown, toml: string, file: string): OutputConfig[] {
  const outputs = readOutputs(tables, (fault) => {
    throw outputRefused(fault, toml, file);
  });
  const hub = outputs.find(({ type }) => type === 'hub');
  if (hub !== undefined) throw refused(`outputs.${hub.name}.type`, 'any type but "hub"', 'hub', toml, file);
  return outputs;
}

function arrange(v: Values): Omit<HubConfig, 'outputs'> {
  const clientCaFile = v['tls.client_ca_file'];
  return {
    directory: v['hub.directory'],
    listen: v['hub.listen'],
    metricsListen: v['hub.metrics_listen'],
    tls: {
      certificateFile: v['tls.certificate_file'],
      keyFile: v['tls.key_file'],
      clientCaFile: clientCaFile === '' ? null : clientCaFile,
    },
    require: v['auth.require'],
    ingest: {
      maxBodyBytes: v['ingest.max_body'],
      maxWaitingBytes: v['ingest.max_waiting'],
      headersTimeoutMs: v['ingest.headers_timeout'],
      requestTimeoutMs: v['ingest.request_timeout'],
      maxConnections: v['ingest.max_connections'],
    },
    retention: { maxBytes: v['retention.max_bytes'], maxAgeMs: v['retention.max_age'] },
    silentAfterMs: v['hosts.silent_after'],
    log: { level: v['log.level'], format: v['log.format'] },
  };
}
