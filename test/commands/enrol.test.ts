// `forebear enrol` in a source tree: what is tried at the endpoint, what is written where, and that nothing is where it does not work.
// Under systemd: test/systemd/enrol.test.ts.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enrolled } from '../../src/commands/enrol-output.ts';
import { credentialDropIn } from '../../src/commands/enrol-service.ts';
import { loadConfig } from '../../src/commands/load-config.ts';
import { runProgram } from '../../src/commands/program.ts';
import { enrol as enrolHost, serveIn, withCertificates } from '../hub/tls.ts';
import { OfficialEndpoint } from '../ship/outputs/elasticsearch-official-endpoint.ts';
import { missing } from '../ship/real/programs.ts';
import { fakeIo } from './fake-io.ts';

const CONFIG = '# mine\n[log]\nlevel = "warn" # louder\n';

let base: string;
let file: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-enrol-'));
  file = join(base, 'forebear.toml');
  writeFileSync(file, CONFIG);
  writeFileSync(join(base, 'key'), 'id:secret\n');
});
afterEach(() => rmSync(base, { recursive: true }));

const written = (name = 'central') => join(base, `outputs.d/${name}.toml`);

async function enrol(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['enrol', '--config', file, '--state', join(base, 'state'), ...args], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

function stepsOf(out: string) {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: string; status: string; detail: string })
    .map(({ step, status }) => [step, status]);
}

describe('with an engine that answers', () => {
  let engine: OfficialEndpoint;
  beforeEach(async () => {
    engine = await OfficialEndpoint.start();
  });
  afterEach(() => engine.close());

  const bulk = () => engine.received.filter(({ path }) => path === '/_bulk');

  it('sends a marked alert and a marked record, and writes an output that the next command has', async () => {
    const { status, out } = await enrol('--elasticsearch', engine.url, '--api-key-file', join(base, 'key'), '--json');
    expect([status, stepsOf(out)]).toEqual([
      0,
      [
        ['templates', 'fine'],
        ['test', 'fine'],
        ['output', 'fine'],
        ['shipper', 'warning'],
      ],
    ]);
    const lines = bulk()
      .flatMap(({ body }) => body.toString().trim().split('\n'))
      .map((line) => JSON.parse(line));
    expect(lines.filter((_, i) => i % 2 === 0).map(({ create }) => create._index)).toEqual([
      'logs-forebear.alerts-default',
      'logs-forebear.agent-default',
    ]);
    for (const document of lines.filter((_, i) => i % 2 === 1)) expect(document.forebear.selftest).toBe(true);
    const [output] = loadConfig({ config: file }).outputs;
    expect(output).toMatchObject({
      name: 'central',
      type: 'elasticsearch',
      url: engine.url,
      api_key_file: join(base, 'key'),
    });
    expect(statSync(written()).mode & 0o777).toBe(0o644);
    expect(readFileSync(written(), 'utf8')).not.toContain('secret');
    expect(readFileSync(file, 'utf8')).toBe(CONFIG);
  });

  it('writes nothing when the test alert is refused', async () => {
    engine.otherStatus = 403;
    const { status, out } = await enrol('--elasticsearch', engine.url, '--api-key-file', join(base, 'key'), '--json');
    expect([status, stepsOf(out).at(-1)]).toEqual([1, ['test', 'fault']]);
    expect(existsSync(written())).toBe(false);
  });

  it('keeps to what was enrolled, unless it is to be replaced', async () => {
    const args = ['--elasticsearch', engine.url, '--no-test'];
    expect((await enrol(...args)).status).toBe(0);
    const again = await enrol(...args, '--username', 'me');
    expect([again.status, again.err]).toEqual([2, expect.stringContaining('--replace')]);
    expect((await enrol(...args, '--username', 'me', '--replace')).status).toBe(0);
    expect(loadConfig({ config: file }).outputs).toMatchObject([{ username: 'me' }]);
    expect((await enrol(...args, '--name', 'second')).status).toBe(0);
    expect(loadConfig({ config: file }).outputs.map(({ name }) => name)).toEqual(['central', 'second']);
    expect(bulk()).toEqual([]);
  });

  it('does not replace what a person wrote', async () => {
    writeFileSync(file, `${CONFIG}[outputs.central]\ntype = "file"\npath = "x"\n`);
    const { status, err } = await enrol('--elasticsearch', engine.url, '--replace', '--json');
    expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_ENROL_NAME']);
    expect(engine.received).toEqual([]);
  });
});

