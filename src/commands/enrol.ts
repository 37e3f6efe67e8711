// `forebear enrol`: tries an endpoint, and makes an output of it: written to outputs.d beside the configuration, the shipper started
// where systemd runs it, then a self-test from the exec to the endpoint. What does not work is found before anything is written.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { clearTextWarnings } from '../config/clear-text.ts';
import { journalDirectory } from '../config.ts';
import { ForebearError, plainReason } from '../errors.ts';
import { hubFacts } from '../ship/hub-facts-io.ts';
import { makeOutput } from '../ship/make-output.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type Enrolled, type EnrolOptions, enrolled } from './enrol-output.ts';
import { credentialDropIn, isActive, runsUnderSystemd, startShipper } from './enrol-service.ts';
import { type EnrolStep, tryOutput } from './enrol-test.ts';
import { type ConfigOptions, IN_TREE, INSTALLED_FILE, loadConfig, withConfigOptions } from './load-config.ts';
import { outputsFolder } from './outputs-folder.ts';
import { selftest } from './selftest.ts';
import { escapeJson, escapeText, type Paint, painter, wantsColor } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
The endpoint is tried first: index templates are installed where there are such and the key may, then a test alert is sent, marked
"forebear.selftest": true (to a hub: a question). When it is taken, the output is written to outputs.d/NAME.toml beside the
configuration. Installed under systemd, the shipper is then started; it gets the files of secrets from systemd, which reads them
as root: mode 600 is right for them. At last "forebear selftest" proves the whole way, where the agent runs.

Exit status: 0 enrolled; 1 the endpoint does not take it (nothing was written), or the last steps failed; 2 usage, configuration or
run-time error.

Examples:
  forebear enrol --elasticsearch https://es.example.org:9200 --api-key-file /etc/forebear/es.key --ca-file /etc/forebear/ca.pem
  forebear enrol --opensearch https://os.example.org:9200 --username forebear --password-file /etc/forebear/os.password
  forebear enrol --hub https://hub.example.org:7443 --token-file /etc/forebear/hub.token --ca-file /etc/forebear/ca.pem
  forebear enrol --otlp https://collector.example.org:4318/v1/logs --name collector`;

export interface EnrolCommandOptions extends ConfigOptions, EnrolOptions {
  /** --no-test: false. */
  test: boolean;
  replace?: boolean;
  json?: boolean;
}

export const registerEnrol: Register = (program, io, done) => {
  const command = program
    .command('enrol')
    .description('Tries an endpoint, makes an output of it, and starts the delivery.')
    .option('--elasticsearch <url>', 'deliver to Elasticsearch')
    .option('--opensearch <url>', 'deliver to OpenSearch')
    .option('--hub <url>', 'deliver to a forebear hub')
    .option('--otlp <url>', "deliver to an OpenTelemetry collector: its logs' address, with /v1/logs")
    .option('--name <name>', 'of the output', 'central')
    .option('--api-key-file <file>', 'an API key of Elasticsearch, as Kibana shows it')
    .option('--username <name>', 'of Elasticsearch or OpenSearch')
    .option('--password-file <file>', 'and its password')
    .option('--token-file <file>', 'a token: of "forebear hub enrol", or of the collector')
    .option('--ca-file <file>', 'PEM: no other authority is trusted')
    .option('--fingerprint <sha256>', "of the server's certificate: no other is accepted")
    .option('--no-test', 'write the output though nobody knows whether it works')
    .option('--replace', 'in the place of an output of that name that was enrolled before')
    .option('--json', 'print one JSON object a step');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: EnrolCommandOptions) => done(await enrol(options, io)));
};

