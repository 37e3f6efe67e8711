// The child process of latency.ts: the agent as from src/agent.ts on, with one rule that matches each exec of the bench's
// program. Sends a message when it is attached; answers each message with the milliseconds from exec to durable of the
// alerts since the last one. Ends when its parent lets go of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAgent } from '../src/agent.ts';
import { loadConfig } from '../src/commands/load-config.ts';
import { LINUX_HOST } from '../src/detect/host-abilities.ts';
import { LANGUAGES } from '../src/detect/languages.ts';
import { loadRuleSet } from '../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../src/ecs/fields.ts';
import { createLogger } from '../src/log.ts';
import { loadAddon } from '../src/sensor/binding.ts';
import { EbpfSensor } from '../src/sensor/ebpf-sensor.ts';

const RULE = `
[rule]
rule_id = "bench"
name = "Bench"
description = "Each exec of the bench's program"
type = "query"
language = "kuery"
severity = "high"
risk_score = 50
max_signals = 1000000
index = ["logs-endpoint.events.*"]
query = "event.action:exec and process.name:fb-bench-named"
`;

const [state] = process.argv.slice(2) as [string];
const { bootTimeNs } = loadAddon();
const ended = new AbortController();
let times: number[] = [];
process.once('disconnect', () => ended.abort());
process.on('message', () => {
  process.send!(times);
  times = [];
});

mkdirSync(state, { mode: 0o750 });
writeFileSync(join(state, 'bench.toml'), RULE);
/** The byte rate would hold most of them back. */
const limits = { ruleBytesPerMinute: 2 ** 40, allBytesPerMinute: 2 ** 40 };
const config = { ...loadConfig({ state }), limits };
const fields = new FieldTable();
const sources = { rules: [join(state, 'bench.toml')], exceptions: [], disabled: [] };
await runAgent({
  config,
  version: 'bench',
  fields,
  rules: await loadRuleSet(sources, { fields, languages: LANGUAGES, abilities: LINUX_HOST }),
  clock: { wallMs: () => Date.now(), bootNs: () => bootTimeNs() },
  makeSensor: (envNames) => new EbpfSensor({ envNames }),
  log: createLogger({ level: 'error', format: 'json', terminal: false, color: false, dataset: 'bench', version: '0' }),
  onReady: () => process.send!('ready'),
  onAlert: ({ eventBootNs }) => times.push(Number(bootTimeNs() - eventBootNs) / 1e6),
  signal: ended.signal,
});
