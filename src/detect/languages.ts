// The query languages that rules may be written in: Elastic's name for the language -> its compiler.
// A new language is one line here and its files in query/.

import { compileKql } from '../query/kql-compile.ts';
import type { CompileQuery } from '../query/language.ts';

export type Languages = Readonly<Record<string, CompileQuery>>;

export const LANGUAGES: Languages = { kuery: compileKql };
