// `forebear hub serve`: the endpoint in the foreground, until Ctrl-C or SIGTERM.

import { startForwarding } from '../hub/forward-io.ts';
import { serveHub } from '../hub/serve-io.ts';
import { createLogger } from '../log.ts';
import { takeManagerLink } from '../service/manager-io.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { HUB_EXAMPLE, type HubConfigOptions, loadHubConfig, withHubConfig } from './hub-config.ts';
import { hubLine } from './service-text.ts';
import { supervise } from './supervise.ts';
import { wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
A host delivers with an [outputs.NAME] of type "hub" in its forebear.toml: url = "https://HUB:7443", and token_file with a token
of "forebear hub enrol". What a host was told is stored has been synced to disk before. Alerts are kept in a database
(hub.directory), and passed on to the outputs of the configuration. ${HUB_EXAMPLE} names every key.

Exit status: 0 ended by a signal, 2 usage, configuration or run-time error; 78 under a service
manager, when its start failed.

Example:
  forebear hub serve --config hub.toml`;

export const registerServe: Register = (hub, io, done) => {
  const command = hub.command('serve').description('Takes what hosts send, and keeps it, until Ctrl-C.');
  withHubConfig(command).addHelpText('after', HELP);
  command.action(async (options: HubConfigOptions) => done(await serve(options, io)));
};

/** Throws FB_CONFIG_*, FB_SERVICE_ADDON, FB_HUB_*, FB_SHIP_KEY, and what ends the forwarding. */
async function serve(options: HubConfigOptions, io: Io): Promise<ExitStatus> {
  const link = takeManagerLink();
  const config = loadHubConfig(options);
  const color = wantsColor(io.env, io.errIsTerminal);
  const logging = { ...config.log, terminal: io.errIsTerminal, color, dataset: 'forebear.hub', version: VERSION };
  const log = createLogger(logging);
  const counters = new Counters();
  const faulted = new AbortController();
  const faults: unknown[] = [];
  const onFault = (error: unknown) => {
    faults.push(error);
    faulted.abort();
  };
  const signal = AbortSignal.any([io.signal, faulted.signal]);
  const stored = () => counters.get('hub_records_stored_total');
  using supervision = supervise({ link, status: () => hubLine(stored()), progress: stored, log, io, signal });
  await serveHub({
    config,
    version: VERSION,
    counters,
    log,
    signal,
    onReady: ({ host, port }) => {
      io.out(`hub: listening on ${host.includes(':') ? `[${host}]` : host}:${port}\n`);
      supervision.ready();
    },
    forward: (database) => startForwarding(database, { config, version: VERSION, counters, log, onFault }),
  });
  if (faults.length > 0) throw faults[0];
  log.info({ 'forebear.counters': Object.fromEntries(counters.entries()) }, 'the hub has stopped');
  return 0;
}
