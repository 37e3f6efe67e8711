// The alert of Forebear's own: its sensor does not see what the agent itself runs. Made as alerts of rules are, of an event
// that stands for the exec that was not seen, so that filters, endpoints and `show` treat it as any other. Pure.

import type { Alert } from '../detect/alert.ts';
import type { Rule } from '../detect/rule.ts';
import type { SlotValue } from '../ecs/event.ts';
import type { BlindSensor } from './canary.ts';
import { type OwnAlertParts, ownAlert } from './own-alert.ts';

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
export function canaryAlert(parts: OwnAlertParts, blind: BlindSensor): Alert {
  const { wallMs, bootNs, missed, lost, seenMs } = blind;
  const gap = { kind: 'lost_records' as const, detail: 'while the canary was awaited', count: lost };
  return ownAlert(parts, {
    rule: CANARY_RULE,
    action: ACTION,
    wallMs,
    bootNs,
    reason: reasonOfBlindness(blind, parts.host.name),
    values: valuesOf(parts, blind.args),
    section: { canary: { missed, lost, ...(seenMs !== undefined && { last_seen: iso(seenMs) }) } },
    gaps: lost > 0 ? [gap] : [],
  });
}

function valuesOf(parts: OwnAlertParts, args: readonly string[]): Record<string, SlotValue> {
  const program = args[0] ?? '';
  return {
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

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
