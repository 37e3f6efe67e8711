// `forebear agent`: the whole data path in the foreground. Its first lines say what runs and what does not, then each alert
// is a line; Ctrl-C or SIGTERM ends it in order with a summary. Its own log goes to stderr. Called by agent.ts.

import type { OwnUnit } from '../agent/protection.ts';
import { ownUnit } from '../agent/protection-io.ts';
import type { Reloaded } from '../agent/reload.ts';
import { SourceWatch } from '../agent/source-watch-io.ts';
import { runAgent } from '../agent.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Alert } from '../detect/alert.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
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
  const load = async (from: RuleSources, again: Pick<LoadOptions, 'before' | 'pace'> = {}) => {
    const set = await loadRuleSet(from, { fields, languages: LANGUAGES, abilities: LINUX_HOST }, again);
    checkSomeRun(set);
    return set;
  };
  const watch = config.rules.reload === 'change' ? new SourceWatch(pathsOf(sources)) : undefined;
  const rules = await load(sources);
  const loadAgain = async (now: Config, { rules: before }: Reloaded, pace: Pace) => {
    const from = sourcesOf(options, now);
    const set = await load(from, { before, pace });
    assertReadable(from.rules, set.verdicts);
    return set;
  };
  makeStateDirectory(config.state.directory);
  const log = createLogger({
    ...config.log,
    terminal: io.errIsTerminal,
    color: wantsColor(io.env, io.errIsTerminal),
    dataset: 'forebear.agent',
    version: VERSION,
  });
  const paint = painter(wantsColor(io.env, io.outIsTerminal));
  const say = (line: string) => (options.json === true ? io.err : io.out)(`${line}\n`);
  const printer = alertPrinter(options, io, say);
  let status: AgentStatus | undefined;
  let durable = 0;
  const reload = new AgentReload({
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
  const line = () => agentLine(status, reload.outcome);
  const supervised = { link, status: line, progress: () => durable, log, io, signal: io.signal };
  using supervision = supervise(supervised);
  const unit = link === undefined ? undefined : unitOf();
  const summary = await runAgent({
    config,
    version: VERSION,
    fields,
    rules,
    clock: machineClock(),
    makeSensor: (envNames, wanted, files) => {
      keepPlan(config, { wanted, files }, log);
      return new EbpfSensor({ envNames, wanted, files, ringBytes: config.sensor.ringBytes, ahead });
    },
    watched: watchedFiles(options, sources),
    ...(unit && { unit }),
    log,
    ...(options.record === undefined ? {} : { recordTo: options.record }),
    onReady: (ready) => {
      const facts = { ready, rules, sources, nowMs: Date.now(), version: VERSION, paint };
      for (const line of readyLines({ ...facts, atTerminal: options.quiet !== true })) say(line);
      supervision.ready();
    },
    onStatus: (newest) => {
      status = newest;
    },
    onAlert: (alert, seq) => {
      durable++;
      if (options.quiet !== true) printer.print(alert, seq);
    },
    reloads: (listener) => {
      io.onReload?.(() => listener((running) => reload.run(running, supervision)));
      watch?.start({ log, onChange: () => listener((running) => reload.runChanged(running)) });
    },
    signal: io.signal,
  }).finally(() => watch?.stop());
  printer.sayMissing();
  say(summaryLine(summary));
  return 0;
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
