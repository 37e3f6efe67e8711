// `forebear hub serve | alerts | hosts | enrol | revoke`: the central endpoint, and what one asks it. Each in a file of its own.

import type { Register } from './command.ts';
import { registerHubAlerts } from './hub-alerts.ts';
import { registerEnrol, registerRevoke } from './hub-credentials.ts';
import { registerHubHosts } from './hub-hosts.ts';
import { registerServe } from './hub-serve.ts';

const HELP = `
Examples:
  (umask 077; forebear hub enrol "$(cat /etc/machine-id)" > host.token)    a token for this host
  forebear hub serve                        take what hosts send
  forebear hub alerts -f --severity high    follow the alerts of all hosts
  forebear hub hosts                        which host is silent?`;

export const registerHub: Register = (program, io, done) => {
  const hub = program
    .command('hub')
    .description(
      'The central endpoint: takes the journals of many hosts by HTTPS, keeps them, shows and passes on their alerts.',
    )
    .addHelpText('after', HELP);
  for (const register of [registerServe, registerHubAlerts, registerHubHosts, registerEnrol, registerRevoke]) {
    register(hub, io, done);
  }
};
