// A day and more on a host, the same each time: sessions by ssh (with sudo, tmux whose login shell leaves, setsid and double
// forks), cron, a package installation, a container, services, programs that exec others, pids used again. What the rules of
// story-rules.ts look for happens often, in and out of their windows, under and over their limits.

import { HOST_NS } from '../enrich/fake-host.ts';
import { World } from './world.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const ANN = { uid: 1000, euid: 1000, gid: 1000, egid: 1000, groups: [27, 1000], cwd: '/home/ann' };
const SSHD = 100;
const CRON = 110;
const SHIM = 120;

class Teller {
  readonly world: World;
  #pid = 1000;
  #tty = 0;

  constructor(world: World) {
    this.world = world;
    world.add(2, { ppid: 0, sid: 0, pgid: 0, kernelThread: true, comm: 'kthreadd' }, '');
    world.add(3, { ppid: 2, sid: 0, pgid: 0, kernelThread: true, comm: 'kworker/0:1' }, '');
    const service = (pid: number, executable: string) =>
      world.add(pid, { ppid: 1, sid: pid, pgid: pid, parentStartNs: 1n }, executable);
    service(SSHD, '/usr/sbin/sshd');
    service(CRON, '/usr/sbin/cron');
    service(SHIM, '/usr/bin/containerd-shim-runc-v2');
    world.begin();
  }

