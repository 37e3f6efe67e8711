// Which process of the kernel's records is this one: in another pid namespace its number is somebody else's.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { execPath, pid } from 'node:process';
import { expect, it } from 'vitest';
import { ownKernelPid } from '../../src/enrich/procfs-io.ts';

const MODULE = resolve(import.meta.dirname, '../../src/enrich/procfs-io.ts');
const SCRIPT = `import { ownKernelPid } from ${JSON.stringify(MODULE)}; process.stdout.write(String(ownKernelPid()));`;

it('is its pid in the initial pid namespace, and not known in another', (ctx) => {
  const unshare = ['--pid', '--fork', '--mount-proc'];
  if (spawnSync('unshare', [...unshare, 'true']).status !== 0) ctx.skip('no pid namespaces: root is needed');
  if (ownKernelPid() !== 0) expect(ownKernelPid()).toBe(pid);
  const node = [execPath, '--input-type=module', '--eval', SCRIPT];
  const { stdout, stderr } = spawnSync('unshare', [...unshare, ...node], { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['0', '']);
});
