// Container id from a cgroup path, in the forms of docker, containerd, cri-o, podman and kubelet, each with the systemd
// driver (`docker-ID.scope`) and the cgroupfs driver (`/docker/ID`). Pure but for a bounded cache.

/** `runtime-ID.scope`, `libpod-ID` (cgroupfs podman), `slice:cri-containerd:ID` (containerd below a v1 systemd slice). */
const NAMED = /^(?:docker|cri-containerd|crio|libpod|nerdctl|containerd)-([0-9a-f]{64})(?:\.scope)?$/;
const COLON = /^[^/]*:(?:docker|cri-containerd|crio|containerd):([0-9a-f]{64})$/;
/** A bare id counts below a folder that a runtime or the kubelet made. */
const BARE = /^[0-9a-f]{64}$/;
const BARE_PARENT =
  /^(?:docker|libpod_parent|containerd|crio|ecs|kubepods(?:\.slice)?|besteffort|burstable|guaranteed|pod[0-9a-f_-]{32,36}|kubepods[a-z0-9_-]*\.slice)$/;

const CACHE_MAX = 4096;
const cache = new Map<string, string | undefined>();

/** in: cgroup path; out: the 64 hex digits of the innermost container, undefined on the host. */
export function containerIdOf(cgroup: string | undefined): string | undefined {
  if (cgroup === undefined || cgroup.length < 64) return undefined;
  if (cache.has(cgroup)) return cache.get(cgroup);
  if (cache.size >= CACHE_MAX) cache.clear();
  const id = innermostId(cgroup.split('/'));
  cache.set(cgroup, id);
  return id;
}

function innermostId(parts: readonly string[]): string | undefined {
  for (let i = parts.length - 1; i > 0; i--) {
    const part = parts[i]!;
    const named = NAMED.exec(part) ?? COLON.exec(part);
    if (named !== null) return named[1];
    if (BARE.test(part) && underRuntime(parts, i)) return part;
  }
  return undefined;
}

/** The folder above made by a runtime; ECS puts a task folder between (`/ecs/TASK/ID`). */
function underRuntime(parts: readonly string[], index: number): boolean {
  return BARE_PARENT.test(parts[index - 1]!) || parts[index - 2] === 'ecs';
}

/** systemd-logind's session number of a cgroup path such as `/user.slice/user-1000.slice/session-3.scope`. */
export function loginSessionOf(cgroup: string | undefined): string | undefined {
  if (cgroup === undefined) return undefined;
  return /^\/user\.slice\/user-[0-9]+\.slice\/session-([a-z]?[0-9]{1,18})\.scope(?:\/|$)/.exec(cgroup)?.[1];
}
