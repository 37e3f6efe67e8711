import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// The agent's flags (bin/forebear), minus the heap bound: vitest's own module graph needs more.
export const RUNTIME_FLAGS = ['--disable-proto=delete', '--disallow-code-generation-from-strings'];

// They watch the whole host: beside other tests they would see those, and lose records to them.
const ALONE = ['test/kernel/**/*.test.ts', 'test/native/**/*.test.ts', 'test/systemd/**/*.test.ts'];
/** Other kernels under qemu: they take both cores for a while. */
const GUESTS = ['test/qemu/**/*.test.ts'];
/** Real endpoints in Java: npm run test:servers. */
const SERVERS = ['test/servers/**/*.test.ts'];
/** Three minutes of a light load, which others beside it do not harm. */
const SOAK = ['test/soak/soak.test.ts'];

/** What takes longest begins first: the others fit beside it. */
class SoakFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSoak = ({ project }: TestSpecification) => project.name === 'soak';
    return [...sorted.filter(isSoak), ...sorted.filter((file) => !isSoak(file))];
  }
}

const shared = { pool: 'forks' as const, execArgv: RUNTIME_FLAGS, testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ['./test/reporter.ts'],
    sequence: { sequencer: SoakFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, ...GUESTS, ...SERVERS, ...SOAK],
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      // Beside quick: vitest wants one number of workers for both.
      {
        test: { ...shared, name: 'soak', include: SOAK, maxWorkers: 3, sequence: { groupOrder: 0 } },
      },
      {
        test: { ...shared, name: 'kernel', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
      {
        test: { ...shared, name: 'qemu', include: GUESTS, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
      ...(process.env.FOREBEAR_SERVERS === undefined
        ? []
        : [{ test: { ...shared, name: 'servers', include: SERVERS, maxWorkers: 2, sequence: { groupOrder: 3 } } }]),
    ],
  },
});