it('says why an endpoint cannot be reached, and writes nothing', async () => {
  const { status, out } = await enrol('--otlp', 'http://127.0.0.1:9/v1/logs', '--json');
  expect([status, stepsOf(out)]).toEqual([1, [['test', 'fault']]]);
  expect(existsSync(written())).toBe(false);
});

it('warns of a key that would go in the clear', async () => {
  const args = [
    '--otlp',
    'http://collector.example.org/v1/logs',
    '--token-file',
    join(base, 'key'),
    '--no-test',
    '--json',
  ];
  const { status, out } = await enrol(...args);
  expect([status, stepsOf(out)[0]]).toEqual([0, ['output', 'warning']]);
  expect(out).toContain('its token goes to collector.example.org in the clear');
});

it.each([
  [[], 'FB_ENROL_ENDPOINT'],
  [['--hub', 'https://a', '--otlp', 'https://b'], 'FB_ENROL_ENDPOINT'],
  [['--elasticsearch', 'ftp://a'], 'FB_CONFIG_VALUE'],
  [['--hub', 'https://a', '--api-key-file', 'k'], 'FB_CONFIG_UNKNOWN_KEY'],
  [['--otlp', 'https://a', '--name', 'Not A Name'], 'FB_CONFIG_VALUE'],
  [['--otlp', 'https://a', '--name', 'a.b]\n[outputs.c'], 'FB_CONFIG_VALUE'],
])('%j is refused: %s', async (args, code) => {
  const { status, err } = await enrol(...args, '--no-test', '--json');
  expect([status, JSON.parse(err).error.code]).toEqual([2, code]);
  expect(existsSync(join(base, 'outputs.d'))).toBe(false);
});

describe('with a hub', () => {
  it('asks it whether it takes what this host sends, and leaves no record there', async (context) => {
    const lacking = missing('openssl');
    if (lacking !== undefined) context.skip(lacking);
    if (!existsSync('/etc/machine-id')) context.skip('this host has no /etc/machine-id');
    using files = withCertificates();
    const hub = await serveIn(files);
    const hostId = readFileSync('/etc/machine-id', 'utf8').trim();
    const args = [
      '--hub',
      `https://127.0.0.1:${hub.port}`,
      '--ca-file',
      files.file('ca.crt'),
      '--json',
      '--token-file',
    ];
    const other = await enrol(...args, enrolHost(files, 'somebody-else'));
    expect([other.status, stepsOf(other.out)]).toEqual([1, [['test', 'fault']]]);
    const own = await enrol(...args, enrolHost(files, hostId));
    expect([own.status, stepsOf(own.out)[0]]).toEqual([0, ['test', 'fine']]);
    const stored = [...hub.counters.entries()].find(([name]) => name.startsWith('hub_records_stored_total'))?.[1] ?? 0;
    expect(stored).toBe(0);
    await hub.stop();
  });
});

describe('for systemd', () => {
  const options = { elasticsearch: 'https://es', name: 'central', apiKeyFile: 'es.key', caFile: 'ca.pem' };

  it('secrets are handed over by name, and the test reads the files', () => {
    const { output, text, credentials } = enrolled(options, (path) => `/etc/forebear/${path}`, true);
    expect(output).toMatchObject({ api_key_file: '/etc/forebear/es.key', ca_file: '/etc/forebear/ca.pem' });
    expect(text).toContain('api_key_file = "credential:central-api_key"\nca_file = "credential:central-ca"\n');
    expect(credentialDropIn('central', credentials).text).toMatch(
      /\[Service\]\nLoadCredential=central-api_key:\/etc\/forebear\/es.key\nLoadCredential=central-ca:\/etc\/forebear\/ca.pem\n$/,
    );
  });

  it.each(['/a b', '/a%i', '/a\nExecStart=/bin/sh', '/a:b', '/a"b'])('no path says more than a path: %j', (path) => {
    expect(() => credentialDropIn('central', [{ name: 'x', file: path }])).toThrow(
      expect.objectContaining({ code: 'FB_ENROL_PATH' }),
    );
  });
});
