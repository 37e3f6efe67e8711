// Sessions of a real host and the entry leader that each one has: type@leader, `shell` being the login shell.
// Text: @LABEL runs a marked program, @until-GATE waits for a gate. Labels: `shell` is run by the login shell itself, `in` while
// it lives, `left` after it has left, `again` after the observer was restarted.

export interface Row {
  name: string;
  /** ssh: a command without a terminal; pty: with one; here: below the test itself; the others as they are called. */
  how: 'ssh' | 'pty' | 'socket' | 'cron' | 'at' | 'here';
  text: string;
  expect: Readonly<Partial<Record<'in' | 'left' | 'again', string>>>;
  /** Of the label `in`. */
  evidence?: readonly string[];
  /** Files that must be there. */
  needs?: readonly string[];
  /** Programs of which the host must not run one already. */
  alone?: readonly string[];
  /** The login shell stays to the end. */
  stays?: true;
}

const OURS = 'sshd@shell';
const QUIET = '</dev/null >/dev/null 2>&1';
/** Of a process that outlives the login shell. */
const LATER = '@until-left; @left; @until-again; @again';
const LASTING = { in: OURS, left: OURS, again: OURS };
const MULTIPLEXED = `"@in; ${LATER}; true"`;

export const ROWS: readonly Row[] = [
  { name: 'a command over ssh', how: 'ssh', text: '@shell; @in; true', expect: { in: OURS } },
  { name: 'a command over ssh, on a terminal', how: 'pty', text: '@shell; @in; true', expect: { in: OURS } },
  {
    name: 'an ssh session that lasts while the observer is restarted',
    how: 'pty',
    text: '@shell; @in; @until-again; @again; true',
    expect: { in: OURS, again: OURS },
    stays: true,
  },
  {
    name: 'sshd activated by a socket',
    how: 'socket',
    text: '@shell; @in; true',
    expect: { in: OURS },
    needs: ['/usr/bin/systemd-socket-activate'],
  },
  { name: 'sudo with use_pty', how: 'pty', text: '@shell; sudo sh -c "@in; true"', expect: { in: OURS } },
  { name: 'sudo without a terminal', how: 'ssh', text: '@shell; sudo sh -c "@in; true"', expect: { in: OURS } },
  { name: 'sudo -i', how: 'pty', text: '@shell; sudo -i @in; true', expect: { in: OURS } },
  { name: 'su -', how: 'pty', text: '@shell; echo "@in; true" | sudo su - $USER; true', expect: { in: OURS } },
  { name: 'su -c', how: 'pty', text: '@shell; sudo su $USER -c "@in; true"; true', expect: { in: OURS } },
  { name: 'su --pty', how: 'pty', text: '@shell; sudo su --pty - $USER -c "@in; true"; true', expect: { in: OURS } },
  {
    name: 'script',
    how: 'pty',
    text: '@shell; script -qc "@in; true" /dev/null; true',
    expect: { in: OURS },
    needs: ['/usr/bin/script'],
  },
  {
    name: 'a pane of tmux',
    how: 'pty',
    text: `@shell; tmux -S $DIR/tmux -f /dev/null new-session -d ${MULTIPLEXED}; @until-leave; true`,
    expect: LASTING,
    needs: ['/usr/bin/tmux'],
  },
  {
    name: 'a pane of tmux that is opened when the login shell has left',
    how: 'ssh',
    text: '@shell; tmux -S $DIR/tmux2 -f /dev/null new-session -d "@until-left; tmux -S $DIR/tmux2 new-window \'@left; @until-again; @again\'"',
    expect: { left: OURS, again: OURS },
    needs: ['/usr/bin/tmux'],
  },
  {
    name: 'a window of screen',
    how: 'pty',
    text: `@shell; mkdir -m 700 $DIR/s; SCREENDIR=$DIR/s screen -dmS fb sh -c ${MULTIPLEXED}; @until-leave; true`,
    expect: LASTING,
    needs: ['/usr/bin/screen'],
  },
  {
    name: 'nohup',
    how: 'pty',
    text: `@shell; nohup sh -c ${MULTIPLEXED} ${QUIET} & @until-leave; true`,
    expect: LASTING,
  },
  { name: 'setsid', how: 'ssh', text: `@shell; setsid -f sh -c ${MULTIPLEXED} ${QUIET}; true`, expect: LASTING },
  {
    name: 'setsid, exec when the login shell has left',
    how: 'ssh',
    text: `@shell; setsid -f sh -c "@until-left; exec @left" ${QUIET}; true`,
    expect: { left: OURS },
  },
  {
    name: 'setsid, exec after the restart',
    how: 'ssh',
    text: `@shell; setsid -f sh -c "@until-again; exec @again" ${QUIET}; true`,
    expect: { again: OURS },
  },
  {
    name: 'forked twice, the one between has left',
    how: 'ssh',
    text: `@shell; (setsid sh -c "sh -c '${LATER}; true' &" ${QUIET} &); true`,
    expect: { left: OURS, again: OURS },
  },
  {
    name: 'an orphan of a subreaper',
    how: 'ssh',
    text: `@shell; setsid -f $DIR/subreaper setsid sh -c ${MULTIPLEXED} ${QUIET}; true`,
    expect: LASTING,
  },
  {
    name: 'a program that is merely named runc',
    how: 'ssh',
    text: '@shell; $DIR/runc -c "setsid -w sh -c \'@in; true\'; true"',
    expect: { in: OURS },
  },
  {
    name: 'a program that is merely named conmon, on a terminal of its own',
    how: 'pty',
    text: '@shell; $DIR/conmon -c "script -qc \'@in; true\' /dev/null; true"',
    expect: { in: OURS },
    needs: ['/usr/bin/script'],
  },
  {
    name: 'a daemon under a program that is merely named containerd-shim',
    how: 'ssh',
    text: `@shell; $DIR/containerd-shim -c "setsid -f sh -c '@in; ${LATER}; true' ${QUIET}; true"`,
    expect: LASTING,
  },
  {
    name: 'namespaces made by a person, no container runtime',
    how: 'ssh',
    text: '@shell; sudo unshare --pid --fork --mount-proc setsid -w sh -c "@in; true"',
    expect: { in: OURS },
  },
  {
    name: 'namespaces made by what is named like a runtime',
    how: 'here',
    text: '$DIR/containerd-shim-runc-v2 --pid --fork --mount-proc setsid -w sh -c "@in; @until-again; @again; true"',
    expect: { in: 'container@dash', again: 'container@dash' },
    evidence: ['pid_namespace', 'mount_namespace'],
  },
  {
    name: 'a container of runc',
    how: 'here',
    text: '$DIR/runc-bundle "@in; @until-again; @again; true"',
    expect: { in: 'container@dash', again: 'container@dash' },
    evidence: ['pid_namespace', 'mount_namespace'],
    needs: ['/usr/sbin/runc'],
  },
  {
    name: 'cron',
    how: 'cron',
    text: `@until-in; @in; ${LATER}`,
    expect: { in: 'init@cron', left: 'init@cron', again: 'init@cron' },
    needs: ['/usr/sbin/cron'],
    alone: ['cron'],
  },
  {
    name: 'at',
    how: 'at',
    text: `@in; ${LATER}`,
    expect: { in: 'init@atd', left: 'init@atd', again: 'init@atd' },
    needs: ['/usr/sbin/atd', '/usr/bin/at'],
    alone: ['atd'],
  },
  {
    name: 'login on a virtual console',
    how: 'here',
    text: '$DIR/on-terminal /dev/tty12 $DIR/login -c "sh -c \'@in; @until-again; @again; true\'; true"',
    expect: { in: 'console@login', again: 'console@login' },
    needs: ['/dev/tty12'],
  },
  {
    name: 'a shell on a serial line',
    how: 'here',
    text: '$DIR/on-terminal /dev/ttyS0 /bin/sh -c "@in; @until-again; @again; true"',
    expect: { in: 'terminal@dash', again: 'terminal@dash' },
    needs: ['/dev/ttyS0'],
  },
];
