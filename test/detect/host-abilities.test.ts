import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINUX_HOST, reachesOneOf, sourceOf } from '../../src/detect/host-abilities.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { processSlots } from '../../src/enrich/process-slots.ts';

const ENRICH = join(import.meta.dirname, '../../src/enrich');

/** Fields that the enricher names: those of a process and its relatives, and those that stand in its sources. */
function namedByEnricher(table: FieldTable): Set<string> {
  const relatives = ['', '.parent', '.session_leader', '.group_leader', '.entry_leader'];
  const slots = relatives.flatMap((relative) => Object.values(processSlots(table, `process${relative}`)));
  const names = new Set(slots.flatMap((slot) => table.at(slot)?.name ?? []));
  const sources = readdirSync(ENRICH).map((file) => readFileSync(join(ENRICH, file), 'utf8'));
  const text = sources.join('\n');
  for (const { name } of table.all()) if (text.includes(`'${name}'`)) names.add(name);
  return names;
}

it('says of each field of the vocabulary whether the enricher fills it', () => {
  const table = new FieldTable();
  const filled = namedByEnricher(table);
  const wrong = table.all().filter(({ name }) => LINUX_HOST.fills(name) !== filled.has(name));
  expect(wrong.map(({ name }) => name)).toEqual([]);
  expect(LINUX_HOST.fills('file.Ext.header_bytes')).toBe(false);
});

describe('index patterns', () => {
  it.each<[boolean, string[]]>([
    [true, []],
    [true, ['*']],
    [true, ['logs-*']],
    [true, ['logs-endpoint.events.*']],
    [true, ['logs-endpoint.events.process*']],
    [true, ['logs-endpoint.events.process-default']],
    [true, ['logs-*-default']],
    [true, ['auditbeat-*', 'logs-endpoint.events.*']],
    [true, ['logs-endpoint.events.file*']],
    [false, ['logs-endpoint.events.processes-*']],
    [false, ['logs-*', '-logs-endpoint.*', '-logs-forebear.*']],
    [false, ['logs-*-default-default']],
    [false, ['']],
  ])('%s: %j', (expected, patterns) => expect(reachesOneOf(patterns, LINUX_HOST.dataStreams)).toBe(expected));

  it.each([
    ['logs-endpoint.events.file*', 'file'],
    ['logs-endpoint.events.network-*', 'network'],
    ['.alerts-security.*', 'alerts'],
    ['logs-endpoint.alerts-*', 'alerts'],
    ['auditbeat-*', 'auditd'],
    ['logs-auditd_manager.auditd-*', 'auditd'],
    ['logs-crowdstrike.fdr*', 'crowdstrike'],
    ['logs-system.syslog-*', 'syslog'],
    ['packetbeat-*', 'packetbeat'],
    ['**', '**'],
  ])('%s is %s', (pattern, word) => expect(sourceOf(pattern)).toBe(word));
});
