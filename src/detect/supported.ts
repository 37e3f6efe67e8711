// What of Elastic's rules a host cannot evaluate, by type, language and feature, each with its reason. In: the table of a
// detection rule; out: nothing, or the error that refuses it before anything else of it is looked at. Called by compile-rule.ts.

import { nearest } from '../config/nearest.ts';
import { ForebearError } from '../errors.ts';
import type { TomlTable } from './toml-table.ts';

/** Type -> its language. */
const TYPES: Readonly<Record<string, string>> = { query: 'kuery', new_terms: 'kuery', threshold: 'kuery', eql: 'eql' };

const NOT_HERE: Readonly<Record<string, string>> = {
  machine_learning: 'its anomalies are found by a job in Elasticsearch, not on a host',
  threat_match: 'it looks events up in indicator indices, which live in Elasticsearch',
  saved_query: 'its query is a saved object of Kibana; write it into rule.query and make the type query',
};

const LANGUAGES: Readonly<Record<string, string>> = {
  esql: 'ES|QL computes tables over what Elasticsearch has stored; a host sees events as they happen',
  lucene: 'Lucene query strings are not evaluated here; KQL (kuery) and EQL are',
};

/** Throws FB_RULE_LANGUAGE, FB_RULE_TYPE, FB_RULE_FEATURE, FB_RULE_MISSING. */
export function assertSupported(rule: TomlTable): void {
  const type = rule.name('type');
  const language = rule.says('language') ? rule.string('language') : (TYPES[type] ?? type);
  if (Object.hasOwn(LANGUAGES, language) || type === 'esql') {
    const which = Object.hasOwn(LANGUAGES, language) ? language : type;
    throw new ForebearError('FB_RULE_LANGUAGE', `rule.language: ${which}: ${LANGUAGES[which]}`);
  }
  assertType(type);
  if (language !== TYPES[type]) {
    throw new ForebearError(
      'FB_RULE_LANGUAGE',
      `rule.language: a rule of type ${type} is written in ${TYPES[type]}, not ${language}`,
    );
  }
  if (rule.says('data_view_id')) {
    const reason = 'which indices it means is known in Kibana only; name them in rule.index instead';
    throw new ForebearError('FB_RULE_FEATURE', `rule.data_view_id: ${reason}`);
  }
}

function assertType(type: string): void {
  if (Object.hasOwn(TYPES, type)) return;
  if (Object.hasOwn(NOT_HERE, type)) throw new ForebearError('FB_RULE_TYPE', `rule.type: ${type}: ${NOT_HERE[type]}`);
  const known = Object.keys(TYPES);
  const near = nearest(type, known);
  const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
  throw new ForebearError('FB_RULE_TYPE', `rule.type: ${type} is not evaluated here; ${known.join(', ')} are`, hint);
}
