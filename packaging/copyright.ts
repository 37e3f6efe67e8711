// debian/copyright in its machine-readable form (DEP 5): Forebear, and each thing that is bundled with the text of its own license.

import type { BundledLibrary, BundledPackage } from './bundled.ts';

const HEAD = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: forebear
Comment: Forebear with what it bundles: packages of npm, a Node.js runtime, libbpf and libelf as Debian builds them.

Files: *
Copyright: The Forebear authors
License: Apache-2.0
 On Debian systems the text of this license is in /usr/share/common-licenses/Apache-2.0.

Files: usr/lib/forebear/build/forebear.bpf.o
Copyright: The Forebear authors
License: BSD-2-Clause or GPL-2
 The programs in the kernel say "Dual BSD/GPL", which the kernel asks for. The text of the GPL is in
 /usr/share/common-licenses/GPL-2.

Files: usr/lib/forebear/runtime/node
Copyright: Node.js contributors, and the authors of what it bundles
License: MIT and others
 The license of Node.js and of all that is within it: /usr/share/doc/forebear/LICENSE.node.gz.
`;

export function copyright(packages: readonly BundledPackage[], libraries: readonly BundledLibrary[]): string {
  return [HEAD, ...packages.map(packageStanza), ...libraries.map(libraryStanza)].join('\n');
}

function packageStanza({ folder, name, version, license, licenseText }: BundledPackage): string {
  const holders = (licenseText ?? '')
    .split('\n')
    .filter((line) => /^\s*copyright\b.*\d{4}|^\s*copyright \(c\)/i.test(line));
  const owner = holders.length > 0 ? holders.map((line) => line.trim()).join('\n ') : `the authors of ${name}`;
  const text = licenseText ?? `${name} ${version} is under the ${license} license; it brings no text of it.`;
  return `Files: usr/lib/forebear/${folder}/*\nCopyright: ${owner}\nLicense: ${license}\n${indented(text)}\n`;
}

function libraryStanza({ package: name, source, version }: BundledLibrary): string {
  const soname = name.replace(/1$/, '.so.1');
  return `Files: usr/lib/forebear/build/Release/${soname}
Copyright: see /usr/share/doc/forebear/copyright.${name}
License: see /usr/share/doc/forebear/copyright.${name}
 Unchanged from Debian's package ${name} ${version}; its source is Debian's source package ${source} of that version
 (apt-get source ${source}=${version}). It can be replaced by another build of the same ABI.
`;
}

/** DEP 5: each line one blank in, an empty one as a dot. */
function indented(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}
