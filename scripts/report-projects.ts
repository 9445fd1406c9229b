/* A reporter: counts the tests by project, and fails the run where a project was left out and none may be. */

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

/** With `STRATAFS_REQUIRE_BROWSER=1` every project must have passed at least one test. */
export default class ReportProjects implements Reporter {
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
