// Capability sets: the kernel's bit mask -> names, as process.thread.capabilities.* carry them. The order is that of
// include/uapi/linux/capability.h; a bit beyond the table is named by its number.

const NAMES = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

const CACHE_MAX = 1024;
const cache = new Map<bigint, readonly string[]>();

/** in: mask as in /proc/PID/status CapPrm; out: names in the order of the bits. Cached: hosts use a handful of sets. */
export function capabilityNames(mask: bigint): readonly string[] {
  const known = cache.get(mask);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const names = namesOf(mask);
  cache.set(mask, names);
  return names;
}

function namesOf(mask: bigint): readonly string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((mask >> BigInt(bit)) & 1n) names.push(NAMES[bit] ?? `CAP_${bit}`);
  }
  return names;
}
