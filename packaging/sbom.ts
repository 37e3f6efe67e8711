// The software bill of materials, CycloneDX 1.5: what is bundled, with versions, licenses, package URLs and, for npm's packages, the
// hashes that package-lock.json pins. No time of its own and no random serial number: the same commit gives the same bytes.

import type { BundledLibrary, BundledPackage } from './bundled.ts';

interface About {
  version: string;
  /** Debian's name. */
  arch: string;
  epochMs: number;
}

export function sbom(packages: readonly BundledPackage[], libraries: readonly BundledLibrary[], about: About): string {
  const { version, arch, epochMs } = about;
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: new Date(epochMs).toISOString(),
      component: {
        ...{ type: 'application', 'bom-ref': `pkg:deb/forebear@${version}?arch=${arch}`, name: 'forebear', version },
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: [...packages.map(packageComponent), ...libraries.map(libraryComponent)],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function packageComponent({ name, version, license, integrity }: BundledPackage) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const runtime = name.startsWith('node-linux-');
  return {
    ...{ type: runtime ? 'platform' : 'library', 'bom-ref': purl, name, version, purl },
    licenses: [{ license: { id: license } }],
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex') }],
  };
}

function libraryComponent({ package: name, source, version, arch }: BundledLibrary) {
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}&upstream=${source}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}
