// doctor's checks of the kernel: what it is, what it allows, and whether the BPF programs really load and attach here.

import { formatSize } from '../config/units.ts';
import { attempt } from '../errors.ts';
import type { SourceStatus } from '../sensor/sensor.ts';
import {
  type Check,
  type Finding,
  fault,
  fine,
  has,
  mayLoadBpf,
  type Probes,
  textOf,
  warning,
} from './doctor-check.ts';

const BTF = '/sys/kernel/btf/vmlinux';
const AS_ROOT = 'run forebear doctor as root, or as the agent’s user with its capabilities';
/** Since 5.11 BPF memory is charged to the cgroup instead. */
const MEMLOCK_UNTIL: Version = [5, 11];
const OLDEST: Version = [5, 10];
/** Of the maps beside the ring. */
const MAPS_BYTES = 16 << 20;

type Version = readonly [major: number, minor: number];

export const KERNEL_CHECKS: readonly Check[] = [
  { name: 'kernel', run: kernel },
  { name: 'btf', run: btf },
  { name: 'lockdown', run: lockdown },
  { name: 'bpf settings', run: settings },
  { name: 'capabilities', run: capabilities },
  { name: 'locked memory', run: lockedMemory },
  { name: 'bpf programs', run: programs },
];

function kernel({ release }: Probes): Finding {
  const version = versionOf(release);
  if (version === undefined) return warning(`"${release}" is no version that can be read`, '5.10 or newer is needed');
  if (isBefore(version, OLDEST)) return fault(`Linux ${release}`, 'Linux 5.10 or newer is needed: boot a newer kernel');
  return fine(`Linux ${release}`);
}

function versionOf(release: string): Version | undefined {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function isBefore([major, minor]: Version, [thanMajor, thanMinor]: Version): boolean {
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

function btf({ stat }: Probes): Finding {
  if (stat(BTF) !== undefined) return fine(BTF);
  const advice =
    'the kernel must describe its types: CONFIG_DEBUG_INFO_BTF=y, as in the kernels of Debian 11 and later';
  return fault(`there is no ${BTF}`, advice);
}

function lockdown({ read }: Probes): Finding {
  const text = read('/sys/kernel/security/lockdown');
  if (text === undefined) return fine('this kernel has none');
  const level = /\[(\w+)\]/.exec(text)?.[1] ?? text.trim();
  if (level !== 'confidentiality') return fine(level);
  const advice = 'it forbids BPF to read kernel memory: boot with lockdown=integrity or without';
  return fault('confidentiality', advice);
}

/** Setting -> value that matters, why. */
const SETTINGS: readonly (readonly [path: string, value: string, advice: string])[] = [
  [
    'kernel/unprivileged_bpf_disabled',
    '0',
    'every user may load BPF programs; Forebear does not need that: sysctl kernel.unprivileged_bpf_disabled=2',
  ],
  [
    'net/core/bpf_jit_enable',
    '0',
    'BPF programs are interpreted and cost several times as much: sysctl net.core.bpf_jit_enable=1',
  ],
  ['kernel/bpf_stats_enabled', '1', 'each BPF program is timed, which costs: sysctl kernel.bpf_stats_enabled=0'],
];

function settings({ read }: Probes): Finding {
  const found: string[] = [];
  const advice: string[] = [];
  for (const [path, bad, what] of SETTINGS) {
    const value = attempt(() => read(`/proc/sys/${path}`)?.trim());
    if (value === undefined) continue;
    found.push(`${path.replaceAll('/', '.')}=${value}`);
    if (value === bad) advice.push(what);
  }
  const text = found.join(', ') || 'none can be read';
  return advice.length === 0 ? fine(text) : warning(text, advice.join('; '));
}

function capabilities(probes: Probes): Finding {
  const missing = (['CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'] as const).filter((name) => !has(probes, name)) as string[];
  if (!mayLoadBpf(probes)) missing.unshift('CAP_BPF', 'CAP_PERFMON');
  const who = `uid ${probes.euid}`;
  if (missing.length === 0) return fine(`${who} has what the agent needs`);
  const advice = `the agent needs them, or root; ${AS_ROOT}`;
  return probes.euid === 0
    ? fault(`root without ${missing.join(', ')}: a container, or a unit that took them away`, advice)
    : warning(`${who} has not ${missing.join(', ')}`, advice);
}

function lockedMemory(probes: Probes): Finding {
  const version = versionOf(probes.release);
  if (version === undefined || !isBefore(version, MEMLOCK_UNTIL)) return fine('does not limit BPF on this kernel');
  const limit = /^Max locked memory\s+(\S+)/m.exec(probes.read('/proc/self/limits') ?? '')?.[1] ?? 'unlimited';
  const needed = probes.config.sensor.ringBytes + MAPS_BYTES;
  if (limit === 'unlimited' || Number(limit) >= needed) return fine(`limit ${limit}`);
  if (has(probes, 'CAP_SYS_RESOURCE')) return fine(`limit ${limit}, raised by the agent itself`);
  const advice = 'LimitMEMLOCK=infinity in the agent’s unit, or ulimit -l unlimited';
  return warning(`limit ${formatSize(Number(limit))}; BPF needs ${formatSize(needed)} on Linux before 5.11`, advice);
}

async function programs(probes: Probes): Promise<Finding> {
  if (!mayLoadBpf(probes)) return warning(`not tried: uid ${probes.euid} may not load BPF programs`, AS_ROOT);
  try {
    const { programs: all, sources = [] } = await probes.attach();
    const missing = all.filter(({ attached }) => !attached);
    if (missing.length === 0) return judgeSources(`${all.length} loaded, attached and taken off again`, sources);
    const found = missing.map(
      ({ attachPoint, reason }) => `${attachPoint}: ${reason?.split('\n', 1)[0] ?? 'no reason given'}`,
    );
    return fault(`not attached: ${found.join('; ')}`, 'their events are missing: please report this kernel');
  } catch (error) {
    return fault(...textOf(error));
  }
}

/** in: what is well, where records come from that are attached on demand; out: with what only works the costly way, or not. */
function judgeSources(well: string, sources: readonly SourceStatus[]): Finding {
  // A kernel without modules has no source of them, and lacks nothing.
  const of = (which: SourceStatus['source']) =>
    sources.filter(({ source, unseen }) => source === which && (which !== 'none' || unseen.length > 0));
  const [lacking, costly] = [of('none'), of('syscalls')].map((some) =>
    some.map(({ kind, reason }) => (reason === undefined ? kind : `${kind} (${reason})`)).join(', '),
  );
  if (lacking) return warning(`${well}; no source of ${lacking}`, 'rules that ask for these events see nothing here');
  return fine(costly ? `${well}; from system calls, where a rule asks: ${costly}` : well);
}
