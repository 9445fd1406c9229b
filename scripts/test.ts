/* `npm test`: finds or installs a Chromium, then runs Vitest. Arguments go to Vitest: `npm test -- --project unit`. */

import { ensureChromium } from './chromium.ts';
import { runTool } from './run-tool.ts';

/** True where the arguments ask for projects and none of them needs a browser. */
function needsNoBrowser(args: readonly string[]): boolean {
  const asked = args.flatMap((arg, i) => (arg === '--project' ? [args[i + 1] ?? ''] : arg.startsWith('--project=') ? [arg.slice(10)] : []));
  return asked.length > 0 && asked.every((project) => project === 'unit');
}

async function main(args: readonly string[]): Promise<number> {
  const env = { ...process.env };
  if (!needsNoBrowser(args)) env.CHROME_PATH = await ensureChromium();
  return runTool('vitest', ['run', ...args], env);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