/** Throws FB_ENROL_*, FB_CONFIG_*, FB_SELFTEST_*. */
export async function enrol(options: EnrolCommandOptions, io: Io): Promise<ExitStatus> {
  const file = configFile(options);
  const config = loadConfig(options);
  const folder = outputsFolder(file);
  const underSystemd = runsUnderSystemd(file);
  const made = enrolled(options, (path) => resolve(path), underSystemd);
  const { name } = made.output;
  assertFree(config.outputs, join(folder, `${name}.toml`), options);
  const dropIn = made.credentials.length === 0 ? undefined : credentialDropIn(name, made.credentials);
  const say = sayer(options, io);
  for (const detail of clearTextWarnings([made.output])) say({ step: 'output', status: 'warning', detail });
  if (options.test && !(await isTaken(made, config, say, io))) return 1;
  const written = write(folder, `${name}.toml`, made.text);
  if (dropIn !== undefined) write(dropIn.folder, dropIn.name, dropIn.text);
  try {
    loadConfig(options);
  } catch (error) {
    rmSync(written);
    throw error;
  }
  say({ step: 'output', status: 'fine', detail: `${name} is in ${written}` });
  if (!underSystemd) {
    say({
      step: 'shipper',
      status: 'warning',
      detail: `not started: forebear ship${IN_TREE ? ` --config ${file}` : ''}`,
    });
    return 0;
  }
  await startShipper();
  say({ step: 'shipper', status: 'fine', detail: 'forebear-ship.service runs, and starts with the host' });
  if (!options.test) return 0;
  if (await isActive('forebear.service')) {
    return await selftest({ ...options, timeout: SELFTEST_MS, output: [name] }, io);
  }
  say({ step: 'agent', status: 'warning', detail: 'does not run: systemctl start forebear' });
  return 0;
}

const SELFTEST_MS = 30_000;

/** The installed one need not be there; in a source tree there is none to take. */
function configFile({ config }: ConfigOptions): string {
  if (config !== undefined && config !== '-') return resolve(config);
  if (config === undefined && !IN_TREE) return INSTALLED_FILE;
  const hint = 'name a file with --config: the output is written to outputs.d beside it';
  throw new ForebearError('FB_ENROL_CONFIG', 'there is no configuration file to add an output to', { hint });
}

/** An output that a person wrote is the person's; one of ours goes only where that is asked for. */
function assertFree(
  outputs: readonly { name: string }[],
  target: string,
  { name, replace }: EnrolCommandOptions,
): void {
  if (!outputs.some((output) => output.name === name)) return;
  const ours = isOurs(target);
  if (ours && replace === true) return;
  const hint = ours ? '--replace puts the new one in its place; --name gives another name' : 'give another --name';
  throw new ForebearError('FB_ENROL_NAME', `there is an output ${name} already`, { hint });
}

function isOurs(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').startsWith('# Written by "forebear enrol"');
  } catch {
    return false;
  }
}

async function isTaken(made: Enrolled, config: ReturnType<typeof loadConfig>, say: Say, io: Io): Promise<boolean> {
  const places = { journalDirectory: journalDirectory(config.state.directory), shipDirectory: config.ship.directory };
  const hub = hubFacts({ ...places, version: VERSION });
  // A fork is the running shipper's business.
  const output = await makeOutput(made.output, { version: VERSION, hub: { ...hub, onFork: () => {} } });
  let last: EnrolStep | undefined;
  try {
    for await (const step of tryOutput(output, hub.hostId, systemClock.wallMs(), io.signal)) {
      say(step);
      last = step;
    }
  } finally {
    await output.close();
  }
  return last?.step === 'test' && last.status === 'fine';
}

/** Whole or not at all. Holds no secret. out: its path. Throws FB_ENROL_WRITE. */
function write(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  try {
    // Whatever the umask: the shipper reads it, and is not its owner.
    if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o755);
    writeFileSync(`${file}.new`, text, { flush: true });
    chmodSync(`${file}.new`, 0o644);
    renameSync(`${file}.new`, file);
    return file;
  } catch (cause) {
    const message = `cannot write ${file}: ${plainReason(cause)}`;
    throw new ForebearError('FB_ENROL_WRITE', message, { hint: 'run it as root', cause });
  }
}

interface Step {
  step: string;
  status: EnrolStep['status'];
  detail: string;
}
type Say = (step: Step) => void;

const COLORS = { fine: 'green', warning: 'yellow', fault: 'red' } as const;

function sayer({ json }: EnrolCommandOptions, io: Io): Say {
  const paint: Paint = painter(wantsColor(io.env, io.outIsTerminal));
  return (step) => {
    const { status, detail } = step;
    if (json === true) io.out(`${escapeJson(JSON.stringify(step))}\n`);
    else io.out(`${paint(COLORS[status], status.padEnd(9))} ${step.step.padEnd(10)} ${escapeText(detail)}\n`);
  };
}
