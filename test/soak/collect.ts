// Preloaded into agent and shipper by soak.ts alone: SIGUSR2 collects all garbage at once. The runtime lets garbage of a slow
// program lie for an hour and more, which looks like a leak; what is left after a collection is what it holds.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
process.on('SIGUSR2', () => collect());
