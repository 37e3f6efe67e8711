// `forebear agent`: the whole data path in the foreground. Its first lines say what runs and what does not, then each alert
// is a line; Ctrl-C or SIGTERM ends it in order with a summary. Its own log goes to stderr. Called by agent.ts.

import type { OwnUnit } from '../agent/protection.ts';
import { ownUnit } from '../agent/protection-io.ts';
import type { Reloaded } from '../agent/reload.ts';
import { SourceWatch } from '../agent/source-watch-io.ts';
import { abilitiesWith } from '../agent/wanted-kinds.ts';
import { type AgentOptions, runAgent } from '../agent.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Alert } from '../detect/alert.ts';
import type { HostAbilities } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { type LoadOptions, loadRuleSet, type RuleSources } from '../detect/load-rule-set-io.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Pace } from '../detect/pace-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { loadAddon } from '../sensor/binding.ts';
import { EbpfSensor } from '../sensor/ebpf-sensor.ts';
import type { LoadAhead } from '../sensor/load.ts';
import { type LoadPlan, writeLoadPlan } from '../sensor/load-plan-io.ts';
import { loadServiceAddon } from '../service/binding.ts';
import type { ManagerLink } from '../service/manager-io.ts';
import type { AgentCommandOptions } from './agent.ts';
import { AgentReload } from './agent-reload.ts';
import { readyLines, summaryLine } from './agent-text.ts';
import { formatAlertLine } from './alert-line.ts';
import { AlertPrinter } from './alert-printer.ts';
import type { ExitStatus, Io } from './command.ts';
import { loadConfigAgain } from './load-config.ts';
import { assertReadable, pathsOf, sourcesOf } from './rule-sources.ts';
import { agentLine } from './service-text.ts';
import { makeStateDirectory } from './state-directory.ts';
import { supervise } from './supervise.ts';
import { escapeJson, painter, terminalWidth, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';
import { watchedFiles } from './watched-files.ts';

export interface Begun {
  /** The programs, on their way into the kernel. */
  ahead: LoadAhead;
  /** To the service manager; undefined: there is none. */
  link: ManagerLink | undefined;
}

/** Throws FB_RULES_NONE, FB_STATE_DIRECTORY, and what runAgent throws. */
export async function runAgentCommand(
  options: AgentCommandOptions,
  io: Io,
  config: Config,
  { ahead, link }: Begun,
): Promise<ExitStatus> {
  const sources = sourcesOf(options, config);
  const fields = new FieldTable();
  const load = loaderInto(fields, abilitiesWith(config.sensor.events));
  const watch = config.rules.reload === 'change' ? new SourceWatch(pathsOf(sources)) : undefined;
  const rules = await load(sources);
  makeStateDirectory(config.state.directory);
  const log = loggerOf(config, io);
  const say = (line: string) => (options.json === true ? io.err : io.out)(`${line}\n`);
  const printer = alertPrinter(options, io, say);
  const reload = reloadOf(options, load, watch, log);
  const seen: Seen = { status: undefined, durable: 0 };
  const line = () => agentLine(seen.status, reload.outcome);
  const supervised = { link, status: line, progress: () => seen.durable, log, io, signal: io.signal };
  using supervision = supervise(supervised);
  const unit = link === undefined ? undefined : unitOf();
  const summary = await runAgent({
    ...{ config, version: VERSION, fields, rules, clock: machineClock(), log, signal: io.signal },
    makeSensor: sensorMaker(config, ahead, log),
    watched: watchedFiles(options, sources),
    ...(unit && { unit }),
    ...(options.record === undefined ? {} : { recordTo: options.record }),
    onReady: (ready) => {
      const paint = painter(wantsColor(io.env, io.outIsTerminal));
      const facts = { ready, rules, sources, nowMs: Date.now(), version: VERSION, paint };
      for (const line of readyLines({ ...facts, atTerminal: options.quiet !== true })) say(line);
      supervision.ready();
    },
    onStatus: (newest) => {
      seen.status = newest;
    },
    onAlert: (alert, seq) => {
      seen.durable++;
      if (options.quiet !== true) printer.print(alert, seq);
    },
    reloads: (listener) => {
      io.onReload?.(() => listener((running) => reload.run(running, supervision)));
      watch?.start({ log, onChange: () => listener((running) => reload.runChanged(running)) });
    },
  }).finally(() => watch?.stop());
  printer.sayMissing();
  say(summaryLine(summary));
  return 0;
}

/** What the run has told of itself so far. */
interface Seen {
  status: AgentStatus | undefined;
  /** Alerts in the journal. */
  durable: number;
}

type Load = (from: RuleSources, again?: Pick<LoadOptions, 'before' | 'pace'>) => Promise<RuleSet>;

/** in: the table of the events; out: reads rules and exceptions against it. Rejects with FB_RULES_NONE where none of them would run. */
function loaderInto(fields: FieldTable, abilities: HostAbilities): Load {
  return async (from, again = {}) => {
    const set = await loadRuleSet(from, { fields, languages: LANGUAGES, abilities }, again);
    checkSomeRun(set);
    return set;
  };
}

/** Reads the configuration again as well, or rules and exceptions alone; watch follows where they come from. */
function reloadOf(options: AgentCommandOptions, load: Load, watch: SourceWatch | undefined, log: Logger): AgentReload {
  const loadAgain = async (now: Config, { rules: before }: Reloaded, pace: Pace) => {
    const from = sourcesOf(options, now);
    const set = await load(from, { before, pace });
    assertReadable(from.rules, set.verdicts);
    return set;
  };
  return new AgentReload({
    load: async (running, pace) => {
      const now = loadConfigAgain(options);
      const rules = await loadAgain(now, running, pace);
      return { config: now, rules, watched: watchedFiles(options, sourcesOf(options, now)) };
    },
    loadRules: async (running, pace) => {
      const rules = await loadAgain(running.config, running, pace);
      return { config: running.config, rules, readBelow: pathsOf(sourcesOf(options, running.config)) };
    },
    onApplied: (running) => watch?.follow(pathsOf(sourcesOf(options, running.config))),
    log,
  });
}

function sensorMaker(config: Config, ahead: LoadAhead, log: Logger): AgentOptions['makeSensor'] {
  return (envNames, wanted, files) => {
    keepPlan(config, { wanted, files }, log);
    return new EbpfSensor({ envNames, wanted, files, ringBytes: config.sensor.ringBytes, ahead });
  };
}

function loggerOf({ log }: Config, io: Io): Logger {
  const color = wantsColor(io.env, io.errIsTerminal);
  return createLogger({ ...log, terminal: io.errIsTerminal, color, dataset: 'forebear.agent', version: VERSION });
}

function keepPlan({ state }: Config, plan: LoadPlan, log: Logger): void {
  try {
    writeLoadPlan(state.directory, plan);
  } catch (error) {
    log.info(
      { error },
      `the next start will take longer: what it needs of the kernel cannot be kept: ${reasonOf(error)}`,
    );
  }
}

function alertPrinter({ json }: AgentCommandOptions, io: Io, say: (line: string) => void): AlertPrinter {
  const color = wantsColor(io.env, io.outIsTerminal);
  const paint = painter(color);
  const format = (alert: Alert) =>
    json === true
      ? escapeJson(JSON.stringify(alert.document))
      : formatAlertLine(alert, { color, width: terminalWidth(io) });
  return new AlertPrinter({ io, format, say: (line) => say(json === true ? line : paint('magenta', `! ${line}`)) });
}

/** An agent without rules would see everything and tell nothing, and look healthy. */
function checkSomeRun({ rules, verdicts }: RuleSet): void {
  if (rules.length > 0) return;
  const refused = verdicts.filter(({ error }) => error !== undefined);
  const [first] = refused;
  const hint =
    first === undefined
      ? 'name a rule file, or a folder of them, with --rules or rules.paths'
      : `${first.file}: ${first.error?.code} ${first.error?.message}`;
  throw new ForebearError('FB_RULES_NONE', `no rule would run (${refused.length} refused)`, { hint });
}

/** From now on it is known who sent SIGTERM: main.ts has its handler. undefined: in no unit of systemd's. */
function unitOf(): OwnUnit | undefined {
  const name = ownUnit();
  const addon = loadServiceAddon();
  if (name === undefined || addon.watchTermination() < 0) return undefined;
  return { name, sender: addon.terminationSender };
}

/** Exact boot time comes from the addon: /proc/uptime has steps of 10 ms. */
function machineClock(): Clock {
  const { bootTimeNs } = loadAddon();
  return { wallMs: () => Date.now(), bootNs: () => bootTimeNs() };
}
