// What the addon threw -> FB_SENSOR_* with what the user can do about it.

import { ForebearError } from '../errors.ts';
import type { NativeFailure } from './binding.ts';

const EPERM = 1;
const ENOENT = 2;
const LOG_LINES = 12;
const READ_HINT =
  'the reader had no thread, memory or file left: see the limits of the service (TasksMax, MemoryMax, LimitNOFILE)';

const HINTS = {
  FB_SENSOR_NO_PERMISSION:
    'run as root, or with CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8); in a container the host has to grant them; a unit with PrivateUsers=yes cannot have them',
  FB_SENSOR_NO_BTF:
    'the kernel must describe its own types: /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF=y, so in Debian since 11)',
  FB_SENSOR_LOAD: 'Linux 5.10 or newer is needed; if this one is, please report the log above',
  FB_SENSOR_ATTACH: 'the kernel refused what it had accepted to load; please report the log above',
} as const;

/**
 * in: what a NativeSensor method threw; out: a ForebearError whose message ends with libbpf's last lines.
 * Anything else is passed through.
 */
export function sensorError(thrown: unknown): unknown {
  if (!isNativeFailure(thrown)) return thrown;
  if (thrown.step === 'state') {
    return new ForebearError('FB_SENSOR_STATE', 'the sensor runs already', { cause: thrown });
  }
  if (thrown.step === 'open' && thrown.errno === ENOENT) {
    const message = 'the BPF object is missing (build/forebear.bpf.o)';
    return new ForebearError('FB_SENSOR_LOAD', message, { hint: 'build it with: npm run build', cause: thrown });
  }
  const code = codeOf(thrown);
  // Without the right to load, libbpf's lines are guesses about memory limits: the hint says what to do.
  const log = code === 'FB_SENSOR_NO_PERMISSION' ? '' : thrown.log.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  return new ForebearError(code, `BPF: ${thrown.message}${log && `\n${log}`}`, {
    hint: thrown.step === 'read' ? READ_HINT : HINTS[code],
    cause: thrown,
  });
}

/** The sensor is of no use without its exec program. */
export function attachError(name: string, reason: string): ForebearError {
  return new ForebearError('FB_SENSOR_ATTACH', `BPF: ${name} cannot attach: ${reason}`, {
    hint: HINTS.FB_SENSOR_ATTACH,
  });
}

function codeOf(failure: NativeFailure): keyof typeof HINTS {
  if (failure.errno === EPERM) return 'FB_SENSOR_NO_PERMISSION';
  if (/valid kernel BTF|kernel doesn't support BTF|failed to load.*vmlinux BTF/i.test(failure.log))
    return 'FB_SENSOR_NO_BTF';
  return failure.step === 'iterate' || failure.step === 'read' ? 'FB_SENSOR_ATTACH' : 'FB_SENSOR_LOAD';
}

function isNativeFailure(thrown: unknown): thrown is NativeFailure {
  return thrown instanceof Error && 'step' in thrown && 'errno' in thrown && 'log' in thrown;
}
