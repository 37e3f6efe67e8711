// What the package holds that is made from the sources, each on its own: `generate.ts WHAT ...`, called by packaging/stage.
//   dependencies                   folders of the production packages, one a line
//   man LIB VERSION FOLDER         forebear.1 and forebear-COMMAND.1, of the program in LIB/dist
//   pages FOLDER                   docs/*.md and SECURITY.md
//   completion LIB                 for bash, on stdout
//   copyright                      debian/copyright of all that is bundled, on stdout
//   sbom VERSION ARCH              CycloneDX, on stdout

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledLibraries, productionPackages } from './bundled.ts';
import { commandTree } from './command-tree.ts';
import { completion } from './completion.ts';
import { copyright } from './copyright.ts';
import { manPages } from './man.ts';
import { installedPages } from './pages.ts';
import { sbom } from './sbom.ts';

const [what, ...args] = process.argv.slice(2);
const epochMs = Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000;

switch (what) {
  case 'dependencies':
    console.log(
      productionPackages()
        .map(({ folder }) => folder)
        .join('\n'),
    );
    break;
  case 'man': {
    const [lib = '', version = '', folder = ''] = args;
    for (const [name, text] of manPages(await commandTree(lib), version, epochMs))
      writeFileSync(join(folder, name), text);
    break;
  }
  case 'pages':
    for (const [name, text] of installedPages()) writeFileSync(join(args[0] ?? '', name), text);
    break;
  case 'completion':
    process.stdout.write(completion(await commandTree(args[0] ?? '')));
    break;
  case 'copyright':
    process.stdout.write(copyright(productionPackages(), bundledLibraries()));
    break;
  case 'sbom': {
    const [version = '', arch = ''] = args;
    process.stdout.write(sbom(productionPackages(arch), bundledLibraries(), { version, arch, epochMs }));
    break;
  }
  default:
    throw new Error(`there is nothing called ${what}`);
}
