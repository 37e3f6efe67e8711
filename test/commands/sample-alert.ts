// An alert as the detector makes it, for the tests of commands; each part can be replaced.

import type { Alert } from '../../src/detect/alert.ts';

export const LINEAGE = [
  { pid: 1, name: 'systemd', executable: '/usr/lib/systemd/systemd', command_line: '/sbin/init', user_id: '0' },
  { pid: 700, name: 'sshd', executable: '/usr/sbin/sshd', command_line: 'sshd: /usr/sbin/sshd -D', user_id: '0' },
  { pid: 812, name: 'sshd', executable: '/usr/sbin/sshd', command_line: 'sshd: alice [priv]', user_id: '0' },
  { pid: 820, name: 'bash', executable: '/usr/bin/bash', command_line: '-bash', user_id: '1000' },
  { pid: 901, name: 'payload', executable: '/home/alice/payload', command_line: './payload', user_id: '1000' },
  {
    pid: 902,
    name: 'systemctl',
    executable: '/usr/bin/systemctl',
    command_line: 'systemctl enable x',
    user_id: '1000',
  },
].map((entry) => ({ ...entry, source: 'kernel' }));

export const PROCESS = {
  pid: 902,
  name: 'systemctl',
  executable: '/usr/bin/systemctl',
  args: ['systemctl', 'enable', 'x'],
  args_count: 3,
  command_line: 'systemctl enable x',
  working_directory: '/home/alice',
  interactive: true,
  tty: { char_device: { major: 136, minor: 3 } },
  user: { id: '1000', name: 'alice' },
  parent: { pid: 901, name: 'payload', executable: '/home/alice/payload', command_line: './payload' },
  entry_leader: { pid: 820, name: 'bash', executable: '/usr/bin/bash', entry_meta: { type: 'sshd' } },
};

export function sampleAlert(part: Partial<Alert> = {}): Alert {
  return {
    uuid: '5f2c3a9e0b7d41668a1f0c2233445566',
    rule_id: 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6',
    ruleName: 'Systemd Service Started by Unusual Parent Process',
    ruleVersion: 3,
    severity: 'medium',
    riskScore: 47,
    eventWallMs: Date.UTC(2026, 10, 24, 10, 0, 3),
    detectedWallMs: Date.UTC(2026, 10, 24, 10, 0, 3, 2),
    eventBootId: '4805e1d9-9167-4d5e-abb8-2aaa5bbaeb78',
    eventBootNs: 5_000_000_000n,
    hostId: 'h1',
    hostName: 'web-1',
    reason: 'process event with process systemctl, parent process payload, by alice on web-1 created medium alert.',
    gaps: [],
    terms: ['/home/alice/payload'],
    document: { process: PROCESS, host: { name: 'web-1' }, forebear: { lineage: LINEAGE } },
    ...part,
  };
}
