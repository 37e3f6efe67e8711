// The only loader of native/service.cc (build/Release/service.node): what a service owes its manager and Node does not offer.
// Types here mirror its exports; if you change one, also change the other.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ForebearError, reasonOf } from '../errors.ts';

export interface ServiceAddon {
  /** One datagram to a unix socket: a path, or @NAME for an abstract one. Does not wait. 0 or -errno. */
  notify(socket: string, message: string): number;
  /** Empties the ambient set: what this thread executes from now on gets no capability; its own stay. 0 or -errno. */
  clearAmbient(): number;
  /** From now on the sender of SIGTERM is remembered. After process.on('SIGTERM'), whose handler is called in turn. 0 or -errno. */
  watchTermination(): number;
  /** Of the last SIGTERM: pid (0: outside of this pid namespace) and real uid. undefined: there was none. */
  terminationSender(): { pid: number; uid: number } | undefined;
}

/** From src/service/ as from dist/service/. */
const PATH = fileURLToPath(new URL('../../build/Release/service.node', import.meta.url));
const requireNative = createRequire(import.meta.url);

/** Throws FB_SERVICE_ADDON when it is not built. */
export function loadServiceAddon(path: string = PATH): ServiceAddon {
  try {
    return requireNative(path) as ServiceAddon;
  } catch (cause) {
    const hint = 'build it with: npm run build';
    throw new ForebearError('FB_SERVICE_ADDON', `the service addon cannot be loaded: ${reasonOf(cause)}`, {
      hint,
      cause,
    });
  }
}
