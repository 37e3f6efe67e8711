// The numbers of native/wire.h that decode.ts (and the encoder of the tests) read and write by. If you change one, also
// change wire.h; native/addon.cc asserts the sizes at compile time.

export const WIRE_VERSION = 1;

/** struct fb_head */
export const HEAD = { size: 16, length: 0, version: 4, kind: 5, cpu: 6, bootNs: 8 } as const;
/** struct fb_field */
export const FIELD_HEAD = { size: 8, id: 0, flags: 2, length: 4 } as const;

/** enum fb_kind */
export const KIND = {
  exec: 1,
  fork: 2,
  exit: 3,
  task: 4,
  session: 5,
  credentials: 6,
  file: 7,
  network: 8,
  call: 9,
} as const;

/** enum fb_field_id */
export const FIELD = {
  task: 1,
  creator: 2,
  exit: 3,
  executable: 4,
  inode: 5,
  filename: 6,
  interpreter: 7,
  cwd: 8,
  args: 9,
  env: 10,
  cgroup: 11,
  parentExecutable: 12,
  groups: 13,
  credentials: 14,
  file: 15,
  path: 16,
  oldPath: 17,
  linkTarget: 18,
  fileInode: 19,
  network: 20,
  call: 21,
  name: 22,
  message: 23,
} as const;

/** fb_field.flags */
export const FIELD_FLAG = { truncated: 1, fault: 2, deleted: 4, unreachable: 8, asGiven: 16 } as const;
/** fb_task.flags */
export const TASK_FLAG = { kernelThread: 1, setuid: 2, setgid: 4, memfd: 8, script: 16 } as const;

/** struct fb_task: u64 up to capEffective, u32 up to argBytes, then comm. */
export const TASK = {
  size: 144,
  startNs: 0,
  parentStartNs: 8,
  sessionStartNs: 16,
  groupStartNs: 24,
  capPermitted: 32,
  capEffective: 40,
  tgid: 48,
  ppid: 52,
  pgid: 56,
  sid: 60,
  uid: 64,
  euid: 68,
  suid: 72,
  gid: 76,
  egid: 80,
  sgid: 84,
  ttyMajor: 88,
  ttyMinor: 92,
  pidNs: 96,
  mntNs: 100,
  userNs: 104,
  netNs: 108,
  argc: 112,
  groupCount: 116,
  flags: 120,
  argBytes: 124,
  comm: 128,
  commBytes: 16,
} as const;

/** struct fb_creator */
export const CREATOR = { size: 16, startNs: 0, tgid: 8, tid: 12 } as const;
/** struct fb_exit */
export const EXIT = { size: 16, endNs: 0, code: 8 } as const;
/** struct fb_credentials: all u32. */
export const CREDENTIALS = {
  size: 48,
  uid: 0,
  euid: 4,
  suid: 8,
  fsuid: 12,
  gid: 16,
  egid: 20,
  sgid: 24,
  fsgid: 28,
  newFsuid: 32,
  newFsgid: 36,
  tid: 40,
} as const;
/** struct fb_inode: u64 up to ctimeNs, then u32. */
export const INODE = {
  size: 56,
  ino: 0,
  bytes: 8,
  mtimeNs: 16,
  ctimeNs: 24,
  devMajor: 32,
  devMinor: 36,
  mode: 40,
  nlink: 44,
  uid: 48,
  gid: 52,
} as const;

/** struct fb_file: all u32. */
export const FILE = { size: 16, op: 0, flags: 4, tid: 8, replacedNlink: 12 } as const;
/** enum fb_file_op */
export const FILE_OP = { creation: 1, rename: 2, deletion: 3, modification: 4 } as const;
/** fb_file.flags */
export const FILE_FLAG = {
  hardLink: 1,
  symlink: 2,
  special: 4,
  tmpfile: 8,
  exchange: 16,
  directory: 64,
} as const;

/** struct fb_network: addresses of 16 bytes, u64 up to received, u16 up to family, op and protocol u8, then 32 bits. */
export const NETWORK = {
  size: 80,
  local: 0,
  remote: 16,
  addressBytes: 16,
  cookie: 32,
  sent: 40,
  received: 48,
  localPort: 56,
  remotePort: 58,
  family: 60,
  op: 62,
  protocol: 63,
  result: 64,
  tid: 68,
  flags: 72,
} as const;
/** enum fb_network_op */
export const NETWORK_OP = {
  connection_attempted: 1,
  connection_accepted: 2,
  disconnect_received: 3,
  lookup_result: 4,
} as const;
/** fb_network.flags */
export const NETWORK_FLAG = { ingress: 1, unknown: 2 } as const;
/** fb_network.family: AF_INET and AF_INET6. */
export const FAMILY = { ipv4: 2, ipv6: 10 } as const;

/** struct fb_call, what of it is filled. */
export const CALL = {
  size: 48,
  args: 0,
  argCount: 3,
  call: 32,
  tid: 36,
  result: 44,
} as const;
/** enum fb_call_number */
export const CALL_NUMBER = { memfd_create: 1, ptrace: 2, shmget: 3, load_module: 4 } as const;

/** enum fb_wanted, and of enum fb_kind what is wanted on demand. */
export const WANTED = {
  session: KIND.session,
  credentials: KIND.credentials,
  file: KIND.file,
  network: KIND.network,
  accept: 16,
  call: KIND.call,
  module: 17,
  lookup: 18,
} as const;

/** Entries of the map fb_connections, where connections are wanted. */
export const CONNECTIONS = 16384;

/** Indexes into the map fb_counters: base + kind. */
export const COUNTER = { reserved: 0, lost: 32, filtered: 96 } as const;
/** Entries of the maps fb_asked and fb_opened. */
export const FILE_MAPS = { asked: 32_768, opened: 16_384, unused: 128 } as const;
/** Map fb_places: struct fb_place, and its values. */
export const PLACE = { size: 64, bits: 0, path: 4, pathBytes: 60, watched: 1, dot: 2, shift: 8, max: 1024 } as const;
/** Bytes of a key of the map fb_unwatched, the last one NUL. */
export const UNWATCHED = { bytes: 16, max: 64 } as const;
/** Bytes of a wake hint's key, the last one NUL. */
export const HINT_BYTES = 64;
export const HINTS_MAX = 1024;
/** Slots of fb_scratch per possible CPU. */
export const SCRATCH_SLOTS = 3;
export const ARGS_MAX = 32768;
export const ENV_MAX = 8192;
export const RECORD_MAX = 65536;
