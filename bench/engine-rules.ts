// Generated rules of the shapes that real ones have, for the engine's bench: names and arguments, a parent, a place of the
// executable, wildcards over command lines, lists of exclusions. Each is about programs of its own, most in words that
// ordinary programs have too.

import type { Rule } from '../src/detect/rule.ts';
import type { FieldTable } from '../src/ecs/fields.ts';
import { makeRule } from '../test/detect/rules.ts';

const CLASS = 'host.os.type:linux and event.category:process and event.type:start and event.action:exec';
const SHELLS = '(bash or dash or sh or tcsh or csh or zsh or ksh or fish)';
const EXCLUDED = `process.parent.executable:("/usr/bin/dpkg" or "/usr/bin/apt" or "/usr/sbin/cron" or /opt/vendor/* or
  /snap/*/bin/* or /var/lib/dpkg/info/*) or process.parent.command_line:(*ansible* or *puppet*agent*) or
  process.working_directory:/nix/store/*`;

const SHAPES: readonly ((i: number, names: string) => string)[] = [
  (i, names) => `process.name:${names} and process.args:("--flag-${i}" or -x or enable or start)`,
  (_, names) => `process.name:${names} and process.parent.name:${SHELLS} and not process.args:(*safe* or --help)`,
  (i) => `process.executable:(/tmp/tool-${i}* or /dev/shm/tool-${i}* or /var/tmp/.tool-${i}/*) and not (${EXCLUDED})`,
  (i, names) =>
    `process.name:${names} and not (${EXCLUDED}) and process.args_count >= 2 and process.command_line:*${i}*`,
  (i) =>
    `process.parent.name:"server-${i}" and process.name:${SHELLS} and process.command_line:(*curl*http* or *wget*)`,
  (i) => `process.name:${SHELLS} and process.args:-c and process.command_line:(*/dev/tcp/${i}.* or *nc*-e*${i}*)`,
  (i) => `process.parent.executable:/srv/app-${i}/* and user.id:0 and not process.name:(ls or cat or id)`,
  (i, names) => `process.name:(${SHELLS} or ${names}) and process.args:*tool-${i}* and not (${EXCLUDED})`,
];

/** in: the table of the events, how many; out: query rules without a bound on their alerts. */
export function generatedRules(fields: FieldTable, number: number): Rule[] {
  return Array.from({ length: number }, (_, i) => {
    const names = `("tool-${i}" or "tool-${i + number}" or tool${i}-* or "xtool-${i}")`;
    const query = `${CLASS} and ${SHAPES[i % SHAPES.length]!(i, names)}`;
    return makeRule(fields, query, { rule_id: `rule-${i}`, max_signals: 1e9 });
  });
}
