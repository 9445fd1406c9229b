/* Runs a tool of node_modules with this Node, its output shown. No shell, so that it is the same on every platform. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './entries.ts';

/** The scripts that the tools' packages start with, below node_modules. */
const tools = {
  oxlint: 'oxlint/bin/oxlint',
  prettier: 'prettier/bin/prettier.cjs',
  publint: 'publint/src/cli.js',
  tsc: 'typescript/bin/tsc',
  tsx: 'tsx/dist/cli.mjs',
  vitest: 'vitest/vitest.mjs',
};

export type Tool = keyof typeof tools;

/** Where the script of a tool is. */
export function toolScript(tool: Tool): string {
  return join(root, 'node_modules', tools[tool]);
}

/** Runs a tool in the root of the repository. Gives its exit status; 1 where a signal ended it. */
export function runTool(tool: Tool, args: readonly string[]): number {
  return spawnSync(process.execPath, [toolScript(tool), ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1;
}
