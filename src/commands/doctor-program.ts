// doctor's checks of the program and its surroundings: configuration, runtime, addon, rules, clock, host id, and whether the
// agent runs.

import { clearTextWarnings } from '../config/clear-text.ts';
import { formatDuration } from '../config/units.ts';
import { attempt } from '../errors.ts';
import { type Check, type Finding, fault, fine, type Probes, textOf, warning } from './doctor-check.ts';
import { START_AGENT } from './load-config.ts';
import { judge } from './status.ts';
import { VERSION } from './version.ts';

export const CONFIGURATION_CHECK: Check = { name: 'configuration', run: configuration };
export const AGENT_CHECK: Check = { name: 'agent', run: agent };
export const PROGRAM_CHECKS: readonly Check[] = [
  { name: 'runtime', run: runtime },
  { name: 'addon', run: addon },
  { name: 'rules', run: rules },
  { name: 'exceptions', run: exceptions },
  { name: 'clock', run: clock },
  { name: 'host id', run: hostId },
];

const SET_CLOCK = 'set it (timedatectl set-ntp true): windows of rules and the times of alerts depend on it';
const WHO_READS_IT = 'encrypt that connection, then make a new key: the old one may have been read';
const MINUTES_5 = 300_000;

function configuration({ configError, config }: Probes): Finding {
  if (configError !== undefined) return fault(...textOf(configError));
  const found = `state in ${config.state.directory}`;
  const clear = clearTextWarnings(config.outputs);
  return clear.length === 0 ? fine(found) : warning([found, ...clear].join('; '), WHO_READS_IT);
}

function runtime({ runtime: { actual, pinned } }: Probes): Finding {
  if (pinned === undefined || actual === pinned) return fine(`Node ${actual}`);
  return fault(
    `Node ${actual}, and package.json pins ${pinned}`,
    'start it through bin/forebear; npm run build brings the runtime',
  );
}

function addon({ loadAddon }: Probes): Finding {
  loadAddon();
  return fine('loads');
}

async function rules(probes: Probes): Promise<Finding> {
  const { rules: running, verdicts } = await probes.loadRules();
  const refused = verdicts.filter(({ error }) => error !== undefined);
  const paths = probes.config.rules.paths.join(', ');
  const found = `${running.length} run, ${refused.length} refused (${paths})`;
  const [first] = refused;
  const why = first === undefined ? '' : `, the first: ${first.file}: ${first.error?.message.split('\n', 1)[0]}`;
  if (running.length === 0)
    return fault(`${found}${why}`, 'name a rule file or folder in rules.paths; forebear rules check');
  return first === undefined ? fine(found) : warning(`${found}${why}`, 'forebear rules check shows all of them');
}

async function exceptions(probes: Probes): Promise<Finding> {
  const set = await probes.loadRules();
  const counts = set.exceptions?.summary(set.rules, probes.wallMs());
  if (counts === undefined) return fine('none');
  const { applies, unbound, expired, disabled, refused } = counts;
  const parts = [
    `${applies} apply`,
    ...(unbound > 0 ? [`${unbound} of them to no rule that runs`] : []),
    ...(expired > 0 ? [`${expired} expired`] : []),
    ...(disabled > 0 ? [`${disabled} switched off`] : []),
  ];
  const found = parts.join(', ');
  if (refused === 0) return fine(found);
  return warning(`${found}, ${refused} refused`, 'what they should hide will alert: forebear exceptions check');
}

function clock(probes: Probes): Finding {
  const { builtMs } = probes;
  const wallMs = probes.wallMs();
  const bootMs = probes.bootMs();
  const now = dateOf(wallMs);
  if (!(bootMs > 0)) return fault('the boot clock does not run', 'please report this kernel');
  if (!(wallMs >= Date.UTC(2025)) || wallMs > Date.UTC(2100)) return fault(`it says ${now}`, SET_CLOCK);
  if (builtMs !== undefined && wallMs < builtMs - MINUTES_5) {
    return warning(`it says ${now}, which is before this program was built (${dateOf(builtMs)})`, SET_CLOCK);
  }
  // One that cannot be read is the agent check's to tell.
  const snapshot = attempt(probes.snapshot);
  if (snapshot !== undefined && snapshot.nowMs > wallMs + MINUTES_5) {
    return warning(`it says ${now}, and the agent was there at ${dateOf(snapshot.nowMs)}: it was set back`, SET_CLOCK);
  }
  return fine(`${now}, up for ${formatDuration(bootMs)}`);
}

function dateOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'no date' : date.toISOString().replace(/\.\d+Z$/, 'Z');
}

function hostId({ read }: Probes): Finding {
  const id = read('/etc/machine-id')?.trim() ?? '';
  if (/^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id)) return fine(id);
  const found = id === '' ? '/etc/machine-id is missing or empty' : '/etc/machine-id holds no id';
  return warning(`${found}: alerts have no host.id`, 'systemd-machine-id-setup, then restart the agent');
}

function agent(probes: Probes): Finding {
  const snapshot = probes.snapshot();
  const state = judge(snapshot, probes.wallMs(), probes.alive);
  if (snapshot === undefined || state === 'none') return warning('has not run here yet', START_AGENT);
  if (state === 'stopped')
    return warning(`was stopped at ${dateOf(snapshot.stoppedMs ?? snapshot.nowMs)}`, START_AGENT);
  if (state === 'gone')
    return fault(`pid ${snapshot.pid} is gone, and did not stop in order`, 'see its log, then start it again');
  if (state === 'stale') {
    const age = formatDuration(probes.wallMs() - snapshot.nowMs);
    return fault(`pid ${snapshot.pid} does not answer since ${age}`, 'is the host starved of CPU? restart the agent');
  }
  const { counters, programs, sources = [] } = snapshot.sensor;
  const missing = programs.filter(({ attached }) => !attached);
  if (missing.length > 0) {
    return fault(
      `runs without ${missing.map(({ attachPoint }) => attachPoint).join(', ')}`,
      'forebear status says why',
    );
  }
  const blind = sources.filter(({ asked, source }) => asked && source === 'none').map(({ kind }) => kind);
  if (blind.length > 0)
    return warning(`runs without ${blind.join(', ')}, for which its rules ask`, 'forebear status says why');
  const lost = Object.values(counters.lost).reduce(
    (sum, n) => sum + n,
    counters.recursionMisses + counters.undecodable,
  );
  const found = `pid ${snapshot.pid} runs for ${formatDuration(snapshot.nowMs - snapshot.startedMs)}, ${lost} records lost`;
  if (snapshot.version !== VERSION)
    return warning(`${found}; its version is ${snapshot.version}`, `restart it: this is ${VERSION}`);
  return lost > 0 ? warning(found, 'a larger sensor.ring_bytes; forebear status shows where') : fine(found);
}
