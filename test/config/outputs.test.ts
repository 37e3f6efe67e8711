// [outputs.NAME] of the configuration: typed, with defaults, and each fault with its key and line.

import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { ForebearError } from '../../src/errors.ts';

const ES = '[outputs.central]\ntype = "elasticsearch"\nurl = "https://es.example.org:9200"\n';

function outputs(text: string) {
  return parseConfig(text, 'test.toml').outputs;
}

function faultOf(text: string): unknown {
  try {
    outputs(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    return [error.code, error.line, error.message.replace('test.toml: ', '').slice(0, 200)];
  }
}

describe('outputs', () => {
  it('are none by default, and in the order of the file', () => {
    expect(outputs('')).toEqual([]);
    const two = outputs(`[outputs.z]\ntype = "file"\npath = "a.ndjson"\n${ES}`);
    expect(two.map(({ name, type }) => [name, type])).toEqual([
      ['z', 'file'],
      ['central', 'elasticsearch'],
    ]);
  });

  it('have the defaults of their type', () => {
    expect(outputs(ES)[0]).toMatchObject({
      ...{ url: 'https://es.example.org:9200', gzip: true, index: 'logs-forebear.alerts-default', api_key_file: null },
      ...{
        records: 'auto',
        severity: 'low',
        batch_bytes: 2 * 2 ** 20,
        batch_count: 500,
        max_backoff: 60_000,
        ca_file: null,
      },
    });
  });

  it('may have the day in an index', () => {
    expect(outputs(`${ES}index = "alerts-{yyyy.MM.dd}"`)[0]).toMatchObject({ index: 'alerts-{yyyy.MM.dd}' });
  });

  it.each([
    ['[outputs]\nx = 1', ['FB_CONFIG_VALUE', 2, 'outputs.x: expected a table: [outputs.x], not 1']],
    [
      '[outputs.X]\ntype = "file"',
      ['FB_CONFIG_VALUE', 1, expect.stringContaining('outputs.X: expected a name of a-z')],
    ],
    ['[outputs.x]\npath = "a"', ['FB_CONFIG_VALUE', 1, expect.stringContaining('outputs.x.type: expected one of')]],
    ['[outputs.x]\ntype = "toString"', ['FB_CONFIG_VALUE', 2, expect.stringContaining('outputs.x.type')]],
    [
      `${ES}topic = "x"`,
      ['FB_CONFIG_UNKNOWN_KEY', 4, expect.stringContaining('there is no setting outputs.central.topic')],
    ],
    [`${ES}gzip = "yes"`, ['FB_CONFIG_VALUE', 4, 'outputs.central.gzip: expected true or false, not "yes"']],
    ['[outputs.a]\ntype = "elasticsearch"', ['FB_CONFIG_VALUE', 1, expect.stringContaining('outputs.a.url: expected')]],
    [`${ES}batch_bytes = "17MiB"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('from "16KiB" to "16MiB"')]],
    [`${ES}fingerprint = "ab"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.fingerprint')]],
    [
      '[outputs.a]\ntype = "hub"\nurl = "https://u:p@h"',
      ['FB_CONFIG_VALUE', 3, expect.stringContaining('outputs.a.url')],
    ],
    ...[
      ...[
        'https://h:99999',
        'https://[',
        'https://h/v1?key=SECRET',
        'https://h#SECRET',
        'https://u:SECRET@h',
        'ftp://h',
      ],
      ...['https://u:SECRET@h:1?SECRET'],
    ].map((url): [string, unknown] => [
      `[outputs.a]\ntype = "otlp"\nurl = "${url}"`,
      ['FB_CONFIG_VALUE', 3, expect.not.stringContaining('SECRET')],
    ]),
    ...['h', 'h:0', 'h:65536', 'h:99999', ':1', '1'].map((address): [string, unknown] => [
      `[outputs.a]\ntype = "syslog"\naddress = "${address}"`,
      ['FB_CONFIG_VALUE', 3, expect.stringContaining('outputs.a.address: expected host:port')],
    ]),
    ['[outputs.a]\ntype = "kafka"\nbrokers = ["h:70000"]', ['FB_CONFIG_VALUE', 3, expect.stringContaining('brokers')]],
    ...['', '\nbrokers = []'].map((brokers): [string, unknown] => [
      `[outputs.a]\ntype = "kafka"${brokers}`,
      [
        'FB_CONFIG_VALUE',
        brokers === '' ? 1 : 3,
        expect.stringMatching(/outputs\.a\.brokers: expected .* one.*"host:9093"/),
      ],
    ]),
    [
      '[outputs.a]\ntype = "file"\npath = "d/x"\n[outputs.b]\ntype = "file"\npath = "./d/../d/x"',
      ['FB_CONFIG_VALUE', 6, expect.stringContaining('outputs.b.path: expected another file than that of a')],
    ],
    [`${ES}records = ["alert", "all"]`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.records')]],
    [`${ES}index = "Alerts"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.index')]],
    [`${ES}index = "-alerts"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.index')]],
    [`${ES}index = ".."`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.index')]],
    [`${ES}index = "a b-{yyyy.MM}"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.index')]],
    [`${ES}index = "a-{yyyy}"`, ['FB_CONFIG_VALUE', 4, expect.stringContaining('outputs.central.index')]],
    ['[output.a]\ntype = "file"', ['FB_CONFIG_UNKNOWN_KEY', 1, expect.stringContaining('there is no setting output')]],
  ])('%s', (text, fault) => expect(faultOf(text)).toEqual(fault));
});
