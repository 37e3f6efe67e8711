// What the hub output tells of this host, and its word to and from the agent about forks: the marker in ship's directory, and
// journal.json of the journal, which ship only reads. Called by commands/ship.ts.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { writeForkMarker } from '../journal/fork-marker-io.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { readMeta, successorIn } from '../journal/meta.ts';
import type { HubFacts } from './outputs/hub.ts';

export interface HubPlaces {
  journalDirectory: string;
  shipDirectory: string;
  version: string;
}

export function hubFacts({ journalDirectory, shipDirectory, version }: HubPlaces): HubFacts {
  return {
    hostId: machineId(),
    hostName: hostname(),
    version,
    onFork: (journalId, seq) => writeForkMarker(shipDirectory, { journalId, seq }),
    successorOf: async (journalId) => successorIn(await readMeta(nodeJournalIo, journalDirectory), journalId),
  };
}

/** As the agent's host.id; "" where there is none: the hub refuses it. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}
