// Passing on what arrives: the shipper's lanes over the hub's database, their cursors, dead letters and status in a directory of
// their own below the hub's. In: outputs of hub.toml; out: runs until stopped. Called by serve-io.ts.

import { join } from 'node:path';
import type { HubConfig } from '../config/hub.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { makeOutput } from '../ship/make-output.ts';
import type { ShipStatus } from '../ship/ship-status.ts';
import { runShip } from '../ship.ts';
import type { Counters } from '../stats.ts';
import type { HubDatabase } from './database-io.ts';
import { ForwardSource } from './forward-source-io.ts';
import type { Forwarding } from './serve-io.ts';

export interface ForwardingOptions {
  config: HubConfig;
  version: string;
  counters: Counters;
  log: Logger;
  /** The lanes ended by themselves, which they do not unless their directory cannot be used: the hub ends. */
  onFault: (error: unknown) => void;
}

/** Where the lanes keep what they remember. */
export function forwardDirectory({ directory }: Pick<HubConfig, 'directory'>): string {
  return join(directory, 'ship');
}

export function startForwarding(database: HubDatabase, options: ForwardingOptions): Forwarding {
  const { config, version, counters, log, onFault } = options;
  if (config.outputs.length === 0) return { forwarded: () => undefined, status: () => undefined, stop: async () => {} };
  const stopping = new AbortController();
  let status: ShipStatus | undefined;
  const { sql, id } = database;
  const running = runShip({
    config: {
      state: { directory: config.directory },
      ship: { directory: forwardDirectory(config), metricsListen: 'off' },
      outputs: config.outputs,
    },
    ...{ version, counters, log, once: false, signal: stopping.signal },
    makeOutput: (output) => makeOutput(output, { version }),
    makeSource: ({ name, severity, selftest }, kinds, waiting) => {
      const onReset = (reason: string) => log.error(`output ${name} begins again at the first record: ${reason}`);
      return new ForwardSource({ sql, id, waiting, wanted: { kinds, severity, selftest }, onReset });
    },
    onStatus: (now) => {
      status = now;
    },
  }).catch((error: unknown) => {
    log.error({ error }, `nothing is passed on: ${reasonOf(error)}`);
    onFault(error);
  });
  const forwarded = () => Math.min(...(status?.outputs.map(({ cursorSeq }) => cursorSeq) ?? [0]));
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return { forwarded, status: () => status, stop };
}
