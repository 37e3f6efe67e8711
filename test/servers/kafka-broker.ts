// A real Kafka broker (KRaft, one node) as a child of the test, from build/servers/kafka (test/servers/kafka/build): plain, TLS
// with client certificates, SASL over TLS, and a listener that clients reach through a proxy of the test. Read by Kafka's own
// console consumer, so that what was sent is not judged by the library that sent it.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort, makeCertificates, Program, type Scratch, scratch } from '../ship/real/programs.ts';

const BUILT = resolve(import.meta.dirname, '../../build/servers');
const JAVA = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(BUILT, 'kafka/lib/*')];
const SASL = 'org.apache.kafka.common.security';

export const PASSWORD = 'forebear-test';

/** Why a broker cannot be started here; "" when it can. */
export function missingKafka(): string {
  const reason = join(BUILT, 'kafka.unavailable');
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  return existsSync(join(BUILT, 'kafka/pom.xml')) ? '' : 'Kafka is not built: npm run test:servers -- kafka';
}

export interface Read {
  partition: number;
  headers: string;
  key: string;
  value: string;
}

type Listener = 'PLAINTEXT' | 'SSL' | 'SASL_SSL' | 'PROXIED';
type Ports = Readonly<Record<Listener | 'CONTROLLER', number>>;

export class Broker {
  readonly files: Scratch;
  readonly #ports: Ports;
  #program: Program | undefined;

  private constructor(files: Scratch, ports: Ports) {
    this.files = files;
    this.#ports = ports;
  }

  /** in: the port at which clients shall look for the listener PROXIED. */
  static async start(proxyPort: number): Promise<Broker> {
    const files = scratch();
    makeCertificates(files.path);
    files.file('server.pem', files.read('server.key') + files.read('server.crt'));
    const ports = {
      ...{ PLAINTEXT: await freePort(), SSL: await freePort(), SASL_SSL: await freePort() },
      ...{ PROXIED: await freePort(), CONTROLLER: await freePort() },
    };
    const broker = new Broker(files, ports);
    const config = files.file('server.properties', properties(files.path, ports, proxyPort));
    const user = `SCRAM-SHA-512=[name=forebear,password=${PASSWORD}]`;
    const format = ['format', '--standalone', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', config, '--add-scram', user];
    execFileSync('java', [...JAVA, 'kafka.tools.StorageTool', ...format], { stdio: 'pipe' });
    await broker.again();
    return broker;
  }

  /** On its old addresses and data. */
  async again(): Promise<void> {
    const args = [...JAVA, 'kafka.Kafka', this.files.file('server.properties')];
    this.#program = await Program.start('java', args, this.#ports.PLAINTEXT, { limitMs: 60_000 });
  }

  async kill(): Promise<void> {
    await this.#program?.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.kill();
    this.files[Symbol.dispose]();
  }

  port(listener: Listener): number {
    return this.#ports[listener];
  }

  address(listener: Listener): string {
    return `127.0.0.1:${this.#ports[listener]}`;
  }

  async createTopic(name: string, config: Record<string, string> = {}, partitions = 3): Promise<void> {
    const settings = Object.entries(config).flatMap(([key, value]) => ['--config', `${key}=${value}`]);
    const args = ['--create', '--topic', name, '--partitions', String(partitions), ...settings];
    await this.#tool('org.apache.kafka.tools.TopicCommand', args);
  }

  /** All records of a topic, in order within a partition. */
  async read(topic: string, count: number): Promise<Read[]> {
    const print = ['print.partition=true', 'print.headers=true', 'print.key=true'];
    const shown = print.flatMap((property) => ['--formatter-property', property]);
    // Some more than there should be: it waits for them in vain and ends.
    const end = ['--max-messages', String(count + 100), '--timeout-ms', '2500'];
    const consumer = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    const text = await this.#tool(consumer, ['--topic', topic, '--from-beginning', ...shown, ...end]);
    return text
      .split('\n')
      .filter((line) => line.startsWith('Partition:'))
      .map((line) => {
        const [partition = '', headers = '', key = '', ...value] = line.split('\t');
        return { partition: Number(partition.slice(10)), headers, key, value: value.join('\t') };
      });
  }

  async #tool(name: string, args: readonly string[]): Promise<string> {
    const all = [...JAVA, name, '--bootstrap-server', this.address('PLAINTEXT'), ...args];
    const { stdout } = await promisify(execFile)('java', all, { maxBuffer: 1 << 28 });
    return stdout;
  }
}

function properties(directory: string, ports: Ports, proxyPort: number): string {
  const names = ['PLAINTEXT', 'SSL', 'SASL_SSL', 'PROXIED'] as const;
  const at = (port: number) => `127.0.0.1:${port}`;
  const listeners = [...names, 'CONTROLLER' as const].map((name) => `${name}://${at(ports[name])}`);
  const advertised = names.map((name) => `${name}://${at(name === 'PROXIED' ? proxyPort : ports[name])}`);
  const users = ['forebear', 'stranger'].map((name) => `user_${name}="${PASSWORD}"`).join(' ');
  return `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=${at(ports.CONTROLLER)}
listeners=${listeners.join(',')}
advertised.listeners=${advertised.join(',')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
log.dirs=${directory}/topics
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:forebear;User:CN=client
ssl.keystore.type=PEM
ssl.keystore.location=${directory}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=${directory}/ca.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${SASL}.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=${SASL}.plain.PlainLoginModule required ${users};
`;
}
