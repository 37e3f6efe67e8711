// Why the agent is asked to stop: the whole host goes down, the package is upgraded, the unit is restarted, stopped by somebody, or a
// signal came past the service manager. In: the manager's jobs (systemctl list-jobs), whether an upgrade runs, who sent the signal; out:
// the cause. Pure; asked by protection.ts before the agent goes.

export type StopKind = 'shutdown' | 'upgrade' | 'restart' | 'stopped' | 'signal' | 'unknown';

export interface StopCause {
  kind: StopKind;
  /** For people: what the manager is at. */
  detail: string;
  /** Who sent SIGTERM, where it was not the manager. */
  sender?: { pid: number; uid: number };
}

export interface StopFacts {
  /** Of the agent: "forebear.service". */
  unit: string;
  /** Lines of `systemctl list-jobs --no-legend`; undefined: it did not answer. */
  jobs: string | undefined;
  /** The manager's state, of `systemctl is-system-running`: "stopping". undefined: it did not answer. */
  state: string | undefined;
  upgrading: boolean;
  sender: { pid: number; uid: number } | undefined;
}

interface Job {
  unit: string;
  type: string;
}

const MANAGER = 1;

/** What is told to be no matter of anybody's is told by the manager itself, or by the package; all else is somebody's doing. */
export function stopCauseOf({ unit, jobs, state, upgrading, sender }: StopFacts): StopCause {
  const list = jobsOf(jobs ?? '');
  const down = list.find((job) => job.unit === 'shutdown.target' && job.type === 'start');
  if (down !== undefined || state === 'stopping') return { kind: 'shutdown', detail: shutdownOf(list) };
  const own = list.find((job) => job.unit === unit);
  if (upgrading && own?.type !== 'stop') return { kind: 'upgrade', detail: 'the package is upgraded' };
  if (own?.type === 'restart' || own?.type === 'try-restart') return { kind: 'restart', detail: 'restarted' };
  if (own?.type === 'stop') return { kind: 'stopped', detail: 'stopped by the service manager' };
  if (sender !== undefined && sender.pid !== MANAGER) {
    return { kind: 'signal', detail: 'ended by a signal that the service manager did not send', sender };
  }
  return { kind: 'unknown', detail: 'ended by a signal of which the service manager does not tell why' };
}

/** "ID UNIT TYPE STATE" */
function jobsOf(text: string): Job[] {
  return text.split('\n').flatMap((line) => {
    const [, unit, type] = line.trim().split(/\s+/);
    return unit === undefined || type === undefined ? [] : [{ unit, type }];
  });
}

function shutdownOf(jobs: readonly Job[]): string {
  const target = jobs.find(({ unit }) => /^(reboot|poweroff|halt|kexec|soft-reboot)\.target$/.test(unit));
  return `the host goes down${target === undefined ? '' : ` (${target.unit})`}`;
}
