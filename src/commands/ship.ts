// `forebear ship`: delivers the journal to the outputs of the configuration, in the foreground, as a program of its own. Also what one
// wants to know or do before that: --dry-run, --setup. Dead letters: ship-dead.ts.

import type { Command } from 'commander';
import { clearTextWarnings } from '../config/clear-text.ts';
import type { OutputConfig } from '../config/outputs.ts';
import { type Config, journalDirectory } from '../config.ts';
import { ForebearError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { takeManagerLink } from '../service/manager-io.ts';
import { hubFacts } from '../ship/hub-facts-io.ts';
import { makeOutput } from '../ship/make-output.ts';
import type { ShipStatus } from '../ship/ship-status.ts';
import { runShip } from '../ship.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { CONFIG_EXAMPLE, type ConfigOptions, loadConfig, loadConfigAgain, withConfigOptions } from './load-config.ts';
import { shipLine } from './service-text.ts';
import { registerDead } from './ship-dead.ts';
import { dryRun } from './ship-dry-run.ts';
import { ShipReload } from './ship-reload.ts';
import { setUp } from './ship-setup.ts';
import { supervise } from './supervise.ts';
import { escapeText, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
Outputs are the tables [outputs.NAME] of the configuration; ${CONFIG_EXAMPLE} shows each type with its keys. Every output
has its own place in the journal (<ship.directory>/cursors/NAME): one that is slow or dead holds up no other, the backlog goes
before fresh alerts, and what was not acknowledged is sent again. What an endpoint will never take becomes a dead letter.
Where somebody has to act (a revoked key, a full disk there, an expired certificate) the output holds and says so in its log and
in "forebear status"; nothing is dropped.

SIGHUP (systemctl reload forebear-ship) reads the outputs again: those that are as they were go on undisturbed.

Exit status: 0 ended by a signal, or all was delivered; 1 with --once something was not; 2 usage, configuration or run-time error;
78 under a service manager, when its start failed.

Examples:
  forebear ship --config my.toml               deliver, until Ctrl-C
  forebear ship --config my.toml --dry-run     what would be sent, and to whom
  forebear ship --config my.toml --setup       install index templates in Elasticsearch or OpenSearch
  forebear ship --config my.toml --setup --print opensearch
  forebear ship --config my.toml --once        deliver what there is now, try once, end
  forebear ship dead list --config my.toml`;

export interface ShipCommandOptions extends ConfigOptions {
  once?: boolean;
  dryRun?: boolean;
  setup?: boolean;
  /** true: for the product that answers. */
  print?: string | true;
  output?: string[];
  json?: boolean;
}

export const registerShip: Register = (program, io, done) => {
  const command = program
    .command('ship')
    .description('Delivers the journal to the outputs of the configuration, until Ctrl-C.')
    .option('--once', 'deliver what the journal has now, try each batch once, then end')
    .option('--dry-run', 'say what would be sent, and send nothing')
    .option('--setup', 'install what the endpoints need (index templates), then end')
    .option('--print [product]', 'with --setup: print it instead: elasticsearch or opensearch')
    .option('--output <name...>', 'only these outputs')
    .option('--json', 'with --dry-run and --setup: one JSON object a line');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  // What stands behind "dead" is of that command, though both have options of these names.
  command.enablePositionalOptions();
  command.action(async (options: ShipCommandOptions) => done(await ship(options, io)));
  registerDead(command, io, done);
};

/** Throws FB_CONFIG_*, FB_SHIP_*, FB_SERVICE_ADDON. */
export async function ship(options: ShipCommandOptions, io: Io): Promise<ExitStatus> {
  checkUsage(options);
  const link = takeManagerLink();
  const config = chosen(loadConfig(options), options.output);
  const places = { journalDirectory: journalDirectory(config.state.directory), shipDirectory: config.ship.directory };
  const hub = hubFacts({ ...places, version: VERSION });
  const make = (output: OutputConfig) => makeOutput(output, { version: VERSION, hub });
  if (options.setup === true || options.dryRun === true) {
    for (const text of clearTextWarnings(config.outputs)) io.err(`forebear: ${escapeText(text)}\n`);
  }
  if (options.setup === true) return await setUp(config, options, make, io);
  if (options.dryRun === true) return await dryRun(config, options.json === true, io);
  const log = createLogger({
    ...config.log,
    terminal: io.errIsTerminal,
    color: wantsColor(io.env, io.errIsTerminal),
    dataset: 'forebear.ship',
    version: VERSION,
  });
  for (const { name, type } of config.outputs) log.info(`output ${name} (${type})`);
  const once = options.once === true;
  const counters = new Counters();
  let status: ShipStatus | undefined;
  const progress = () => status?.outputs.reduce((sum, { delivered }) => sum + delivered, 0) ?? 0;
  const load = () => chosen(loadConfigAgain(options), options.output);
  const reload = new ShipReload({ config, load, log });
  const line = () => shipLine(status, reload.outcome);
  using supervision = supervise({ link, status: line, progress, log, io, signal: io.signal });
  const gaveUp = await runShip({
    ...{ config, version: VERSION, counters, log, makeOutput: make, once, signal: io.signal },
    onReady: () => supervision.ready(),
    onStatus: (newest) => {
      status = newest;
    },
    reloads: (listener) => io.onReload?.(() => listener((lanes) => reload.run(lanes, supervision))),
  });
  if (gaveUp.length > 0) io.err(`forebear: not delivered: ${gaveUp.map(escapeText).join(', ')}\n`);
  return gaveUp.length > 0 ? 1 : 0;
}

/** One who asks what would be sent shall not find it sent. Throws FB_USAGE. */
function checkUsage({ once, dryRun, setup, print, json }: ShipCommandOptions): void {
  const modes = [once && '--once', dryRun && '--dry-run', setup && '--setup'].filter(Boolean);
  const wrong =
    (modes.length > 1 && `one of ${modes.join(', ')}, not several`) ||
    (print !== undefined && setup !== true && '--print goes with --setup') ||
    (json === true && setup !== true && dryRun !== true && '--json goes with --dry-run or --setup');
  if (wrong) throw new ForebearError('FB_USAGE', wrong, { hint: 'forebear ship --help' });
}

/** The outputs that were named, or all; at least one. */
function chosen(config: Config, names: readonly string[] | undefined): Config {
  const known = config.outputs.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const hint = `the configuration has ${known.length === 0 ? 'none' : known.join(', ')}`;
    throw new ForebearError('FB_SHIP_OUTPUT', `there is no output ${unknown}`, { hint });
  }
  const outputs = config.outputs.filter(({ name }) => names?.includes(name) ?? true);
  if (outputs.length > 0) return { ...config, outputs };
  const hint = `add a table [outputs.NAME] (${CONFIG_EXAMPLE} shows how), or run forebear enrol`;
  throw new ForebearError('FB_SHIP_NO_OUTPUT', 'the configuration has no output', { hint });
}
