// Rules made to be dear to evaluate, as dear as a user could write them: for the bounds' test and `bench worst`.

import type { Rule } from '../../src/detect/rule.ts';
import type { FieldTable } from '../../src/ecs/fields.ts';
import { makeEqlRule, makeRule } from './rules.ts';

const LINE = 'process.command_line';
const times = (count: number, of: (i: number) => string, between = ', ') =>
  Array.from({ length: count }, (_, i) => of(i)).join(between);

/** Name -> condition of an EQL event query. Patterns end with what is not there, so that all before it is looked for. */
const EQL: readonly (readonly [string, string])[] = [
  ['fifty stars', `${LINE} like "${'*a'.repeat(50)}*zq*"`],
  ['fifty stars and marks', `${LINE} like "${'*a?'.repeat(50)}*a?zq*"`],
  ['a long piece of marks', `${LINE} like "*${'a?'.repeat(200)}a*"`],
  ['three hundred patterns', `${LINE} like (${times(300, (i) => `"*aaaaaaaz${i}*"`)})`],
  ['three hundred patterns, any case', `${LINE} : (${times(300, (i) => `"*a*a*z${i}*a*"`)})`],
  ['a hundred patterns with marks', `${LINE} like (${times(100, (i) => `"*a*a?a?${i}*"`)})`],
  ['three hundred patterns of arguments', `process.args : (${times(300, (i) => `"*a*${i}*z*"`)})`],
  ['a long text that nearly is there', `${LINE} like "*${'a'.repeat(1000)}z*"`],
  ['six hundred that are there', `not (${times(600, (i) => `${LINE} : "*a*${i}z*"`, ' or ')}) and ${LINE} : "*a*"`],
  ['one after the other', times(300, (i) => `not ${LINE} : "*a*z${i}*"`, ' and ')],
  ['a set of five thousand', `process.args in (${times(5000, (i) => `"value-${i}"`)})`],
  ['nested quantifiers', `${LINE} regex "(a+)+[yz]"`],
  ['nested quantifiers, deep', `${LINE} regex "((((a*)*)*)*)*[yz]"`],
  ['alternatives that overlap', `${LINE} regex "(a|aa|aaa|a*a)+[yz]"`],
  ['many optional', `${LINE} regex "(a?){25}a{25}[yz].*"`],
  ['thirty regular expressions', `${LINE} regex (${times(30, (i) => `".*a.*[a-f]${i}.*[yz].*"`)})`],
  ['a function of each argument', `stringContains~(process.args, "zq") or length(process.args) > 5000`],
  ['every pair of arguments', `stringContains(process.args, process.parent.args)`],
  ['each argument in a long text', `stringContains(${LINE}, concat(process.args, "zq"))`],
  ['each argument in a long text, any case', `stringContains~(${LINE}, concat(process.args, "zq"))`],
  ['a text of texts', `indexOf(concat(${LINE}, ${LINE}, ${LINE}), "zq") > 0`],
  ['between, again and again', `between~(${LINE}, "a", "zq", true) == "x" or endsWith~(${LINE}, "zq")`],
  ['two hundred levels', `${'not ('.repeat(190)}${LINE} : "*a*zq*"${')'.repeat(190)}`],
  ['networks', `cidrMatch(host.ip, ${times(200, (i) => `"192.0.${i}.0/24"`)})`],
];

/** Name -> KQL query. */
const KQL: readonly (readonly [string, string])[] = [
  ['KQL: fifty stars', `${LINE}:${'*a'.repeat(50)}*zq*`],
  ['KQL: three hundred patterns', `${LINE}:(${times(300, (i) => `*a*a*z${i}*`, ' or ')})`],
  ['KQL: a name of any field', 'process.*:*a*a*zq*'],
  ['KQL: analysed text', 'message:(quick and fox)'],
  ['KQL: free text', '*a*zq*'],
];

export function dearRules(fields: FieldTable): Rule[] {
  const eql = EQL.map(([name, condition]) =>
    makeEqlRule(fields, `process where ${condition}`, { name, rule_id: name }),
  );
  return [...eql, ...KQL.map(([name, query]) => makeRule(fields, query, { name, rule_id: name }))];
}
