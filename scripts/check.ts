/* `npm run check`: types, the engine's platform, lint, format, and the package as its users' tools see it. Runs all, then says what failed. */

import { runTool } from './run-tool.ts';
import type { Tool } from './run-tool.ts';

interface Step {
  readonly title: string;
  readonly tool: Tool;
  readonly args: readonly string[];
}

const steps: readonly Step[] = [
  { title: 'types', tool: 'tsc', args: ['-p', '.'] },
  { title: 'no platform in the engine', tool: 'tsc', args: ['-p', 'tsconfig.engine.json'] },
  { title: 'lint', tool: 'oxlint', args: ['--deny-warnings', '--report-unused-disable-directives'] },
  { title: 'format', tool: 'prettier', args: ['--check', '--log-level', 'warn', '.'] },
  { title: 'build', tool: 'tsx', args: ['scripts/build.ts'] },
  { title: 'package', tool: 'publint', args: ['run', '--strict'] },
];

const failed: string[] = [];
for (const { title, tool, args } of steps) {
  const start = performance.now();
  const passed = runTool(tool, args) === 0;
  if (!passed) failed.push(title);
  process.stdout.write(`${passed ? 'ok    ' : 'FAILED'} ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
}
if (failed.length > 0) {
  process.stdout.write(`\nFailed: ${failed.join(', ')}. \`npm run format\` mends the format.\n`);
  process.exitCode = 1;
}
