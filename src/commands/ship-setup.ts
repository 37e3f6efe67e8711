// `forebear ship --setup`: installs what endpoints need before the first alert (index templates), or prints it. Outputs that need
// nothing say so.

import type { OutputConfig } from '../config/outputs.ts';
import type { Config } from '../config.ts';
import { ForebearError } from '../errors.ts';
import type { Output } from '../ship/output.ts';
import type { ElasticsearchOutput } from '../ship/outputs/elasticsearch.ts';
import type { ExitStatus, Io } from './command.ts';
import { escapeJson, escapeText } from './terminal.ts';

interface SetupOptions {
  print?: string | true;
  json?: boolean;
}

/** out: 0 all is there, 1 something was refused. Throws FB_SHIP_PRODUCT. */
export async function setUp(
  config: Config,
  options: SetupOptions,
  make: (output: OutputConfig) => Promise<Output>,
  io: Io,
): Promise<ExitStatus> {
  if (options.print !== undefined) return await print(config, options.print, io);
  let ok = true;
  for (const settings of config.outputs) {
    if (settings.type !== 'elasticsearch') {
      say({ output: settings.name, what: settings.type, outcome: 'unchanged', detail: 'needs no setup' }, options, io);
      continue;
    }
    const output = (await make(settings)) as ElasticsearchOutput;
    const report = await output.setUp(io.signal);
    await output.close();
    ok &&= report.ok;
    for (const step of report.steps) say({ output: settings.name, ...step }, options, io);
  }
  return ok ? 0 : 1;
}

function say(
  step: { output: string; what: string; name?: string; outcome: string; detail?: string },
  { json }: SetupOptions,
  io: Io,
): void {
  const { output, what, name = '', outcome, detail } = step;
  const text = `${output}: ${what}${name === '' ? '' : ` ${name}`}: ${outcome}${detail === undefined ? '' : `: ${detail}`}`;
  io.out(json === true ? `${escapeJson(JSON.stringify(step))}\n` : `${escapeText(text)}\n`);
}

async function print(config: Config, asked: string | true, io: Io): Promise<ExitStatus> {
  const { printable } = await import('../ship/outputs/templates.ts');
  const [, name, version = ''] = /^(elasticsearch|opensearch)(?:-(\d+\.\d+[\d.]*))?$/.exec(String(asked)) ?? [];
  if (name !== 'elasticsearch' && name !== 'opensearch') {
    const hint = 'forebear ship --setup --print opensearch, or opensearch-3.1';
    throw new ForebearError('FB_SHIP_PRODUCT', 'for which product: elasticsearch or opensearch?', { hint });
  }
  for (const settings of config.outputs) {
    if (settings.type === 'elasticsearch') io.out(`${printable(settings, { name, version })}\n`);
  }
  return config.outputs.some(({ type }) => type === 'elasticsearch') ? 0 : 1;
}
