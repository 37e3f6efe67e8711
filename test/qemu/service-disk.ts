// A disk with a Debian (scripts/testbed) on which the package lies as unpacked, and a unit that runs a job: a guest under a real
// systemd, with cgroups of version 2. An ext4 image that mke2fs fills from a folder: nothing is mounted.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Entry } from './cpio.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const GUEST = join(import.meta.dirname, 'guest');
const UNIT = `[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/test/job
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;

export interface ServiceDisk {
  /** Arguments of qemu. */
  devices: readonly string[];
  /** Of the initramfs. */
  files: readonly Entry[];
  remove(): void;
}

/** in: file of guest/ to run, the package, whose Debian and kernel, more files by their place. Throws what the tools said. */
export function makeServiceDisk(
  job: string,
  deb: string,
  suite: string,
  extra: Readonly<Record<string, string>>,
): ServiceDisk {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-disk-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const root = join(folder, 'root');
    must(spawnSync('cp', ['-a', join(ROOT, 'build/testbed', suite, 'root'), root]));
    must(spawnSync('dpkg-deb', ['-x', deb, root]));
    fill(root, job, extra);
    const image = join(folder, 'disk');
    must(spawnSync('mke2fs', ['-q', '-t', 'ext4', '-d', root, image, '900M']));
    rmSync(root, { recursive: true });
    const drive = `file=${image},if=none,id=disk,format=raw,cache=unsafe`;
    const devices = ['-drive', drive, '-device', 'virtio-blk-pci,drive=disk'];
    return { devices, files: initramfs(suite), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function fill(root: string, job: string, extra: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, 'test'));
  const programs = { job: join(GUEST, job), busybox: '/bin/busybox', 'fb-limit': built('leaf') };
  for (const [name, from] of Object.entries({ ...programs, qemu_hand_out: built('qemu_hand_out') })) {
    copyFileSync(from, join(root, 'test', name));
    must(spawnSync('chmod', ['755', join(root, 'test', name)]));
  }
  for (const [path, text] of Object.entries(extra)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const units = join(root, 'etc/systemd/system');
  writeFileSync(join(units, 'job.service'), UNIT);
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  // Without udev's rules no device is announced: it would be waited for.
  symlinkSync('/dev/null', join(units, 'serial-getty@ttyS0.service'));
  symlinkSync('../job.service', join(units, 'multi-user.target.wants/job.service'));
}

/** The kernel's modules for a disk, and what finds it. */
function initramfs(suite: string): Entry[] {
  const modules = join(ROOT, 'build/kernels', suite, 'virtio');
  return [
    { path: 'init', mode: 0o755, data: readFileSync(join(GUEST, 'service-init')) },
    { path: 'bin/busybox', mode: 0o755, data: readFileSync('/bin/busybox') },
    ...readdirSync(modules).map((name) => ({
      path: `virtio/${name}`,
      mode: 0o644,
      data: readFileSync(join(modules, name)),
    })),
  ];
}

const built = (name: string) => join(ROOT, 'build/test', name);

function must({ status, stderr, error }: SpawnSyncReturns<Buffer>): void {
  if (status !== 0) throw new Error(String(error ?? stderr));
}
