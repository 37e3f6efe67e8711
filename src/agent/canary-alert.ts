// The alert of Forebear's own: its sensor does not see what the agent itself runs. Made as alerts of rules are, of an event
// that stands for the exec that was not seen, so that filters, endpoints and `show` treat it as any other. Pure.

import type { Alert } from '../detect/alert.ts';
import { buildAlert } from '../detect/alert-document.ts';
import { alertId } from '../detect/alert-id.ts';
import type { Rule } from '../detect/rule.ts';
import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { eventId } from '../enrich/event-id.ts';
import { constantsOf } from '../enrich/host.ts';
import type { HostFacts } from '../enrich/surroundings.ts';
import type { BlindSensor } from './canary.ts';

export interface CanaryAlertParts {
  fields: FieldTable;
  host: HostFacts;
  version: string;
  bootId: string;
  /** Of the agent. */
  pid: number;
  executable: string;
  uid: number;
  detectedMs: () => number;
}

const ACTION = 'canary_not_seen';

export const CANARY_RULE: Rule = {
  rule_id: 'forebear-canary',
  name: 'Forebear Does Not See What It Runs Itself',
  type: 'query',
  language: 'kuery',
  version: 1,
  severity: 'critical',
  risk_score: 99,
  description:
    'Every minute the agent runs a harmless program and expects its own sensor to show that exec. Two in a row were not ' +
    'shown: the sensor is switched off, hindered or overwhelmed, and what others run is not seen either.',
  query: `event.action:${ACTION}`,
  index: [],
  from: 'now-1m',
  interval: '1m',
  intervalMs: 60_000,
  max_signals: 100,
  author: ['Forebear'],
  license: 'Apache-2.0',
  tags: ['OS: Linux', 'Use Case: Threat Detection', 'Tactic: Defense Evasion', 'Data Source: Forebear'],
  references: ['https://attack.mitre.org/techniques/T1562/001/'],
  false_positives: ['A host so busy that an exec reaches the agent more than ten seconds late, twice in a row.'],
  threat: [
    {
      framework: 'MITRE ATT&CK',
      tactic: { id: 'TA0005', name: 'Defense Evasion', reference: 'https://attack.mitre.org/tactics/TA0005/' },
      technique: [
        {
          id: 'T1562',
          name: 'Impair Defenses',
          reference: 'https://attack.mitre.org/techniques/T1562/',
          subtechnique: [
            {
              id: 'T1562.001',
              name: 'Disable or Modify Tools',
              reference: 'https://attack.mitre.org/techniques/T1562/001/',
            },
          ],
        },
      ],
    },
  ],
  note: {
    en: [
      '## Triage',
      '',
      '- `forebear status`: which programs are attached, what was lost, when a canary was seen for the last time.',
      '- `bpftool prog list` and `bpftool link list`: whether the programs of the agent are still attached, and what others are.',
      '- Records that were lost (in the alert, and as gap records before it) speak for a host that is overwhelmed; none for a sensor that somebody hindered.',
      '- Of the time since a canary was seen for the last time only other sources tell: the audit log, the journal of systemd, shell histories, the network.',
      '- `systemctl restart forebear` attaches anew; if the canary is not seen then either, the kernel itself is not to be trusted.',
    ].join('\n'),
  },
  setup: '',
  osquery: [],
  related: [],
  compiled: { matches: () => false, fields: [], tree: undefined },
  file: '',
};

/** in: what was run and not seen; out: the alert. The same canary gives the same uuid. */
export function canaryAlert(parts: CanaryAlertParts, blind: BlindSensor): Alert {
  const event = eventOf(parts, blind);
  const { rule_id, version } = CANARY_RULE;
  const uuid = alertId({ eventId: event.id, rule_id, version });
  const facts = { rule: CANARY_RULE, event, eventId: event.id, uuid, gaps: [], selftest: false };
  const alert = buildAlert({ ...facts, detectedWallMs: parts.detectedMs() });
  return withReason(alert, reasonOfBlindness(blind, alert.hostName), blind);
}

function eventOf(parts: CanaryAlertParts, { wallMs, bootNs, args, lost }: BlindSensor): EcsEvent {
  const { fields, bootId } = parts;
  const event = new EcsEvent(fields);
  event.bootId = bootId;
  event.bootNs = bootNs;
  event.wallMs = wallMs;
  event.id = eventId(bootId, bootNs, parts.pid, ACTION);
  const values = [...constantsOf(parts.host, parts), ...Object.entries(ownValues(parts, event, args))];
  for (const [name, value] of values) event.set(fields.slot(name), value);
  if (lost > 0) event.gaps.push({ kind: 'lost_records', detail: 'while the canary was awaited', count: lost });
  return event;
}

function ownValues(parts: CanaryAlertParts, event: EcsEvent, args: readonly string[]): Record<string, SlotValue> {
  const program = args[0] ?? '';
  return {
    '@timestamp': event.wallMs,
    'event.created': event.wallMs,
    'event.id': event.id,
    'event.action': ACTION,
    'event.category': ['process'],
    'event.type': ['info'],
    'event.module': 'forebear',
    'event.dataset': 'forebear.agent',
    'data_stream.dataset': 'forebear.agent',
    'process.executable': program,
    'process.name': baseName(program),
    'process.args': args,
    'process.args_count': args.length,
    'process.command_line': args.join(' '),
    'process.parent.pid': parts.pid,
    'process.parent.executable': parts.executable,
    'process.parent.name': baseName(parts.executable),
    'user.id': String(parts.uid),
  };
}

function reasonOfBlindness({ missed, seenMs }: BlindSensor, hostName: string): string {
  const since = seenMs === undefined ? 'none was since it started' : `the last that was is of ${iso(seenMs)}`;
  const where = hostName === '' ? '' : ` on ${hostName}`;
  return `${missed} programs in a row that the agent ran itself${where} were not seen by its sensor; ${since}.`;
}

/** The words for a rule's match do not fit what did not happen. */
function withReason(alert: Alert, reason: string, { missed, seenMs, lost }: BlindSensor): Alert {
  const { document } = alert;
  const kibana = document.kibana as { alert: object };
  const canary = { missed, lost, ...(seenMs !== undefined && { last_seen: iso(seenMs) }) };
  const forebear = { ...(document.forebear as object | undefined), canary };
  return {
    ...alert,
    reason,
    document: { ...document, forebear, kibana: { ...kibana, alert: { ...kibana.alert, reason } } },
  };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
