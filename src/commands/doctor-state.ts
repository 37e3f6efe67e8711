// doctor's checks of the state directory: whether the agent can keep its journal and history there, and whether what is
// there is intact. Reads only; nothing is made, locked or mended.

import { dirname, join } from 'node:path';
import { formatSize } from '../config/units.ts';
import { journalDirectory } from '../config.ts';
import { type Check, type Finding, fault, fine, type Probes, warning } from './doctor-check.ts';

export const STATE_CHECKS: readonly Check[] = [
  { name: 'state directory', run: state },
  { name: 'disk space', run: space },
  { name: 'journal', run: journal },
  { name: 'term store', run: terms },
];

/** Named in one line; the rest is counted. */
const MOST_FAULTS = 3;

function state(probes: Probes): Finding {
  const { directory } = probes.config.state;
  const facts = probes.stat(directory);
  if (facts === undefined) return toBeMade(probes, directory);
  if (!facts.directory) return fault(`${directory} is no directory`, 'move it away, or name another with --state');
  const mode = (facts.mode & 0o777).toString(8);
  const found = `${directory}, owner uid ${facts.uid}, mode ${mode}`;
  if ((facts.mode & 0o022) !== 0) return fault(`${found}: others can write there`, `chmod go-w ${directory}`);
  if ((facts.mode & 0o005) !== 0) {
    return warning(`${found}: everybody can read the alerts`, `chmod o-rwx ${directory}`);
  }
  if (probes.writable(directory)) return fine(found);
  if (probes.euid === 0) return fault(`${found}: cannot be written, not even by root`, 'is it mounted read-only?');
  return warning(`${found}: not writable by uid ${probes.euid}`, 'run forebear doctor as root or as the agent’s user');
}

function toBeMade(probes: Probes, directory: string): Finding {
  const above = nearestThere(probes, directory);
  if (probes.writable(above)) return fine(`${directory} is not there; the agent will make it`);
  const found = `${directory} is not there, and uid ${probes.euid} cannot make it below ${above}`;
  const advice = 'run forebear doctor as root or as the agent’s user, or name another with --state';
  return probes.euid === 0 ? fault(found, 'name another with --state') : warning(found, advice);
}

function nearestThere(probes: Probes, path: string): string {
  let above = path;
  while (above !== dirname(above) && probes.stat(above) === undefined) above = dirname(above);
  return above;
}

/** The journal may grow to max_bytes: what it has is taken already. */
function space(probes: Probes): Finding {
  const { directory } = probes.config.state;
  const { maxBytes, segmentBytes, reserveBytes } = probes.config.journal;
  const free = probes.freeBytes(nearestThere(probes, directory));
  const grows = Math.max(0, maxBytes - probes.bytesIn(journalDirectory(directory)));
  const found = `${formatSize(free)} free; the journal may grow by ${formatSize(grows)}`;
  const advice = 'make room, or lower journal.max_bytes';
  if (free < segmentBytes + reserveBytes) return fault(found, `${advice}: the next segment does not fit`);
  return free < grows ? warning(found, advice) : fine(found);
}

async function journal(probes: Probes): Promise<Finding> {
  const directory = journalDirectory(probes.config.state.directory);
  if (probes.stat(directory) === undefined) return fine('there is none yet');
  const { segments, records, faults } = await probes.checkJournal(directory);
  const found = `${records} records in the newest ${segments === 1 ? 'segment' : `${segments} segments`}`;
  if (faults.length === 0) return fine(`${found}, intact, the chain of hashes unbroken`);
  const named = faults.slice(0, MOST_FAULTS).map(({ what, segment, seq }) => `${what} at record ${seq} (${segment})`);
  const more = faults.length > MOST_FAULTS ? ` and ${faults.length - MOST_FAULTS} more` : '';
  const advice = 'the agent steps over it and says what is missing; check the disk, and who writes there';
  return fault(`${found}: ${named.join(', ')}${more}`, advice);
}

function terms(probes: Probes): Finding {
  const schema = probes.termSchema(join(probes.config.state.directory, 'terms.db'));
  if (schema === undefined) return fine('there is none yet');
  const { version, known } = schema;
  if (version <= known) return fine(version === 0 ? 'new, nothing written yet' : `schema ${version}`);
  const advice = 'run the newer version of forebear, or move terms.db away to begin a new history';
  return fault(`schema ${version}, and this version knows ${known}`, advice);
}
