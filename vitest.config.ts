import { defineConfig } from 'vitest/config';

// The agent's flags (bin/forebear), minus the heap bound: vitest's own module graph needs more.
export const RUNTIME_FLAGS = ['--disable-proto=delete', '--disallow-code-generation-from-strings'];

export default defineConfig({
  test: {
    pool: 'forks',
    execArgv: RUNTIME_FLAGS,
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ['./test/reporter.ts'],
  },
});
