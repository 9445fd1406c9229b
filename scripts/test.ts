/* `npm test`: finds or installs a Chromium, then runs Vitest. Arguments go to Vitest: `npm test -- --project unit`. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ensureChromium } from './chromium.ts';
import { root } from './entries.ts';
import { toolScript } from './run-tool.ts';

/** True where the arguments ask for projects and none of them needs a browser. */
function needsNoBrowser(args: readonly string[]): boolean {
  const asked = args.flatMap((arg, i) => (arg === '--project' ? [args[i + 1] ?? ''] : arg.startsWith('--project=') ? [arg.slice(10)] : []));
  return asked.length > 0 && asked.every((project) => project === 'unit');
}

/**
 * Runs Vitest in a process group of its own, and ends the whole group with it: a test in an endless loop answers to
 * nothing else, and would go on after Vitest.
 */
function runVitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const isGroup = process.platform !== 'win32';
  const vitest = spawn(process.execPath, [toolScript('vitest'), 'run', ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: isGroup,
  });
  const end = (signal: NodeJS.Signals): void => {
    if (vitest.pid === undefined) return;
    try {
      process.kill(isGroup ? -vitest.pid : vitest.pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // Nothing of it is left.
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal));
  return new Promise((resolve, reject) => {
    vitest.once('error', reject);
    vitest.once('exit', (status, signal) => {
      end('SIGKILL');
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

async function main(args: readonly string[]): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env, STRATAFS_END_HANGING_TESTS: '1' };
  if (!needsNoBrowser(args)) env.CHROME_PATH = await ensureChromium();
  return runVitest(args, env);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
