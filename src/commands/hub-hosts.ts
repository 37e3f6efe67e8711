// `forebear hub hosts`: of each host whether it is silent, how far behind, and whether its journal was forked.

import { systemClock } from '../clock.ts';
import { formatDuration } from '../config/units.ts';
import { openToRead } from '../hub/database-io.ts';
import { type HubHost, listHosts } from '../hub/hosts-io.ts';
import { localTime } from './alert-line.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type HubConfigOptions, loadHubConfig, withHubConfig } from './hub-config.ts';
import { escapeJson, escapeText, type Paint, painter, type Style, wantsColor } from './terminal.ts';

const HELP = `
A host is silent when no heartbeat has come from it for hosts.silent_after, by the hub's clock. "stopped": the same, and its agent
had said that it stops. "fork": what it sends is refused, since another host has sent other records under the same journal
id: it is a clone, or a snapshot of it was restored; its agent begins a new journal id, and goes on. "behind": how old its newest
heartbeat was when it came: a backlog, or a clock that is off. A host that was revoked is never silent.

Exit status: 0 every host is heard, 1 one is silent, stopped or forked, or there is none, 2 usage or run-time error.

Examples:
  forebear hub hosts
  forebear hub hosts --json | jq -r 'select(.state == "silent") | .host.name'`;

interface HostsOptions extends HubConfigOptions {
  json?: boolean;
}

const STYLES: Readonly<Record<HubHost['state'], Style>> = {
  ok: 'green',
  silent: 'red',
  stopped: 'yellow',
  fork: 'red',
  revoked: 'dim',
};
/** Less is the way of things. */
const LAG_SHOWN_MS = 10_000;

export const registerHubHosts: Register = (hub, io, done) => {
  const command = hub
    .command('hosts')
    .description('Shows the hosts that have sent something, and which of them are silent.')
    .option('--json', 'one JSON object a line');
  withHubConfig(command).addHelpText('after', HELP);
  command.action((options: HostsOptions) => done(hosts(options, io, systemClock.wallMs())));
};

/** Throws FB_CONFIG_*, FB_HUB_*. */
function hosts(options: HostsOptions, io: Io, nowMs: number): ExitStatus {
  const config = loadHubConfig(options);
  using database = openToRead(config.directory);
  const found = listHosts(database.sql, config.silentAfterMs, nowMs);
  const paint = painter(wantsColor(io.env, io.outIsTerminal));
  for (const host of found) {
    io.out(
      options.json === true ? `${escapeJson(JSON.stringify(hostJson(host)))}\n` : `${hostLine(host, nowMs, paint)}\n`,
    );
  }
  if (found.length === 0 && options.json !== true) io.err('forebear: no host has sent anything yet\n');
  return found.length > 0 && found.every(({ state }) => state === 'ok' || state === 'revoked') ? 0 : 1;
}

/** in: a host; out: one line, escaped, no line end. */
export function hostLine(host: HubHost, nowMs: number, paint: Paint): string {
  const { state, sinceMs, lagMs, forks, version } = host;
  const since = sinceMs === undefined ? '' : ` since ${localTime(sinceMs)}`;
  const parts = [
    paint(STYLES[state], `${state}${since}`.padEnd(7)),
    paint('bold', escapeText(host.name === '' ? '?' : host.name)),
    escapeText(host.hostId),
    escapeText(version),
    `${host.alerts} alerts`,
    ...(host.gaps === 0 ? [] : [`${host.gaps} gaps`]),
    ...(host.heartbeatMs === undefined ? ['no heartbeat'] : [`heartbeat ${ago(nowMs - host.heartbeatMs)} ago`]),
    ...(lagMs !== undefined && lagMs > LAG_SHOWN_MS ? [`${ago(lagMs)} behind`] : []),
    ...forks.map(({ journalId, seq, count }) =>
      paint('magenta', `! journal ${journalId.slice(0, 8)} forked at ${seq} (${count})`),
    ),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function ago(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1000) * 1000));
}

/** ECS names where there are some. */
function hostJson({ hostId, name, version, state, ...rest }: HubHost) {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return {
    host: { id: hostId, name },
    agent: { version },
    state,
    since: time(rest.sinceMs),
    first_seen: time(rest.firstMs),
    last_seen: time(rest.seenMs),
    last_heartbeat: time(rest.heartbeatMs),
    lag_ms: rest.lagMs,
    records: rest.records,
    alerts: rest.alerts,
    journals: rest.journals,
    gaps: rest.gaps,
    forks: rest.forks.map(({ journalId, seq, firstMs, seenMs, count }) => ({
      ...{ journal_id: journalId, seq, count },
      ...{ first_seen: time(firstMs), last_seen: time(seenMs) },
    })),
  };
}
