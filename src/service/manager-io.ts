// The way to the service manager that started this process, taken out of the environment (sd_notify(3), sd_watchdog_enabled(3)),
// so that no child has it; and the capabilities that systemd passes on to whatever is executed, given up for children. Called
// once by the commands agent, ship and hub serve, before they run anything.

import { readFileSync } from 'node:fs';
import { ForebearError } from '../errors.ts';
import { loadServiceAddon } from './binding.ts';

export interface ManagerLink {
  /** One message; 0 or -errno. */
  send(message: string): number;
  /** So often it wants to hear that the event loop runs; undefined: it does not ask. */
  watchdogMs?: number;
}

const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** undefined: nobody asks to be told. The addon is loaded only where somebody does. Throws FB_SERVICE_ADDON. */
export function takeManagerLink(env: NodeJS.ProcessEnv = process.env): ManagerLink | undefined {
  const [socket, watchdogUs, watchdogPid] = VARIABLES.map((name) => env[name]);
  for (const name of VARIABLES) delete env[name];
  if (socket === undefined || socket === '') return undefined;
  const { notify } = loadServiceAddon();
  const link = { send: (message: string) => notify(socket, message) };
  const isOurs = watchdogPid === undefined || watchdogPid === String(process.pid);
  const watchdogMs = isOurs ? Number(watchdogUs) / 1000 : 0;
  return watchdogMs > 0 ? { ...link, watchdogMs } : link;
}

/** Children get none of this process's capabilities, which stay its own. Throws FB_SERVICE_ADDON, FB_SERVICE_AMBIENT. */
export function clearAmbientCapabilities(): void {
  if (!hasAmbient()) return;
  const result = loadServiceAddon().clearAmbient();
  if (result < 0 || hasAmbient()) {
    throw new ForebearError('FB_SERVICE_AMBIENT', `the ambient capabilities cannot be given up (errno ${-result})`);
  }
}

function hasAmbient(): boolean {
  const set = /^CapAmb:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'))?.[1];
  return set !== undefined && BigInt(`0x${set}`) !== 0n;
}
