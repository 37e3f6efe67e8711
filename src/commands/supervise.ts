// A command under a service manager: its supervision, which says by itself that it stops. Called by agent-run.ts, ship.ts and
// hub-serve.ts, which took the link before they ran anything.

import type { Logger } from '../log.ts';
import type { ManagerLink } from '../service/manager-io.ts';
import { Supervision } from '../service/supervision.ts';
import type { Io } from './command.ts';

export interface Supervised {
  link: ManagerLink | undefined;
  status: () => string;
  progress: () => number;
  log: Pick<Logger, 'warn'>;
  /** Told that it is ready. */
  io: Pick<Io, 'onReady'>;
  /** Aborted: it stops. */
  signal: AbortSignal;
}

/** To be disposed of when the command has ended. */
export function supervise({ signal, io, ...options }: Supervised): Supervision {
  const supervision = new Supervision({ ...options, onReady: () => io.onReady?.() });
  const stopping = () => supervision.stopping();
  if (signal.aborted) stopping();
  else signal.addEventListener('abort', stopping, { once: true });
  return supervision;
}
