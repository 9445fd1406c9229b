/*
 * Runs the tests that ZenFS publishes in its package over the backend: `tsx scripts/zenfs-suite.ts [--memory] [file …]`, where
 * `--memory` runs them over ZenFS's own InMemory for comparison, and files are named without `.test.ts`. The tests stay where npm
 * put them. Fails when a test fails that is not accepted below, or when an accepted one passes.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { argv, env, execPath } from 'node:process';
import { root } from './entries.ts';

/** Tests that fail over this backend, each with the reason why that is right. */
const accepted = new Map([['read changes atime', 'reading never writes: DESIGN, "only differences are stored"']]);

interface Failure {
  readonly name: string;
  readonly reason: string;
}

const tests = join(root, 'node_modules/@zenfs/core/tests/fs');

function testFiles(names: readonly string[]): string[] {
  const all = readdirSync(tests).filter((file) => file.endsWith('.test.ts'));
  const chosen = names.length === 0 ? all : all.filter((file) => names.includes(file.slice(0, -'.test.ts'.length)));
  return chosen.map((file) => join(tests, file));
}

/** The tests that failed, by the TAP report: those inside suites, not the suites themselves. */
function failuresOf(report: string): Failure[] {
  const lines = report.split('\n');
  const failures: Failure[] = [];
  for (const [at, line] of lines.entries()) {
    const name = /^\s+not ok \d+ - (.*)$/.exec(line)?.[1];
    if (name === undefined) continue;
    const details = lines.slice(at, at + 12);
    if (details.some((detail) => /failureType: '(subtestsFailed|cancelledByParent)'/.test(detail))) continue;
    failures.push({ name, reason: details.find((detail) => detail.includes('error:'))?.trim() ?? '' });
  }
  return failures;
}

function counts(report: string): string {
  return [...report.matchAll(/^# (tests|pass|fail|cancelled|skipped) (\d+)$/gm)].map(([, what, number]) => `${number} ${what}`).join(', ');
}

function main(args: readonly string[]): boolean {
  const backend = args.includes('--memory') ? 'memory' : 'overlay';
  const files = testFiles(args.filter((arg) => !arg.startsWith('--')));
  const { stdout, stderr, status } = spawnSync(execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', ...files], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...env, SETUP: join(root, 'scripts/zenfs-suite-setup.ts'), ZENFS_BACKEND: backend },
  });
  const failures = failuresOf(stdout);
  process.stdout.write(`ZenFS's suite over ${backend}: ${counts(stdout)}\n`);
  for (const { name, reason } of failures) {
    process.stdout.write(`  failed: ${name} (${(backend === 'overlay' ? accepted.get(name) : undefined) ?? `not accepted: ${reason}`})\n`);
  }
  const wrong = failures.filter(({ name }) => backend === 'memory' || !accepted.has(name));
  if (status !== 0 && failures.length === 0) process.stdout.write(`${stdout.slice(-2000)}\n${stderr.slice(-2000)}\n`);
  return wrong.length === 0 && (status === 0 || failures.length > 0);
}

process.exitCode = main(argv.slice(2)) ? 0 : 1;
