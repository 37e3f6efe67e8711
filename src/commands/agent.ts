// `forebear agent`: the whole data path in the foreground. Its first lines say what runs and what does not, then each alert
// is a line; Ctrl-C or SIGTERM ends it in order with a summary. Its own log goes to stderr.

import { runAgent } from '../agent.ts';
import type { Clock } from '../clock.ts';
import type { Alert } from '../detect/alert.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRuleSet } from '../detect/load-rule-set-io.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { loadAddon } from '../sensor/binding.ts';
import { EbpfSensor } from '../sensor/ebpf-sensor.ts';
import { readyLines, summaryLine } from './agent-text.ts';
import { formatAlertLine } from './alert-line.ts';
import { AlertPrinter } from './alert-printer.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { type SourceOptions, sourcesOf, withSourceOptions } from './rule-sources.ts';
import { makeStateDirectory } from './state-directory.ts';
import { escapeJson, painter, terminalWidth, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
Needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and a kernel from 5.10 on with BTF
(/sys/kernel/btf/vmlinux). Alerts are in the journal (<state>/journal) before they are printed: "forebear tail" shows them
later or elsewhere. When nobody takes the output, alerts beyond a thousand lines are not printed, and counted. With --json,
stdout has the alerts and nothing else; the first lines and the summary go to stderr.

Exit status: 0 ended by a signal, 2 usage, configuration or run-time error.

Examples:
  forebear agent
  forebear agent --rules rules --rules ./my-rules --state /tmp/forebear
  forebear agent --exceptions rules/exceptions --exceptions my-list.ndjson
  forebear agent --record run.fbrec      and later: forebear replay run.fbrec`;

interface AgentCommandOptions extends ConfigOptions, SourceOptions {
  record?: string;
  json?: boolean;
}

export const registerAgent: Register = (program, io, done) => {
  const command = program
    .command('agent')
    .description('Watches every exec of this host, runs the rules on it, and journals and prints alerts.')
    .option('--record <file>', 'also record the raw events there, for replay; the file must not exist')
    .option('--json', 'print alerts as documents, one JSON object a line');
  withConfigOptions(withSourceOptions(command)).addHelpText('after', HELP);
  command.action(async (options: AgentCommandOptions) => done(await agent(options, io)));
};

/** Throws FB_CONFIG_*, FB_RULES_NONE, FB_STATE_DIRECTORY, and what runAgent throws. */
export async function agent(options: AgentCommandOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  const sources = sourcesOf(options, config);
  const fields = new FieldTable();
  const rules = await loadRuleSet(sources, { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  checkSomeRun(rules);
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
  const summary = await runAgent({
    config,
    version: VERSION,
    fields,
    rules,
    clock: machineClock(),
    makeSensor: (envNames, wanted) => new EbpfSensor({ envNames, wanted, ringBytes: config.sensor.ringBytes }),
    log,
    ...(options.record === undefined ? {} : { recordTo: options.record }),
    onReady: (ready) => {
      for (const line of readyLines({ ready, rules, sources, nowMs: Date.now(), version: VERSION, paint })) say(line);
    },
    onAlert: (alert, seq) => printer.print(alert, seq),
    signal: io.signal,
  });
  printer.sayMissing();
  say(summaryLine(summary));
  return 0;
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
      ? 'name a rule file, or a folder with *.toml below, with --rules or rules.paths'
      : `${first.file}: ${first.error?.code} ${first.error?.message}`;
  throw new ForebearError('FB_RULES_NONE', `no rule would run (${refused.length} refused)`, { hint });
}

/** Exact boot time comes from the addon: /proc/uptime has steps of 10 ms. */
function machineClock(): Clock {
  const { bootTimeNs } = loadAddon();
  return { wallMs: () => Date.now(), bootNs: () => bootTimeNs() };
}
