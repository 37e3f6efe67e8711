// The query languages that rules may be written in: Elastic's name for the language -> its compiler.

import { compileEql } from '../query/eql-compile.ts';
import type { CompileEql } from '../query/eql-program.ts';
import { compileKql } from '../query/kql-compile.ts';
import type { CompileQuery } from '../query/language.ts';

export interface Languages {
  readonly kuery: CompileQuery;
  readonly eql?: CompileEql;
}

export const LANGUAGES: Languages = { kuery: compileKql, eql: compileEql };
