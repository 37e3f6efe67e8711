// `forebear agent`: its options. The kernel is given the programs first; while it verifies them, agent-run.ts and with it all
// stages are loaded, and then run.

import { LoadAhead } from '../sensor/load.ts';
import { readLoadPlan } from '../sensor/load-plan-io.ts';
import { clearAmbientCapabilities, takeManagerLink } from '../service/manager-io.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { type SourceOptions, withSourceOptions } from './rule-sources.ts';

const HELP = `
Needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and a kernel from 5.10 on with BTF
(/sys/kernel/btf/vmlinux). Alerts are in the journal (<state>/journal) before they are printed: "forebear tail" shows them
later or elsewhere. When nobody takes the output, alerts beyond a thousand lines are not printed, and counted. With --json,
stdout has the alerts and nothing else; the first lines and the summary go to stderr.

Changed files of rules and exceptions are loaded by themselves (rules.reload). SIGHUP (systemctl reload forebear) reads rules,
exceptions and outputs again, unless the agent runs at a terminal; what is wrong with them leaves those that run, and
"systemctl status" says so.

Exit status: 0 ended by a signal, 2 usage, configuration or run-time error; 78 under a service
manager, when its start failed.

Examples:
  forebear agent
  forebear agent --rules rules --rules ./my-rules --state /tmp/forebear
  forebear agent --exceptions rules/exceptions --exceptions my-list.ndjson
  forebear agent --record run.fbrec      and later: forebear replay run.fbrec`;

export interface AgentCommandOptions extends ConfigOptions, SourceOptions {
  record?: string;
  json?: boolean;
  quiet?: boolean;
}

export const registerAgent: Register = (program, io, done) => {
  const command = program
    .command('agent')
    .description('Watches every exec of this host, runs the rules on it, and journals and prints alerts.')
    .option('--record <file>', 'also record the raw events there, for replay; the file must not exist')
    .option('--json', 'print alerts as documents, one JSON object a line')
    .option('--quiet', 'print no alerts: they are in the journal');
  withConfigOptions(withSourceOptions(command)).addHelpText('after', HELP);
  command.action(async (options: AgentCommandOptions) => done(await agent(options, io)));
};

/** Throws FB_CONFIG_*, FB_SENSOR_ADDON, FB_SERVICE_*, and what runAgentCommand throws. */
async function agent(options: AgentCommandOptions, io: Io): Promise<ExitStatus> {
  const link = takeManagerLink();
  clearAmbientCapabilities();
  const config = loadConfig(options);
  const { ringBytes, events } = config.sensor;
  // What rules want is not known yet: where they want something else than in the last run, these are loaded in vain.
  const plan = readLoadPlan(config.state.directory, process.pid) ?? {
    wanted: new Set(events === 'auto' ? [] : events),
  };
  const ahead = new LoadAhead({ ringBytes, ...plan });
  const { runAgentCommand } = await import('./agent-run.ts');
  return await runAgentCommand(options, io, config, { ahead, link });
}
