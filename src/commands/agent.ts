// `forebear agent`: the whole data path in the foreground. Its first lines say what runs and what does not, then each alert
// is a line; Ctrl-C or SIGTERM ends it in order with a summary. Its own log goes to stderr.

import { mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import { type AgentOptions, runAgent } from '../agent.ts';
import type { Clock } from '../clock.ts';
import { LINUX_HOST } from '../detect/host-abilities.ts';
import { LANGUAGES } from '../detect/languages.ts';
import { loadRules } from '../detect/load-rules-io.ts';
import { FieldTable } from '../ecs/fields.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { loadAddon } from '../sensor/binding.ts';
import { EbpfSensor } from '../sensor/ebpf-sensor.ts';
import { readyLines, summaryLine } from './agent-text.ts';
import { formatAlertLine } from './alert-line.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { escapeJson, painter, terminalWidth, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
Needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and a kernel from 5.10 on with BTF
(/sys/kernel/btf/vmlinux). Alerts are in the journal (<state>/journal) before they are printed: "forebear tail" shows them
later or elsewhere.

Exit status: 0 ended by a signal, 2 usage, configuration or run-time error.

Examples:
  forebear agent
  forebear agent --rules rules --rules ./my-rules --state /tmp/forebear
  forebear agent --record run.fbrec      and later: forebear replay run.fbrec`;

interface AgentCommandOptions extends ConfigOptions {
  rules?: string[];
  record?: string;
  json?: boolean;
}

export const registerAgent: Register = (program, io, done) => {
  const collect = (path: string, before: string[] | undefined) => [...(before ?? []), path];
  const command = program
    .command('agent')
    .description('Watches every exec of this host, runs the rules on it, and journals and prints alerts.')
    .option('--rules <path>', 'rule file or folder, repeatable (default: as configured)', collect)
    .option('--record <file>', 'also record the raw events there, for replay; the file must not exist')
    .option('--json', 'print alerts as documents, one JSON object a line');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: AgentCommandOptions) => done(await agent(options, io)));
};

/** Throws FB_CONFIG_*, FB_SENSOR_*, FB_JOURNAL_*, FB_TERMS_*, FB_RECORD_WRITE, FB_STATE_DIRECTORY. */
export async function agent(options: AgentCommandOptions, io: Io): Promise<ExitStatus> {
  const config = loadConfig(options);
  const paths = options.rules ?? config.rules.paths;
  const fields = new FieldTable();
  const rules = await loadRules(paths, { fields, languages: LANGUAGES, abilities: LINUX_HOST });
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
  const summary = await runAgent({
    config,
    version: VERSION,
    fields,
    rules,
    clock: machineClock(),
    makeSensor: (envNames) => new EbpfSensor({ envNames, ringBytes: config.sensor.ringBytes }),
    log,
    ...(options.record === undefined ? {} : { recordTo: options.record }),
    onReady: (ready) => {
      for (const line of readyLines({ ready, rules, paths, version: VERSION, paint })) say(line);
    },
    onAlert: alertPrinter(options, io, log),
    signal: io.signal,
  });
  say(summaryLine(summary));
  return 0;
}

function alertPrinter({ json }: AgentCommandOptions, io: Io, log: Logger): AgentOptions['onAlert'] {
  const color = wantsColor(io.env, io.outIsTerminal);
  return (alert, seq) => {
    try {
      if (json === true) io.out(`${escapeJson(JSON.stringify(alert.document))}\n`);
      else io.out(`${formatAlertLine(alert, { color, width: terminalWidth(io) })}\n`);
    } catch (error) {
      log.error({ error }, `alert ${seq} is in the journal, but cannot be printed: ${reasonOf(error)}`);
    }
  };
}

/** Exact boot time comes from the addon: /proc/uptime has steps of 10 ms. */
function machineClock(): Clock {
  const { bootTimeNs } = loadAddon();
  return { wallMs: () => Date.now(), bootNs: () => bootTimeNs() };
}

function makeStateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
  } catch (cause) {
    const hint = 'give a directory that can be written with --state, or run as root';
    throw new ForebearError('FB_STATE_DIRECTORY', `cannot make ${directory}: ${reasonOf(cause)}`, { hint, cause });
  }
}
