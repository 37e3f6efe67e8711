// The syslog output against a real rsyslog: what it parsed of what was sent, over TLS and plain TCP, and what its refusals
// look like from this side.

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Output } from '../../../src/ship/output.ts';
import { syslogOutput } from '../../../src/ship/outputs/syslog-io.ts';
import { documentOf, idOf, largeParcel, parcel, parcels } from '../outputs/parcels.ts';
import { eventually, freePort, makeCertificates, missing, Program, type Scratch, scratch } from './programs.ts';

const never = new AbortController().signal;
const lacking = missing('rsyslogd', 'openssl');

interface Received {
  severity: string;
  facility: string;
  host: string;
  app: string;
  msgid: string;
  sd: string;
  message: string;
}

function configuration(directory: string, tlsPort: number, plainPort: number): string {
  return `global(workDirectory="${directory}" maxMessageSize="64k" defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="${directory}/ca.crt"
    defaultNetstreamDriverCertFile="${directory}/server.crt" defaultNetstreamDriverKeyFile="${directory}/server.key")
  module(load="imtcp")
  input(type="imtcp" address="127.0.0.1" port="${tlsPort}" ruleset="received"
    streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
  input(type="imtcp" address="127.0.0.1" port="${plainPort}" ruleset="received" streamDriver.name="ptcp" streamDriver.mode="0")
  template(name="parsed" type="list" option.jsonf="on") {
    property(outname="severity" name="syslogseverity" format="jsonf")
    property(outname="facility" name="syslogfacility" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
    property(outname="sd" name="structured-data" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
  }
  ruleset(name="received") { action(type="omfile" file="${directory}/parsed.json" template="parsed") }`;
}

describe('a real rsyslog', () => {
  let files: Scratch;
  let server: Program;
  let tlsPort: number;
  let plainPort: number;
  let before = 0;
  const made: Output[] = [];

  const start = async () => {
    server = await Program.start(
      'rsyslogd',
      ['-n', '-f', files.file('rsyslog.conf'), '-i', files.file('pid')],
      tlsPort,
    );
  };

  beforeAll(async () => {
    if (lacking !== undefined) return;
    files = scratch();
    makeCertificates(files.path);
    [tlsPort, plainPort] = [await freePort(), await freePort()];
    files.file('rsyslog.conf', configuration(files.path, tlsPort, plainPort));
    await start();
  });
  afterAll(async () => {
    await Promise.all(made.map((output) => output.close()));
    await server?.stop();
    files?.[Symbol.dispose]();
  });
  beforeEach((ctx) => {
    if (lacking !== undefined) ctx.skip(lacking);
    before = lines().length;
  });

  function output(part: Partial<Parameters<typeof syslogOutput>[0]> = {}, client: string | null = 'client'): Output {
    const output = syslogOutput({
      ...{ address: `127.0.0.1:${tlsPort}`, tls: true, facility: 'local3', max_message_bytes: 60_000, timeout: 10_000 },
      ...{ ca_file: files.file('ca.crt'), fingerprint: null, server_name: null },
      cert_file: client === null ? null : files.file(`${client}.crt`),
      key_file: client === null ? null : files.file(`${client}.key`),
      ...part,
    });
    made.push(output);
    return output;
  }

  const lines = () => (existsSync(files.file('parsed.json')) ? files.read('parsed.json').split('\n').slice(0, -1) : []);
  const received = (count: number) =>
    eventually(() => {
      const fresh = lines().slice(before);
      return fresh.length >= count ? fresh.map((line) => JSON.parse(line) as Received) : undefined;
    }, `${count} messages`);
  const ids = (messages: Received[]) => messages.map(({ sd }) => /uuid="([^"]*)"/.exec(sd)?.[1]);

  it('reads headers, structured data and the document as they were meant', async () => {
    expect(await output().send([parcel(1, { rank: 3 })], never)).toEqual({ of: 'batch', verdict: { is: 'delivered' } });
    const [message] = await received(1);
    expect(message).toMatchObject({ severity: '2', facility: '19', host: 'web-1', app: 'forebear', msgid: 'alert' });
    expect(message!.sd).toContain(`uuid="${idOf(1)}" severity="critical"`);
    expect(message!.sd).toContain('rule="Systemd \\"Service\\" \\] Started"');
    expect(JSON.parse(message!.message)).toEqual(documentOf(1));
  });

  it('gets a large batch in order, each message whole', async () => {
    const to = output();
    expect(await to.send(parcels(400), never)).toMatchObject({ verdict: { is: 'delivered' } });
    expect(await to.send([largeParcel(401, 40_000, '服'), parcel(402)], never)).toMatchObject({
      verdict: { is: 'delivered' },
    });
    const messages = await received(402);
    expect(ids(messages)).toEqual(Array.from({ length: 402 }, (_, i) => idOf(i + 1)));
    for (const { message } of messages) JSON.parse(message);
  });

  it('gets essentials, marked, of what would exceed its limit', async () => {
    await output({ max_message_bytes: 2048 }).send([largeParcel(1, 60_000)], never);
    const [message] = await received(1);
    const document = JSON.parse(message!.message) as unknown;
    expect(document).toMatchObject({
      kibana: { alert: { uuid: idOf(1) } },
      forebear: { cut: { original_bytes: expect.any(Number) } },
    });
  });

  it('takes plain TCP where TLS is off', async () => {
    const to = output({ tls: false, address: `localhost:${plainPort}` });
    expect(await to.send(parcels(3), never)).toMatchObject({ verdict: { is: 'delivered' } });
    expect(ids(await received(3))).toEqual([idOf(1), idOf(2), idOf(3)]);
  });

  it.each([
    { who: 'an expired certificate', client: 'expired' },
    { who: "another authority's certificate", client: 'stranger' },
    { who: 'no certificate', client: null },
  ])('refuses $who: held before anything is sent, nothing taken for delivered', async ({ client }) => {
    const to = output({}, client);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await to.send(parcels(2), never)).toMatchObject({ of: 'batch', verdict: { is: 'hold' } });
    }
    await output().send([parcel(9)], never);
    expect(ids(await received(1))).toEqual([idOf(9)]);
  });

  it('is itself refused where it is not the one that is trusted', async () => {
    const other = output({ ca_file: files.file('other.crt') });
    expect(await other.send(parcels(1), never)).toMatchObject({ verdict: { is: 'hold' } });
    const pinned = output({ fingerprint: 'ab'.repeat(32) });
    expect(await pinned.send(parcels(1), never)).toMatchObject({
      verdict: { is: 'hold', reason: expect.stringContaining('fingerprint') },
    });
    const named = output({ server_name: 'elsewhere.example' });
    expect(await named.send(parcels(1), never)).toMatchObject({ verdict: { is: 'hold' } });
    const absent = output({ ca_file: files.file('absent.crt') });
    expect(await absent.send(parcels(1), never)).toMatchObject({
      verdict: { is: 'hold', reason: expect.stringContaining('absent.crt') },
    });
  });

  it('is found again after a restart; while it is down everything is kept', async () => {
    const to = output();
    await to.send([parcel(1)], never);
    await received(1);
    await server.stop();
    expect(await to.send(parcels(2, 2), never)).toMatchObject({ verdict: { is: 'retry' } });
    await start();
    expect(await to.send(parcels(2, 2), never)).toMatchObject({ verdict: { is: 'delivered' } });
    expect(ids(await received(3))).toEqual([idOf(1), idOf(2), idOf(3)]);
  });
});
