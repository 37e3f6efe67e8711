// Exec events of an ordinary host for the engine's bench: what shells, cron, package scripts, builds and services run, with
// paths and numbers that differ from event to event, enriched as the agent does. Documents of a file instead where one is given.

import { readFileSync } from 'node:fs';
import type { EcsEvent } from '../src/ecs/event.ts';
import type { FieldTable } from '../src/ecs/fields.ts';
import { flattenDocument } from '../src/ecs/flatten.ts';
import { FakeHost } from '../test/enrich/fake-host.ts';

/** Parent, executable, arguments; # is a number that differs. */
const COMMANDS: readonly (readonly [string, string, string])[] = [
  ['/usr/bin/bash', '/usr/bin/ls', 'ls --color=auto -la /srv/app/releases/#'],
  ['/usr/bin/bash', '/usr/bin/grep', 'grep -rn --include=*.py TODO-# src tests'],
  ['/usr/bin/bash', '/usr/bin/git', 'git -C /home/ann/project-# status --porcelain=v2 --branch'],
  ['/usr/bin/bash', '/usr/bin/vim', 'vim notes-#.md'],
  ['/usr/bin/bash', '/usr/bin/ssh', 'ssh -o BatchMode=yes deploy@web-#.example.org uptime'],
  ['/usr/bin/bash', '/usr/bin/curl', 'curl -fsS -m 10 https://example.org/health?id=#'],
  ['/usr/bin/bash', '/usr/bin/python3.12', 'python3 -m pytest -q tests/test_module_#.py'],
  ['/usr/bin/bash', '/usr/bin/sudo', 'sudo -n systemctl status app-#.service'],
  ['/usr/bin/make', '/usr/bin/dash', '/bin/sh -c gcc -O2 -Wall -c -o build/unit_#.o src/unit_#.c'],
  ['/usr/bin/dash', '/usr/bin/x86_64-linux-gnu-gcc-13', 'gcc -O2 -Wall -Iinclude -c -o build/unit_#.o src/unit_#.c'],
  [
    '/usr/bin/x86_64-linux-gnu-gcc-13',
    '/usr/libexec/gcc/x86_64-linux-gnu/13/cc1',
    'cc1 -quiet -I include src/unit_#.c -quiet -O2 -o /tmp/cc#.s',
  ],
  [
    '/usr/bin/x86_64-linux-gnu-gcc-13',
    '/usr/bin/x86_64-linux-gnu-as',
    'as -I include --64 -o build/unit_#.o /tmp/cc#.s',
  ],
  ['/usr/sbin/cron', '/usr/bin/dash', '/bin/sh -c test -x /usr/sbin/anacron || run-parts --report /etc/cron.hourly #'],
  ['/usr/bin/dash', '/usr/bin/run-parts', 'run-parts --report /etc/cron.hourly'],
  ['/usr/bin/dash', '/usr/bin/find', 'find /var/log/app -name *.log -mtime +# -print'],
  ['/usr/bin/dash', '/usr/bin/sed', 'sed -n -e s/^version=//p /etc/app/#.conf'],
  ['/usr/bin/dash', '/usr/bin/cut', 'cut -d: -f# /etc/passwd'],
  ['/usr/bin/dpkg', '/usr/bin/dash', '/bin/sh /var/lib/dpkg/info/package-#.postinst configure 1.2.#'],
  ['/usr/bin/dash', '/usr/bin/systemctl', 'systemctl --system daemon-reload'],
  ['/usr/bin/dash', '/usr/bin/mktemp', 'mktemp /tmp/tmp.#.XXXXXXXXXX'],
  ['/usr/bin/dash', '/usr/bin/chmod', 'chmod 0644 /srv/app/config-#.json'],
  [
    '/usr/lib/systemd/systemd',
    '/usr/lib/systemd/systemd-executor',
    '/usr/lib/systemd/systemd-executor --deserialize # --log-level info',
  ],
  ['/usr/lib/systemd/systemd', '/usr/bin/node', 'node --max-old-space-size=512 /srv/app/server-#.js'],
  ['/usr/bin/node', '/usr/bin/git', 'git rev-parse --short HEAD~#'],
  [
    '/usr/bin/containerd-shim-runc-v2',
    '/usr/sbin/runc',
    'runc --root /run/containerd/runc/k8s.io exec --process /tmp/runc-process# c0ffee#',
  ],
  ['/usr/sbin/runc', '/usr/bin/wget', 'wget -q -O - http://127.0.0.1:8080/ready?n=#'],
  ['/usr/sbin/sshd', '/usr/bin/bash', '-bash'],
  ['/usr/bin/bash', '/usr/bin/awk', 'awk -F: {print $#} /proc/meminfo'],
  ['/usr/bin/bash', '/usr/bin/tar', 'tar -czf /var/backups/app-#.tar.gz -C /srv/app releases'],
  ['/usr/bin/bash', '/usr/bin/rm', 'rm -rf /tmp/build-#'],
];

/** in: how many, in the table of the rules; every so many-th is of a program `tool-N`, which the generated rules name. */
export function ordinaryEvents(fields: FieldTable, number: number, toolEvery: number): EcsEvent[] {
  const host = new FakeHost({ fields });
  const parents = new Map<string, number>();
  for (const [executable] of COMMANDS) {
    if (parents.has(executable)) continue;
    const pid = 10 + parents.size;
    parents.set(executable, pid);
    host.fork(1, pid);
    host.exec(pid, executable, [executable.slice(executable.lastIndexOf('/') + 1)]);
  }
  return Array.from({ length: number }, (_, i) => {
    const [parent, executable, line] = COMMANDS[(i * 7) % COMMANDS.length]!;
    const pid = 1000 + i;
    host.fork(parents.get(parent)!, pid);
    const tool = `tool-${i % 1000}`;
    if (i % toolEvery === 0)
      return host.exec(pid, `/usr/bin/${tool}`, [tool, '-x', `--flag-${i % 1000}`, `/srv/${i}`])!;
    return host.exec(pid, executable, line.replaceAll('#', `${(i * 31) % 9973}`).split(' '))!;
  });
}

/** The documents of an NDJSON file. */
export function recordedEvents(fields: FieldTable, file: string): EcsEvent[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => flattenDocument(JSON.parse(line), fields).event);
}
