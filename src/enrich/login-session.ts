// How a login session of systemd-logind entered the host, from its file in /run/systemd/sessions (sd-login's, not a stable
// format: what is missing gives `unknown`). Evidence for processes whose fork nobody saw: a tmux server whose login shell left
// before the agent started. Pure; read by procfs-io.ts.

import type { EntryType } from './process-entry.ts';

/** PAM services that start jobs, not people. */
const SERVICES: ReadonlySet<string> = new Set(['cron', 'crond', 'atd', 'systemd-user']);

/** in: SERVICE, TTY and CLASS of the file; out: the type of entry. */
export function entryTypeOfLogin(session: ReadonlyMap<string, string>): EntryType {
  const service = session.get('SERVICE') ?? '';
  if (service === 'sshd') return 'sshd';
  if (SERVICES.has(service) || session.get('CLASS') === 'background') return 'init';
  if (service === 'login' || service === 'remote') return terminalOf(session.get('TTY') ?? '');
  return 'unknown';
}

function terminalOf(tty: string): EntryType {
  if (/^tty[0-9]+$/.test(tty)) return 'console';
  return /^(tty(S|AMA|USB|ACM)|hvc)[0-9]+$/.test(tty) ? 'terminal' : 'unknown';
}
