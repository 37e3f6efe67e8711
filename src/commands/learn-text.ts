// What `forebear learn status` says, for a person. Pure.

import { localTime } from './alert-line.ts';
import { escapeText, type Paint } from './terminal.ts';

/** The object of --json. Dates in ISO form, UTC. */
export interface LearnReport {
  rule_id: string;
  /** null: the rule is not loaded. */
  name: string | null;
  fields: string[];
  terms: number;
  /** null: no event has reached the rule yet. */
  history_since: string | null;
  learning: 'learning' | 'ended' | 'off';
  learning_until: string | null;
  /** When query or exceptions were changed last. */
  changed: string | null;
}

/** out: three lines a rule. Escaped. */
export function formatLearn(reports: readonly LearnReport[], paint: Paint): string {
  if (reports.length === 0) return 'no new_terms rule is loaded, and there is no history\n';
  return reports.map((report) => `${ruleText(report, paint)}\n`).join('');
}

function ruleText({ rule_id, name, fields, ...history }: LearnReport, paint: Paint): string {
  const head = name === null ? `${escapeText(rule_id)} (not loaded)` : escapeText(name);
  const which = [...(name === null ? [] : [rule_id]), fields.join(' + ')].map(escapeText);
  return [paint('bold', head), `  ${which.join('  ')}`, `  ${historyText(history, paint)}`].join('\n');
}

type History = Pick<LearnReport, 'terms' | 'history_since' | 'learning' | 'learning_until' | 'changed'>;

function historyText({ terms, history_since, learning, learning_until, changed }: History, paint: Paint): string {
  if (history_since === null) return 'no history yet';
  const until = learning_until === null ? '' : minute(learning_until);
  const parts = [
    `${terms} ${terms === 1 ? 'term' : 'terms'} known, history since ${minute(history_since)}`,
    learning === 'learning'
      ? paint('yellow', `learning until ${until}`)
      : `not learning${learning === 'ended' ? ` (ended, was until ${until})` : ''}`,
    ...(changed === null ? [] : [`query or exceptions changed ${minute(changed)}`]),
  ];
  return parts.join(', ');
}

/** Local time. */
function minute(date: string): string {
  return localTime(Date.parse(date)).slice(0, 16);
}
