// Which files are watched where the configuration says nothing else: how their paths begin. Read by config.ts and by the agent;
// what the texts mean: sensor/file-filter.ts.

/**
 * Where Linux keeps what decides how it starts, who may log in, what runs when, and where intruders put what they bring. Not here: the
 * contents of home folders but for dot files, sources, packages' caches, containers' layers, /proc, /sys, /dev but for its shared memory.
 */
export const DEFAULT_PATHS: readonly string[] = [
  '/bin/',
  '/boot/',
  '/dev/shm/',
  '/etc/',
  '/home/*/.',
  '/lib',
  '/media/',
  '/mnt/',
  '/opt/',
  '/root/',
  '/run/',
  '/sbin/',
  '/srv/',
  '/tmp/',
  '/usr/',
  '/var/',
];
export const DEFAULT_EXCEPT: readonly string[] = [
  '/run/systemd/journal/',
  '/run/udev/',
  '/usr/src/',
  '/usr/share/doc/',
  '/usr/share/locale/',
  '/usr/share/man/',
  '/var/cache/',
  '/var/lib/containerd/',
  '/var/lib/containers/',
  '/var/lib/docker/',
  '/var/lib/forebear',
  '/var/lib/kubelet/pods/',
  '/var/log/journal/',
];
export const DEFAULT_EXCEPT_NAMES: readonly string[] = [
  '.cache',
  '.cargo',
  '.ccache',
  '.git',
  '.gradle',
  '.m2',
  '.npm',
  '.rustup',
  '__pycache__',
  'node_modules',
];
