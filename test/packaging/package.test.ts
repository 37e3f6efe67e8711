// What `npm run package` makes, read off the file: what it needs of a host, what it brings, and that the same tree gives the same bytes.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/commands/program.ts';
import { VERSION } from '../../src/commands/version.ts';
import { type BuiltPackage, buildPackage, whyNoPackage } from './build-package.ts';

const TOP = resolve(import.meta.dirname, '../..');
/** Debian 12 has 2.36 and 12's libstdc++, Ubuntu 22.04 2.35 and 12's, RHEL 9 2.34. */
const NEWEST = { GLIBC: '2.34', GLIBCXX: '3.4.30', CXXABI: '1.3.13' };
/** Of the packages that the control file depends on. */
const FROM_HOST = [
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'],
  ...['libstdc++.so.6', 'libgcc_s.so.1', 'libz.so.1'],
];

const missing = whyNoPackage() ?? (has('objdump') ? undefined : 'needs objdump (binutils)');

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

describe('the package', () => {
  let root: string;
  let built: BuiltPackage;

  beforeAll(() => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), 'forebear-unpacked-'));
    built = buildPackage(VERSION);
    execFileSync('dpkg-deb', ['-R', built.file, root]);
  }, 120_000);

  afterAll(() => root !== undefined && rmSync(root, { recursive: true }));

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const files = () =>
    readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  const elves = () => files().filter((file) => readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF')));
  const text = (path: string) => readFileSync(join(root, path), 'utf8');

  it('is the same bytes when it is built again', () => {
    expect(buildPackage(VERSION).sha256).toBe(built.sha256);
  }, 60_000);

  it.each(Object.entries(NEWEST))(
    'needs %s_%s at most',
    (prefix, newest) => {
      const needed = elves().flatMap((file) => {
        const symbols = spawnSync('objdump', ['-T', file], { encoding: 'utf8', maxBuffer: 1 << 30 }).stdout;
        const versions = [...symbols.matchAll(new RegExp(`\\(${prefix}_([0-9.]+)\\)`, 'g'))];
        return versions.map(([, version]) => ({ file: file.slice(root.length), version: version! }));
      });
      expect(needed.length).toBeGreaterThan(0);
      expect(needed.filter(({ version }) => compare(version, newest) > 0)).toEqual([]);
    },
    60_000,
  );

  it('brings the libraries that the addon needs beyond those that every host has', () => {
    const beside = join(root, 'usr/lib/forebear/build/Release');
    const wanting = elves().flatMap((file) => {
      const headers = execFileSync('objdump', ['-p', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
      const needed = [...headers.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name!);
      return needed.filter((name) => !FROM_HOST.includes(name) && !existsSync(join(beside, name)));
    });
    expect(wanting).toEqual([]);
    const addon = execFileSync('objdump', ['-p', join(beside, 'forebear.node')], { encoding: 'utf8' });
    expect(addon).toMatch(/^ +RPATH +\$ORIGIN$/m);
    expect(existsSync(join(beside, 'libbpf.so.1'))).toBe(true);
  });

  it('names no path of the machine that built it', () => {
    const places = [TOP, join(tmpdir(), 'forebear-package')];
    const telling = files().filter((file) => {
      const bytes = readFileSync(file);
      return places.some((place) => bytes.includes(place));
    });
    expect(telling).toEqual([]);
  });

  it('holds production packages only, each in the SBOM and in debian/copyright', () => {
    const { packages } = JSON.parse(readFileSync(join(TOP, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; version: string }>;
    };
    const modules = files().flatMap(
      (file) => /usr\/lib\/forebear\/(node_modules\/.*)\/package\.json$/.exec(file)?.[1] ?? [],
    );
    const locked = modules.filter((folder) => packages[folder] !== undefined);
    expect(locked.length).toBeGreaterThan(10);
    expect(locked.filter((folder) => packages[folder]?.dev === true)).toEqual([]);
    const { components } = JSON.parse(text('usr/share/doc/forebear/sbom.cdx.json')) as {
      components: { name: string; version: string }[];
    };
    const copyright = text('usr/share/doc/forebear/copyright');
    for (const folder of locked) {
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 13);
      expect(
        components.some((one) => one.name === name && one.version === packages[folder]?.version),
        name,
      ).toBe(true);
      expect(copyright, name).toContain(`Files: usr/lib/forebear/${folder}/*\n`);
    }
    const names = components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['libbpf1', 'libelf1', expect.stringMatching(/^node-linux-/)]));
  });

  it('brings the very runtime that package-lock.json pins', () => {
    const arch = process.arch;
    const runtime = join(root, 'usr/lib/forebear/runtime/node');
    expect(readFileSync(runtime).equals(readFileSync(join(TOP, `node_modules/node-linux-${arch}/bin/node`)))).toBe(
      true,
    );
  });

  it('has a man page for each command, without a fault of roff', () => {
    for (const name of ['forebear', ...COMMANDS.map(({ name }) => `forebear-${name}`)]) {
      const page = join(root, `usr/share/man/man1/${name}.1.gz`);
      const source = execFileSync('zcat', [page]);
      expect(source.toString().startsWith('.TH '), name).toBe(true);
      if (!has('groff')) continue;
      const { stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], { input: source, encoding: 'utf8' });
      expect(stderr, name).toBe('');
    }
  });

  it.each([
    [
      ['forebear', ''],
      ['agent', 'ship', '--help'],
    ],
    [['forebear', 'rules', 'ch'], ['check']],
    [['forebear', 'tail', '--severity', 'h'], ['high']],
    [
      ['forebear', 'ship', 'dead', ''],
      ['list', 'resend'],
    ],
  ])('completes %j', (words, expected) => {
    const script = join(root, 'usr/share/bash-completion/completions/forebear');
    const set = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _forebear; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const out = execFileSync('bash', ['-euc', `. "$0"; ${set}`, script, ...words], { encoding: 'utf8' });
    expect(out.split('\n')).toEqual(expect.arrayContaining(expected));
  });

  it('has the default configuration as conffiles, and files that nobody but root can write', () => {
    expect(text('DEBIAN/conffiles')).toBe('/etc/forebear/forebear.toml\n/etc/forebear/hub.toml\n');
    expect(files().filter((file) => (statSync(file).mode & 0o022) !== 0)).toEqual([]);
  });

  it('has conffiles without a key: one that changed would make dpkg ask, and unattended-upgrades keep the package back', () => {
    for (const name of ['forebear', 'hub']) {
      const lines = text(`etc/forebear/${name}.toml`).split('\n');
      expect(lines.filter((line) => !/^(#.*)?$/.test(line))).toEqual([]);
      expect(lines.join('\n')).toContain(`/usr/share/forebear/config/${name}.toml`);
      expect(files()).toContain(join(root, `usr/share/forebear/config/${name}.toml`));
    }
  });

  it('is no source tree: it looks for its state and rules where they are installed', () => {
    const launcher = join(root, 'usr/lib/forebear/bin/forebear');
    const { stdout } = spawnSync(launcher, ['rules', 'list', '--help'], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(stdout).toContain('/etc/forebear/forebear.toml');
    const idle = spawnSync(launcher, ['doctor', '--state', join(root, 'none')], { encoding: 'utf8' });
    expect(idle.stdout).toContain('-> systemctl start forebear');
    const missingFile = spawnSync(launcher, ['rules', 'list', '--config', '/nowhere'], { encoding: 'utf8' });
    expect(missingFile.stderr).toContain('/usr/share/forebear/config/forebear.toml');
  });
});

/** Versions by their numbers. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (const [index, number] of left!.entries()) {
    const difference = number - (right![index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
