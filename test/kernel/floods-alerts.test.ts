// Floods of alerts: a rule that always matches, and a journal that is far too small for it. What is not kept is counted to
// the last one, in every place that tells of it; what is severe stays.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentStatus } from '../../src/agent-status.ts';
import { defaultConfig, journalDirectory } from '../../src/config.ts';
import { MAX_DOCUMENT_BYTES, sizeOf } from '../../src/detect/document-limit.ts';
import { runForebear, until } from './agent-process.ts';
import { FLOOD_TIMEOUT, FloodedAgent, NAMED_RULE, queryRule, ruleOf, whyNoFlood } from './flood.ts';

const ALWAYS_RULE = queryRule('always', 'low', 'event.action:exec');
const missing = whyNoFlood();
let agent: FloodedAgent;

beforeEach((context) => {
  if (missing !== undefined) return context.skip(missing);
  agent = new FloodedAgent();
});
afterEach(() => agent?.remove());

type Document = Record<string, unknown>;

/** Two hashes of two kinds each with their names, which came after the alert and are not of its rate. */
const HASH_BYTES = 400;

const countOf = ({ counters }: AgentStatus, name: string) => counters[name] ?? 0;
const heldBack = (status: AgentStatus) =>
  countOf(status, 'detect_alerts_held_back_total{reason="rule"}') +
  countOf(status, 'detect_alerts_held_back_total{reason="all"}');

/** What alerts tell of earlier ones of their rule. */
function told(alerts: readonly Document[]): number {
  const gaps = alerts.flatMap(({ forebear }) => (forebear as { gaps?: { kind: string; count: number }[] }).gaps ?? []);
  return gaps.filter(({ kind }) => kind === 'capped_alerts').reduce((sum, { count }) => sum + count, 0);
}

it(
  'a rule that always matches: its bytes stay within the rate, and each match is an alert or counted',
  FLOOD_TIMEOUT,
  async () => {
    const EXECS = 20_000;
    const TIMES = 40;
    const { ruleBytesPerMinute } = defaultConfig().limits;
    await agent.start({ rules: [ALWAYS_RULE, NAMED_RULE], recorded: true });
    const states = new Set<string>();
    const end = agent.flood('execs');
    agent.runNamed(TIMES / 2);
    for (let part = 1; part <= 4; part++) {
      await agent.untilReserved('exec', (part * EXECS) / 4);
      states.add(agent.judged());
    }
    agent.runNamed(TIMES / 2);
    await agent.untilAlerts('named', TIMES);
    const status = await agent.stopSoundly(await end());
    const always = agent.alerts('always');
    const named = agent.alerts('named');

    expect(states).toEqual(new Set(['running']));
    expect(named).toHaveLength(TIMES);
    // No rule sees what the agent itself runs to try its sensor.
    const judged = status.sensor.counters.decoded.exec! - countOf(status, 'agent_canary_execs_skipped_total');
    const matches = judged + TIMES;
    expect(countOf(status, 'detect_events_matched_total')).toBe(matches);
    expect(status.alerts).toBe(always.length + TIMES);
    expect(status.alerts + heldBack(status)).toBe(matches);
    const atStop = (await agent.gaps('capped_alerts')).reduce((sum, { count }) => sum + count, 0);
    expect(told(always) + atStop).toBe(heldBack(status));
    expect(heldBack(status)).toBeGreaterThan(EXECS / 2);

    const timeOf = (document: Document | undefined) => Date.parse(String(document?.['@timestamp']));
    const minutes = 1 + (timeOf(always.at(-1)) - timeOf(always[0])) / 60_000;
    const bytes = always.reduce((sum, document) => sum + sizeOf(document), 0);
    expect(bytes).toBeLessThanOrEqual(ruleBytesPerMinute * minutes + MAX_DOCUMENT_BYTES + always.length * HASH_BYTES);
    expect(bytes).toBeGreaterThan(ruleBytesPerMinute - MAX_DOCUMENT_BYTES);
    console.log(
      `always: ${always.length} alerts of ${bytes} bytes, ${heldBack(status)} held back, ${told(always)} told in alerts`,
    );

    const files = ['0.toml', '1.toml'].flatMap((name) => ['--rules', join(agent.folder, name)]);
    const replayed = runForebear(['replay', '--json', '--config', agent.config, ...files, agent.recording]);
    expect(replayed.stderr).toContain('held back by the byte rate');
    const ids = (lines: readonly Document[]) =>
      lines.map((each) => `${ruleOf(each)} ${uuidOf(each)} ${told([each])}`).sort();
    expect(
      ids(
        replayed.stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      ),
    ).toEqual(ids([...always, ...named]));
  },
);

const uuidOf = (document: Document) => (document.kibana as { alert: { uuid: string } }).alert.uuid;

it(
  'a journal that is far too small: low alerts go, undelivered high ones stay, and what went is told',
  FLOOD_TIMEOUT,
  async () => {
    const MAX_BYTES = 1 << 20;
    const TIMES = 12;
    const config = `
[journal]
max_bytes = "1MiB"
segment_bytes = "64KiB"
reserve_bytes = "0B"
[limits]
rule_bytes_per_minute = "16MiB"
all_bytes_per_minute = "32MiB"
`;
    await agent.start({ config, rules: [ALWAYS_RULE, NAMED_RULE] });
    const end = agent.flood('execs');
    const expired = () => agent.status().journal.expired;
    const sizes: number[] = [];
    for (let part = 1; part <= 4; part++) {
      agent.runNamed(TIMES / 4);
      const before = expired();
      await until(
        () => expired() >= before + 200,
        () => `200 expired records, there are ${expired()}`,
      );
      sizes.push(agent.status().journal.bytes);
    }
    const status = await agent.stopSoundly(await end());
    expect(agent.alerts('named')).toHaveLength(TIMES);
    const always = agent.alerts('always').length;
    expect(always).toBeGreaterThan(0);
    expect(status.alerts).toBeGreaterThan(always + TIMES);
    // The one being written beside those that retention looks at.
    expect(Math.max(...sizes, status.journal.bytes, journalBytes())).toBeLessThanOrEqual(MAX_BYTES + (64 << 10));
    const seqs = await agent.seqs();
    const gone = (await agent.gaps('expired_records')).reduce((sum, { count }) => sum + count, 0);
    expect(seqs.length + gone).toBe(seqs.at(-1));
    console.log(`small journal: ${seqs.at(-1)} records, ${gone} expired and told, ${TIMES} of ${TIMES} high ones kept`);
  },
);

/** Of the files of the journal. */
function journalBytes(): number {
  const directory = journalDirectory(agent.state);
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
