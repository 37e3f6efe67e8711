// Programs in TypeScript that tests start again and again, most of them to be killed: the runtime keeps what it made of their files, which
// is most of a start. A program that is killed says when it is to be written: flushCompileCache().

import { resolve } from 'node:path';

export const COMPILED_ONCE = {
  ...process.env,
  NODE_COMPILE_CACHE: resolve(import.meta.dirname, '../../node_modules/.cache/compiled'),
};
