// cgroup paths as runtimes and kubelets make them, both drivers, and their like on the host: [path, id or undefined].

export const ID = '7f3a'.repeat(16);
const OUTER = '00ff'.repeat(16);
const POD = 'pod2c48913c-b29f-11e7-9350-020968147796';
const POD_SLICE = 'pod2c48913c_b29f_11e7_9350_020968147796';

export const CGROUPS: readonly (readonly [name: string, path: string, id: string | undefined])[] = [
  ['docker, cgroupfs', `/docker/${ID}`, ID],
  ['docker, systemd', `/system.slice/docker-${ID}.scope`, ID],
  ['docker, systemd inside', `/system.slice/docker-${ID}.scope/init.scope`, ID],
  ['docker in docker', `/docker/${OUTER}/docker/${ID}`, ID],
  ['docker, rootless', `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`, ID],
  ['kubepods, cgroupfs', `/kubepods/burstable/${POD}/${ID}`, ID],
  ['kubepods, guaranteed', `/kubepods/${POD}/${ID}`, ID],
  [
    'kubepods, containerd',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-${POD_SLICE}.slice/cri-containerd-${ID}.scope`,
    ID,
  ],
  [
    'kubepods, cri-o',
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-${POD_SLICE}.slice/crio-${ID}.scope`,
    ID,
  ],
  ['kubepods, docker', `/kubepods.slice/kubepods-${POD_SLICE}.slice/docker-${ID}.scope`, ID],
  [
    'containerd below a v1 slice',
    `/system.slice/containerd.service/kubepods-burstable-${POD_SLICE}.slice:cri-containerd:${ID}`,
    ID,
  ],
  ['podman, root', `/machine.slice/libpod-${ID}.scope`, ID],
  ['podman, inner cgroup', `/machine.slice/libpod-${ID}.scope/container`, ID],
  ['podman, rootless', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`, ID],
  ['podman, cgroupfs', `/libpod_parent/libpod-${ID}`, ID],
  ['ECS', `/ecs/0123456789abcdef/${ID}`, ID],
  ['conmon of podman runs on the host', `/machine.slice/libpod-conmon-${ID}.scope`, undefined],
  ['conmon of cri-o runs on the host', `/kubepods.slice/crio-conmon-${ID}.scope`, undefined],
  ['a service', '/system.slice/ssh.service', undefined],
  ['a session', '/user.slice/user-1000.slice/session-3.scope', undefined],
  ['a bare id elsewhere', `/user.slice/${ID}`, undefined],
  ['an id too short', `/docker/${ID.slice(1)}`, undefined],
  ['capitals are no id', `/docker/${ID.toUpperCase()}`, undefined],
  ['the root', '/', undefined],
];
