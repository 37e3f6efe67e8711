// `forebear hub alerts`: the alerts of all hosts, as `forebear tail` shows those of one. Reads beside a hub that serves.

import { InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import type { Severity } from '../detect/rule.ts';
import { reasonOf } from '../errors.ts';
import { type AlertQuery, type HubAlert, HubAlerts } from '../hub/alerts-io.ts';
import { openToRead } from '../hub/database-io.ts';
import { decodeAlert, documentText, RANK_OF } from '../proto/alert-codec.ts';
import { foldText } from '../proto/fold-amend.ts';
import { realWaiting } from '../ship/wait.ts';
import { formatAlertLine } from './alert-line.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type HubConfigOptions, loadHubConfig, withHubConfig } from './hub-config.ts';
import { ruleTest } from './journal-records.ts';
import { parseSince } from './since.ts';
import { escapeJson, escapeText, terminalWidth, wantsColor } from './terminal.ts';

export interface HubAlertsOptions extends HubConfigOptions {
  follow?: boolean;
  lines?: number;
  since?: number;
  rule?: string;
  severity?: Severity;
  host?: string;
  user?: string;
  uuid?: string;
  json?: boolean;
}

const DEFAULT_LINES = 10;
const POLL_MS = 500;
const LINES_PER_WAIT = 256;

const HELP = `
Without --since the last ${DEFAULT_LINES} alerts are shown, oldest event first; while -f follows, alerts come as they arrive. With --json
each line is the alert's ECS document, with what became known of it later.

Exit status: 0 alerts were shown, 1 none, 2 usage, configuration or run-time error.

Examples:
  forebear hub alerts -f --severity high
  forebear hub alerts --since 1d --host web-1 --rule 'Systemd*'
  forebear hub alerts --since 1h --json | jq -r .host.name | sort | uniq -c`;

export const registerHubAlerts: Register = (hub, io, done) => {
  const command = hub
    .command('alerts')
    .description('Shows alerts of all hosts, oldest first; with -f it goes on with each new one until Ctrl-C.')
    .option('-f, --follow', 'wait for more alerts')
    .option('-n, --lines <n>', 'at most the last n alerts, or "all"', lineCount)
    .option('--since <time>', 'alerts of events from then on: 90s, 1h, 7d, or 2026-11-24T10:00', since)
    .option('--rule <rule>', 'alerts of one rule: its id, or its name with * for any text')
    .addOption(new Option('--severity <least>', 'alerts of this severity and above').choices(Object.keys(RANK_OF)))
    .option('--host <host>', 'alerts of one host: its name or id')
    .option('--user <name>', 'alerts of one user name')
    .option('--uuid <uuid>', 'one alert, by its uuid or a beginning of it')
    .option('--json', 'print documents, one JSON object a line');
  withHubConfig(command).addHelpText('after', HELP);
  command.action(async (options: HubAlertsOptions) => done(await alerts(options, io)));
};

/** Throws FB_CONFIG_*, FB_HUB_*. */
async function alerts(options: HubAlertsOptions, io: Io): Promise<ExitStatus> {
  using database = openToRead(loadHubConfig(options).directory);
  const all = new HubAlerts(database.sql);
  const query = queryOf(options);
  const accepts = accepting(options);
  const printer = new Printer(all, options, io);
  let last = all.top();
  const known = (alert: HubAlert) => alert.row <= last && accepts(alert);
  for (const alert of chosen(all, query, known, linesOf(options))) {
    if (io.signal.aborted) break;
    await printer.print(alert);
  }
  while (options.follow === true && !io.signal.aborted) {
    const top = all.top();
    for (const alert of all.after(last, query, top)) {
      if (io.signal.aborted) break;
      if (accepts(alert)) await printer.print(alert);
    }
    last = top;
    await realWaiting.wait(POLL_MS, io.signal);
  }
  return printer.printed > 0 ? 0 : 1;
}

/** The last so many, oldest first. */
function* chosen(
  all: HubAlerts,
  query: AlertQuery,
  accepts: (alert: HubAlert) => boolean,
  lines: number,
): Generator<HubAlert> {
  if (lines === Number.POSITIVE_INFINITY) {
    for (const alert of all.oldest(query)) if (accepts(alert)) yield alert;
    return;
  }
  const found: HubAlert[] = [];
  if (lines > 0) {
    for (const alert of all.newest(query)) {
      if (accepts(alert)) found.push(alert);
      if (found.length === lines) break;
    }
  }
  yield* found.reverse();
}

function accepting(options: HubAlertsOptions): (alert: HubAlert) => boolean {
  const ofRule = ruleTest(options);
  return ({ ruleId, ruleName }) => ofRule({ rule_id: ruleId, ruleName });
}

function queryOf({ since: sinceMs, host, user, uuid, severity }: HubAlertsOptions): AlertQuery {
  return {
    ...(sinceMs !== undefined && { sinceMs }),
    ...(host !== undefined && { host }),
    ...(user !== undefined && { user }),
    ...(uuid !== undefined && { uuid: uuid.toLowerCase() }),
    ...(severity !== undefined && { rank: RANK_OF[severity] }),
  };
}

function linesOf({ lines, since: from }: HubAlertsOptions): number {
  return lines ?? (from === undefined ? DEFAULT_LINES : Number.POSITIVE_INFINITY);
}

class Printer {
  printed = 0;
  readonly #all: HubAlerts;
  readonly #io: Io;
  readonly #json: boolean;
  readonly #look: { color: boolean; width: number | undefined };

  constructor(all: HubAlerts, { json }: HubAlertsOptions, io: Io) {
    this.#all = all;
    this.#io = io;
    this.#json = json === true;
    this.#look = { color: wantsColor(io.env, io.outIsTerminal), width: terminalWidth(io) };
  }

  async print(alert: HubAlert): Promise<void> {
    const payload = this.#all.payloadOf(alert);
    if (payload === undefined) return;
    try {
      this.#io.out(`${this.#json ? this.#document(alert, payload) : this.#line(alert, payload)}\n`);
      this.printed++;
    } catch (error) {
      const of = `alert ${escapeText(alert.uuid)} of ${escapeText(alert.hostId)}`;
      this.#io.err(`forebear: ${of} cannot be shown: ${escapeText(reasonOf(error))}\n`);
    }
    if (this.printed % LINES_PER_WAIT === 0) await this.#io.drained?.();
  }

  #document(alert: HubAlert, payload: Uint8Array): string {
    return escapeJson(foldText(documentText(payload), this.#all.amendsOf(alert)));
  }

  /** The host is the one that the credential is bound to, whatever the alert says. */
  #line({ hostName, hostId }: HubAlert, payload: Uint8Array): string {
    const alert = decodeAlert(payload);
    return formatAlertLine({ ...alert, hostName: hostName === '' ? hostId : hostName }, this.#look);
  }
}

function lineCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a number of alerts, or "all".');
}

function since(text: string): number {
  return parseSince(text, systemClock.wallMs());
}
