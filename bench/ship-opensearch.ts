// The real OpenSearch of bench/ship.ts: one node of the test bed (npm run test:servers builds it), on the CPUs of what is
// measured: so what it takes a second from a bare pump is told beside.

import { ALONE, Engine, missing } from '../test/servers/engine.ts';

/** As a node that is to take much: the good compiler, a heap. */
const JVM = ['-XX:TieredStopAtLevel=4', '-Xms1g', '-Xmx1g'];
const NAME = 'opensearch-2';
export const ALERTS = 'logs-forebear.alerts-default';

/** Why there is none; "" where there is. */
export const whyNoOpenSearch = (): string => missing(NAME);

export const startOpenSearch = (): Promise<Engine> => Engine.start(NAME, 'bench', ALONE, JVM);

/** Without a document, as it was at first. */
export async function emptied(engine: Engine): Promise<void> {
  const { status, body } = await engine.ask('DELETE', `/_data_stream/${ALERTS}`);
  if (status !== 200 && status !== 404) throw new Error(JSON.stringify(body));
}

export async function countIn(engine: Engine): Promise<number> {
  await engine.want('POST', `/${ALERTS}/_refresh`);
  return (await engine.want('GET', `/${ALERTS}/_count`)).count as number;
}
