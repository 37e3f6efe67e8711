// `forebear hub enrol HOST_ID` and `forebear hub revoke HOST_ID`: tokens of hosts, beside a hub that serves or without one.

import { InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import { Credentials } from '../hub/credentials-io.ts';
import { openToEnrol, openToRevoke } from '../hub/database-io.ts';
import { HOST_ID } from '../proto/ingest-codec.ts';
import type { Register } from './command.ts';
import { type HubConfigOptions, loadHubConfig, withHubConfig } from './hub-config.ts';

interface EnrolOptions extends HubConfigOptions {
  replace?: boolean;
  json?: boolean;
}

const ENROL_HELP = `
HOST_ID is the host's /etc/machine-id, host.id in its alerts. The token is printed once, alone on stdout; the hub keeps only its
hash, and takes with it what this host sends, no other. The host reads it from the token_file of its output.
Run it as the user that serves: what it makes belongs to whoever runs it.

Exit status: 0 done, 2 usage, configuration or run-time error.

Examples:
  (umask 077; forebear hub enrol "$(cat /etc/machine-id)" > host.token)
  forebear hub enrol --replace 4c7d5f0e0f5b4d9c8e8f6a5b4c3d2e1f`;

const REVOKE_HELP = `
All tokens of the host are good no more, and neither is a client certificate with its name, until it is enrolled again. What it
has sent stays. A host that was revoked is not silent.

Exit status: 0 done, 1 the hub had never heard of it, 2 usage, configuration or run-time error, or there is no hub here.

Example:
  forebear hub revoke 4c7d5f0e0f5b4d9c8e8f6a5b4c3d2e1f`;

export const registerEnrol: Register = (hub, io, done) => {
  const command = hub
    .command('enrol')
    .description('Makes a token for a host, and prints it.')
    .argument('<host_id>', 'machine-id of the host', hostId)
    .option('--replace', 'its other tokens are good no more')
    .option('--json', 'print {"host_id","token"}');
  withHubConfig(command).addHelpText('after', ENROL_HELP);
  command.action((host: string, options: EnrolOptions) => {
    using database = openToEnrol(loadHubConfig(options).directory);
    const token = new Credentials(database.sql).enrol(host, systemClock.wallMs(), options.replace === true);
    io.out(options.json === true ? `${JSON.stringify({ host_id: host, token })}\n` : `${token}\n`);
    if (!MACHINE_ID.test(host)) io.err(`forebear: ${host} is no machine-id (32 hexadecimal digits): ${WHICH_ID}\n`);
    done(0);
  });
};

export const registerRevoke: Register = (hub, io, done) => {
  const command = hub
    .command('revoke')
    .description('Refuses a host from now on.')
    .argument('<host_id>', 'machine-id of the host', hostId)
    .option('--json', 'print {"host_id","tokens"}');
  withHubConfig(command).addHelpText('after', REVOKE_HELP);
  command.action((host: string, options: EnrolOptions) => {
    using database = openToRevoke(loadHubConfig(options).directory);
    const { tokens, known } = new Credentials(database.sql).revoke(host, systemClock.wallMs());
    const text = `${host}: refused from now on; ${tokens} ${tokens === 1 ? 'token' : 'tokens'} gone\n`;
    io.out(options.json === true ? `${JSON.stringify({ host_id: host, tokens })}\n` : text);
    done(known || tokens > 0 ? 0 : 1);
  });
};

/** As machine-id(5) has it. A host's own file may hold something else, and it is enrolled by that: a warning is enough. */
const MACHINE_ID = /^[0-9a-f]{32}$/;
const WHICH_ID = 'the token serves only a host whose /etc/machine-id says just that';

/** What the hub takes for one. */
function hostId(text: string): string {
  if (HOST_ID.test(text)) return text;
  throw new InvalidArgumentError('Expected letters, digits, ".", "_", ":" and "-".');
}
