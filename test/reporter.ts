// Prints a line per suite with its time, each failure in full, each skip with its reason, and the closing line.

import { stripVTControlCharacters } from 'node:util';
import type { UserConsoleLog } from 'vitest';
import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite } from 'vitest/node';

export default class SuiteReporter implements Reporter {
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };
  readonly #skips = new Map<string, number>();

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (result.state === 'pending') return;
    this.#counts[result.state]++;
    if (result.state === 'failed') this.#printFailure(test);
    if (result.state === 'skipped') {
      const reason = result.note ?? 'NO REASON GIVEN';
      this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + 1);
    }
  }

  #printFailure(test: TestCase): void {
    console.log(`FAILED ${test.module.relativeModuleId} > ${test.fullName}`);
    for (const error of test.result().errors ?? []) {
      console.log(stripVTControlCharacters(`  ${error.stack ?? error.message}\n${error.diff ?? ''}`));
    }
  }

  /** A hook that failed: its tests did not run. */
  onTestSuiteResult(suite: TestSuite): void {
    for (const error of suite.errors()) {
      this.#counts.failed++;
      console.log(`FAILED ${suite.module.relativeModuleId} > ${suite.fullName}\n  ${error.stack ?? error.message}`);
    }
  }

  /** Figures that tests print. */
  onUserConsoleLog(log: UserConsoleLog): void {
    process[log.type].write(log.content);
  }

  onTestModuleEnd(module: TestModule): void {
    const seconds = (module.diagnostic().duration / 1000).toFixed(1);
    console.log(`${module.state().padEnd(7)} ${seconds.padStart(6)} s  ${module.relativeModuleId}`);
    for (const error of module.errors()) {
      this.#counts.failed++;
      console.log(`FAILED ${module.relativeModuleId}\n  ${error.stack ?? error.message}`);
    }
  }

  onTestRunEnd(
    _modules: readonly TestModule[],
    errors: readonly { message: string; stack?: string }[],
    _why: TestRunEndReason,
  ): void {
    for (const error of errors) {
      this.#counts.failed++;
      console.log(`FAILED outside of any test\n  ${error.stack ?? error.message}`);
    }
    for (const [reason, count] of this.#skips) console.log(`skipped ${count}: ${reason}`);
    const { passed, failed, skipped } = this.#counts;
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}
