/*
 * A reporter: counts the tests by project, fails the run where a project was left out and none may be, and names the file
 * that hangs. Vitest's own time limits cannot end a test that never returns to the event loop.
 */

import type { Reporter, TestModule } from 'vitest/node';

const projects = ['unit', 'browser', 'e2e'];

interface Count {
  passed: number;
  failed: number;
  pending: number;
}

function countByProject(modules: readonly TestModule[]): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const module of modules) {
    // Instances of the browser project are named `browser (chromium)`.
    const project = module.project.name.split(' ')[0] ?? '';
    const count = counts.get(project) ?? { passed: 0, failed: 0, pending: 0 };
    counts.set(project, count);
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') count.passed += 1;
      else if (state === 'failed') count.failed += 1;
      else count.pending += 1;
    }
  }
  return counts;
}

/** How long one file of tests may take. The slowest take a minute on a slow machine. */
const HANG_MINUTES = 15;

/** With `STRATAFS_REQUIRE_BROWSER=1` every project must have passed at least one test. */
export default class ReportProjects implements Reporter {
  readonly #running = new Map<string, NodeJS.Timeout>();

  onTestModuleQueued(module: TestModule): void {
    const told = setTimeout(() => this.#tellHanging(module), HANG_MINUTES * 60_000);
    this.#running.set(module.id, told.unref());
  }

  onTestModuleEnd(module: TestModule): void {
    clearTimeout(this.#running.get(module.id));
    this.#running.delete(module.id);
  }

  #tellHanging(module: TestModule): void {
    process.stdout.write(`\n     ${module.relativeModuleId} (${module.project.name}) has not ended after ${HANG_MINUTES} minutes.\n`);
    // `npm test` then ends what is left of the process group.
    if (process.env.STRATAFS_END_HANGING_TESTS === '1') process.exit(1);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = countByProject(modules);
    const lines = [...counts].map(
      ([name, { passed, failed, pending }]) => `${name} ${passed} passed, ${failed} failed, ${pending} not run`,
    );
    process.stdout.write(`\n     Tests by project: ${lines.join(' · ')}\n`);
    if (process.env.STRATAFS_REQUIRE_BROWSER !== '1') return;
    const missing = projects.filter((name) => (counts.get(name)?.passed ?? 0) === 0);
    if (missing.length === 0) return;
    process.stdout.write(`     No test ran in: ${missing.join(', ')}. That is a failure here (STRATAFS_REQUIRE_BROWSER=1).\n`);
    process.exitCode = 1;
  }
}
