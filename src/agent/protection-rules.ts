// The rules that stand for what the agent finds out about itself: their names, severities and guides. No event matches them; protection.ts
// and canary-alert.ts make their alerts.

import type { Rule, Severity } from '../detect/rule.ts';

interface Words {
  rule_id: string;
  name: string;
  severity: Severity;
  risk_score: number;
  description: string;
  false_positives: readonly string[];
  triage: readonly string[];
  /** Default: as the rule_id. */
  action?: string;
}

function ruleOf({ triage, action, ...words }: Words): Rule {
  return {
    ...words,
    type: 'query',
    language: 'kuery',
    version: 1,
    query: `event.action:${action ?? words.rule_id.replaceAll('-', '_')}`,
    index: [],
    from: 'now-1m',
    interval: '1m',
    intervalMs: 60_000,
    max_signals: 100,
    author: ['Forebear'],
    license: 'Apache-2.0',
    tags: ['OS: Linux', 'Use Case: Threat Detection', 'Tactic: Defense Evasion', 'Data Source: Forebear'],
    references: ['https://attack.mitre.org/techniques/T1562/001/'],
    threat: [IMPAIR_DEFENSES],
    note: { en: ['## Triage', '', ...triage.map((line) => `- ${line}`)].join('\n') },
    setup: '',
    osquery: [],
    related: [],
    compiled: { matches: () => false, fields: [], tree: undefined },
    file: '',
  };
}

const IMPAIR_DEFENSES = {
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
};

export const STOPPED_RULE = ruleOf({
  rule_id: 'forebear-stopped',
  name: 'Forebear Was Stopped',
  severity: 'high',
  risk_score: 73,
  description:
    'The agent was asked to end, and neither does the host go down, nor is the package upgraded or the service restarted. From ' +
    'here on nothing on this host is seen until it runs again.',
  false_positives: ['An admin who stops or removes the agent.'],
  triage: [
    'The process and its lineage are those of the last command that asked for it, where the sensor saw one; `forebear.protection` has what the service manager said.',
    'Ask whoever is at the beginning of that lineage. A signal that the service manager did not send is a person or a program as root, or as the user `forebear`.',
    'Of the time until it runs again only other sources tell. `forebear journal export --kind lifecycle` has its bounds.',
  ],
});

export const FILES_RULE = ruleOf({
  rule_id: 'forebear-files',
  name: "Forebear's Files Are Not What It Runs With",
  severity: 'medium',
  risk_score: 47,
  description:
    'A rule, an exception, the configuration, a unit or the program itself was changed, replaced, removed or given other rights, ' +
    'and no reload, restart or upgrade took it up within the time that an edit needs.',
  false_positives: ['An edit that was forgotten: `systemctl reload forebear` takes it up, and says what is different.'],
  triage: [
    '`forebear.protection.files` names each path with what it was and what it is: rights, owner, SHA-256.',
    'The agent still runs with what it read before. A restart or reload makes the change count: look first.',
    '`dpkg -V forebear` compares with the package; a unit that is a link to /dev/null is masked and will not start again.',
  ],
});

export const FOREIGN_BPF_RULE = ruleOf({
  rule_id: 'forebear-foreign-bpf',
  name: 'A BPF Program That Sees or Changes What Others Do Was Loaded',
  severity: 'medium',
  risk_score: 47,
  description:
    'A program of a tracing kind (kprobe, tracepoint, LSM and their like) came that Forebear did not load. Debuggers, profilers and ' +
    'other security agents do so, and so do rootkits, which hide files, processes and connections by it.',
  false_positives: [
    'bpftrace, bcc, perf; another security agent that starts: name its executable in protection.known_bpf.',
  ],
  triage: [
    '`bpftool prog show id N` and `bpftool prog dump xlated id N`: what it does; helpers like bpf_probe_write_user and bpf_override_return are those of rootkits.',
    'The process is the one that holds it. One without a holder is pinned below /sys/fs/bpf, or held by a link.',
  ],
});

export const JOURNAL_RULE = ruleOf({
  rule_id: 'forebear-journal',
  name: "Forebear's Journal Was Removed",
  severity: 'high',
  risk_score: 73,
  description:
    'The journal of the run before has gone with all its files, and a new one begins. What no output had got of it is lost, unless a ' +
    'backup has it.',
  false_positives: ['A state directory that was emptied by hand, or restored without its journal.'],
  triage: [
    'The hub, or where outputs deliver to, has what was shipped; the last heartbeat there has the head of the chain.',
    'What happened on this host between the last delivery and the start of the new journal, only other sources tell.',
  ],
});

export const TAMPERED_RULE = ruleOf({
  rule_id: 'forebear-tampered',
  name: "Forebear's Own BPF Maps Are Held or Changed by Another",
  severity: 'high',
  risk_score: 73,
  description:
    'Another program opened a map of the sensor, moved the place up to which the ring is read, or took the names of executables that ' +
    'wake the reader. Nothing on a host has reason to.',
  false_positives: ['`bpftool map dump` in just the moment of a look.'],
  triage: [
    '`bpftool map show` names the holders. Maps of the sensor that user space does not write are frozen; what remains is the ring.',
    'What was in the ring when its place was moved is lost; the canary says whether the sensor still sees.',
    '`systemctl restart forebear` makes new maps.',
  ],
});

export const CANARY_ACTION = 'canary_not_seen';

export const CANARY_RULE = ruleOf({
  rule_id: 'forebear-canary',
  action: CANARY_ACTION,
  name: 'Forebear Does Not See What It Runs Itself',
  severity: 'critical',
  risk_score: 99,
  description:
    'Every minute the agent runs a harmless program and expects its own sensor to show that exec. Two in a row were not ' +
    'shown: the sensor is switched off, hindered or overwhelmed, and what others run is not seen either.',
  false_positives: ['A host so busy that an exec reaches the agent more than ten seconds late, twice in a row.'],
  triage: [
    '`forebear status`: which programs are attached, what was lost, when a canary was seen for the last time.',
    '`bpftool prog list` and `bpftool link list`: whether the programs of the agent are still attached, and what others are.',
    'Records that were lost (in the alert, and as gap records before it) speak for a host that is overwhelmed; none for a sensor that somebody hindered.',
    'Of the time since a canary was seen for the last time only other sources tell: the audit log, the journal of systemd, shell histories, the network.',
    '`systemctl restart forebear` attaches anew; if the canary is not seen then either, the kernel itself is not to be trusted.',
  ],
});
