// The small pure tables: containers, terminals, capabilities, host files.

import { describe, expect, it } from 'vitest';
import { capabilityNames } from '../../src/enrich/capabilities.ts';
import { containerIdOf, loginSessionOf } from '../../src/enrich/container.ts';
import { constantsOf, ecsMac, osFacts, parseFibTrie, parseIfInet6 } from '../../src/enrich/host.ts';
import { parseAssignments } from '../../src/enrich/procfs.ts';
import { ttyClass } from '../../src/enrich/tty.ts';
import { CGROUPS } from '../tables/containers.ts';
import { START } from './fake-host.ts';

it.each(CGROUPS)('container id: %s', (_name, path, id) => {
  expect(containerIdOf(path)).toBe(id);
});

it.each([
  ['/user.slice/user-1000.slice/session-3.scope', '3'],
  ['/user.slice/user-0.slice/session-c12.scope/x', 'c12'],
  ['/user.slice/user-1000.slice/user@1000.service/session-3.scope', undefined],
  ['/user.slice/user-1000.slice/session-../../x.scope', undefined],
  [undefined, undefined],
])('login session of %j', (path, id) => {
  expect(loginSessionOf(path)).toBe(id);
});

it.each([
  [0, 0, undefined],
  [4, 0, 'console'],
  [4, 63, 'console'],
  [4, 64, 'serial'],
  [4, 255, 'serial'],
  [4, 256, undefined],
  [5, 1, undefined],
  [135, 0, undefined],
  [136, 0, 'pts'],
  [143, 1_048_575, 'pts'],
  [144, 0, undefined],
  [166, 0, 'serial'],
  [188, 3, 'serial'],
  [204, 64, 'serial'],
  [229, 0, 'serial'],
])('terminal %i:%i is %s', (major, minor, name) => {
  expect(ttyClass(major, minor)).toBe(name);
});

it('names capabilities in the order of their bits', () => {
  expect(capabilityNames(0n)).toEqual([]);
  expect(capabilityNames((1n << 21n) | 1n)).toEqual(['CAP_CHOWN', 'CAP_SYS_ADMIN']);
  expect(capabilityNames((1n << 41n) - 1n)).toHaveLength(41);
  expect(capabilityNames(3n << 39n)).toEqual(['CAP_BPF', 'CAP_CHECKPOINT_RESTORE']);
  expect(capabilityNames(1n << 63n)).toEqual(['CAP_63']);
});

describe('host', () => {
  it.each([
    [
      'ID=debian\nNAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"',
      'debian',
      '12',
    ],
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"', 'debian', '24.04'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', 'redhat', '9.4'],
    ['ID=plan9\n', 'plan9', undefined],
    ['', undefined, undefined],
  ])('os of %j', (text, family, version) => {
    const facts = osFacts(parseAssignments(text), '6.1.0');
    expect([facts.family, facts.version, facts.kernel]).toEqual([family, version, '6.1.0']);
  });

  it('reads addresses of another network namespace', () => {
    const inet6 = [
      'fe800000000000000000000000000001 02 40 20 80     eth0',
      '00000000000000000000000000000001 01 80 10 80       lo',
      '20010db8000000000001000000000002 02 40 00 80     eth0',
      'short 02 40',
    ].join('\n');
    expect(parseIfInet6(inet6)).toEqual(['fe80::1', '2001:db8::1:0:0:2']);
    const trie =
      'Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\nLocal:\n     |-- 10.0.0.7\n        /32 host LOCAL\n';
    expect(parseFibTrie(trie)).toEqual(['10.0.0.7']);
    expect(ecsMac('02:ab:00:00:00:01\n')).toBe('02-AB-00-00-00-01');
  });

  it('leaves out what is not known', () => {
    const constants = constantsOf({ name: 'h', ip: [], mac: [], os: {} }, { version: '1.2.3' });
    expect(constants.get('host.os.type')).toBe('linux');
    expect(constants.get('agent.version')).toBe('1.2.3');
    expect([...constants.values()]).not.toContain(undefined);
    expect(constants.has('host.id')).toBe(false);
    expect(constantsOf(START.host, { version: '1' }).get('host.id')).toBe('c0ffee');
  });
});