  fork(parent: number): number {
    this.world.fork(parent, ++this.#pid);
    return this.#pid;
  }

  /** A child that runs a program; it stays. */
  start(parent: number, executable: string, args: string[] = [executable]): number {
    const pid = this.fork(parent);
    this.world.exec(pid, executable, args);
    return pid;
  }

  /** One that has its turn and leaves. */
  run(parent: number, executable: string, args?: string[]): void {
    this.world.exit(this.start(parent, executable, args));
  }

  enable(parent: number, unit = 'x.service'): void {
    this.run(parent, '/usr/bin/systemctl', ['systemctl', 'enable', unit]);
  }

  /** sshd's process for the connection, and the login shell. */
  login(): [connection: number, shell: number] {
    const { world } = this;
    const connection = this.fork(SSHD);
    world.setsid(connection);
    world.exec(connection, '/usr/lib/openssh/sshd-session', ['sshd-session: ann']);
    const shell = this.fork(connection);
    world.setsid(shell);
    world.change(shell, { ...ANN, ttyMajor: 136, ttyMinor: this.#tty++ });
    world.exec(shell, '/bin/bash', ['-bash']);
    return [connection, shell];
  }

  logout([connection, shell]: [number, number]): void {
    this.world.exit(shell);
    this.world.exit(connection);
  }

  /** The server of tmux and a pane: on the host when the login shell has long left. */
  tmux(shell: number): [server: number, pane: number] {
    const { world } = this;
    const client = this.start(shell, '/usr/bin/tmux', ['tmux', 'new', '-d']);
    const server = this.fork(client);
    world.setsid(server);
    const pane = this.fork(server);
    world.setsid(pane);
    world.change(pane, { ttyMajor: 136, ttyMinor: 90 + this.#tty });
    world.exec(pane, '/bin/bash', ['-bash']);
    world.exit(client);
    return [server, pane];
  }

  cronJob(command: string): void {
    const child = this.fork(CRON);
    this.world.setsid(child);
    this.world.exec(child, '/bin/sh', ['/bin/sh', '-c', command]);
    this.run(child, '/usr/bin/curl', ['curl', '-s', command]);
    this.enable(child, 'cron.service');
    this.world.exit(child);
  }

  /** Forked twice, the middle one leaves: an orphan of the session. */
  daemon(parent: number, executable: string): number {
    const middle = this.fork(parent);
    const pid = this.fork(middle);
    this.world.exit(middle);
    this.world.setsid(pid);
    this.world.exec(pid, executable, [executable, '--daemon']);
    return pid;
  }

  /** bash -> python -> payload -> systemctl, all one pid. */
  chain(parent: number): void {
    const pid = this.start(parent, '/usr/bin/python3', ['python3', 'x.py']);
    this.world.exec(pid, '/opt/tool/payload', ['payload']);
    this.world.exec(pid, '/usr/bin/systemctl', ['systemctl', 'start', 'chain.service']);
    this.world.exit(pid);
  }

  container(): void {
    const pid = this.fork(SHIM);
    this.world.setsid(pid);
    this.world.change(pid, { pidNs: HOST_NS.pid + 1, mntNs: HOST_NS.mnt + 1, cgroup: `/docker/${'c0'.repeat(32)}` });
    this.world.exec(pid, '/bin/sh', ['sh']);
    this.enable(pid, 'inside.service');
    this.run(pid, '/usr/bin/nc', ['nc', 'inside']);
    this.world.exit(pid);
  }

  /** sudo apt: dpkg runs a maintainer script, which enables a unit. */
  install(shell: number): void {
    const sudo = this.start(shell, '/usr/bin/sudo', ['sudo', 'apt', 'install', 'x']);
    this.world.change(sudo, { euid: 0, egid: 0 });
    const apt = this.start(sudo, '/usr/bin/apt', ['apt', 'install', 'x']);
    const dpkg = this.start(apt, '/usr/bin/dpkg', ['dpkg', '--configure', 'x']);
    const script = this.start(dpkg, '/bin/dash', ['/bin/sh', '/var/lib/dpkg/info/x.postinst']);
    this.enable(script, 'package.service');
    for (const pid of [script, dpkg, apt, sudo]) this.world.exit(pid);
  }

  /** Two in one group, which the first one leads. */
  pipeline(shell: number): [left: number, right: number] {
    const left = this.start(shell, '/usr/bin/tee', ['tee', 'log']);
    const right = this.start(shell, '/usr/bin/xargs', ['xargs', '-n1']);
    for (const pid of [left, right]) this.world.change(pid, { pgid: left });
    return [left, right];
  }

  /** A pid that somebody had before. */
  reuse(parent: number, pid: number, executable: string): void {
    this.world.fork(parent, pid);
    this.world.exec(pid, executable);
    this.enable(pid, 'reused.service');
    this.world.exit(pid);
  }
}

/** The same in every run of the tests. in: the machine that it happens on. */
export function story(world = new World()): World {
  const host = new Teller(world);
  const first = host.login();
  const [, shell] = first;
  host.enable(shell);
  for (const target of ['a', 'b', 'a', 'c', 'd', 'e']) host.run(shell, '/usr/bin/curl', ['curl', target]);
  world.pass(20);
  host.chain(shell);
  host.run(shell, '/usr/bin/wget', ['wget', '--ok']);
  world.pass(70);
  const [, pane] = host.tmux(shell);
  const payload = host.daemon(shell, '/home/ann/payload');
  world.pass(2);
  host.run(pane, '/usr/bin/nc', ['nc', '-l', '1']);
  host.enable(payload, 'daemon.service');
  world.pass(6);
  host.logout(first);
  world.pass(30);
  host.enable(pane, 'pane.service');
  host.enable(payload, 'daemon.service');
  host.run(pane, '/usr/bin/nc', ['nc', '-l', '2']);
  host.run(pane, '/opt/a', ['/opt/a']);
  world.pass(4 * MINUTE);
  host.cronJob('backup');
  host.run(pane, '/usr/bin/curl', ['curl', 'f']);
  host.run(pane, '/usr/bin/curl', ['curl', 'g']);
  world.pass(20 * MINUTE);
  host.container();
  const second = host.login();
  host.install(second[1]);
  host.run(second[1], '/opt/b', ['/opt/b']);
  host.run(second[1], '/usr/bin/wget', ['wget', '--ok']);
  host.run(second[1], '/usr/bin/wget', ['wget', '--bad']);
  world.pass(50 * MINUTE);
  host.run(second[1], '/opt/c', ['/opt/c']);
  host.run(second[1], '/usr/bin/nc', ['nc', '-l', '1']);
  host.run(second[1], '/usr/bin/wget', ['wget', '--ok']);
  host.chain(pane);
  host.reuse(second[1], first[1], '/home/ann/other');
  world.pass(HOUR + MINUTE);
  host.run(pane, '/usr/bin/nc', ['nc', '-l', '2', '3']);
  const nohup = host.fork(second[1]);
  host.logout(second);
  world.pass(3);
  world.setsid(nohup);
  world.exec(nohup, '/opt/tool/late', ['late', '--daemon']);
  host.enable(nohup, 'late.service');
  world.pass(3 * DAY);
  host.enable(pane, 'pane.service');
  host.run(nohup, '/usr/bin/curl', ['curl', 'h']);
  world.pass(6 * DAY);
  host.enable(payload, 'daemon.service');
  host.enable(nohup, 'late.service');
  host.enable(pane, 'pane.service');
  for (const target of ['a', 'b', 'c', 'd']) host.run(nohup, '/usr/bin/curl', ['curl', target]);
  world.pass(6 * MINUTE);
  host.run(nohup, '/usr/bin/curl', ['curl', 'e']);
  host.cronJob('backup');
  lastDay(host);
  return world;
}

/** Sessions that leave one after the other while others begin, and nests of them. */
function lastDay(host: Teller): void {
  const { world } = host;
  const [left, stays] = [host.login(), host.login()];
  const [server, pane] = host.tmux(left[1]);
  const script = host.start(pane, '/bin/sh', ['sh', './install']);
  const tool = host.daemon(script, '/opt/tool/agent');
  world.exit(script);
  host.enable(tool, 'tool.service');
  world.pass(4);
  host.logout(left);
  const inner = host.fork(server);
  world.setsid(inner);
  world.exec(inner, '/bin/zsh', ['-zsh']);
  world.pass(2);
  host.enable(inner, 'inner.service');
  host.run(inner, '/usr/bin/nc', ['nc', '-l', '4']);
  world.exit(pane);
  world.exit(server);
  world.pass(HOUR / 2);
  host.run(inner, '/home/ann/payload');
  host.install(stays[1]);
  world.exec(stays[1], '/usr/bin/fish', ['fish']);
  host.enable(stays[1], 'fish.service');
  world.exec(tool, '/opt/tool/agent', ['/opt/tool/agent', '--daemon', '--again']);
  host.run(tool, '/usr/bin/curl', ['curl', 'home']);
  world.pass(MINUTE);
  const again = host.daemon(inner, '/opt/tool/second');
  world.exit(inner);
  world.pass(20);
  host.enable(again, 'second.service');
  host.container();
  host.chain(again);
  host.cronJob('report');
  const [left2, right] = host.pipeline(stays[1]);
  const behind = host.start(stays[1], '/usr/bin/nohup', ['nohup', './behind']);
  world.exit(left2);
  world.pass(7);
  host.enable(right, 'pipeline.service');
  host.logout(stays);
  world.pass(7);
  host.enable(behind, 'behind.service');
  host.run(behind, '/home/ann/payload');
  host.enable(tool, 'tool.service');
  host.run(tool, '/usr/bin/wget', ['wget', '--ok', 'never']);
  // An alert that may be on its way when the terms are flushed, and two more that still fit the limit.
  world.pass(6 * MINUTE);
  host.run(behind, '/usr/bin/curl', ['curl', 'x']);
  world.pass(70);
  host.run(behind, '/usr/bin/true');
  host.run(behind, '/usr/bin/curl', ['curl', 'y']);
  host.run(behind, '/usr/bin/curl', ['curl', 'z']);
}
