/*
 * `npm run test:browsers -- firefox` (or webkit): the tests of the browser project in another browser than Chromium, as the system has
 * it. On Debian: `apt-get install firefox-esr`, `apt-get install webkit2gtk-driver xvfb`. Further arguments go to Vitest.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { root } from './entries.ts';
import { toolScript } from './run-tool.ts';

/** Where systems have them. `BROWSER_PATH` goes before everything. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
  webkit: ['x86_64', 'aarch64'].flatMap((machine) =>
    ['4.1', '6.0'].map((v) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-${v}/MiniBrowser`),
  ),
};

const [name = 'firefox', ...rest] = process.argv.slice(2);
const command = [process.env.BROWSER_PATH ?? '', ...(PLACES[name] ?? [])].find((path) => path !== '' && existsSync(path));
if (command === undefined) throw new Error(`no ${name} here: known are ${Object.keys(PLACES).join(' and ')}, and BROWSER_PATH`);
const { status } = spawnSync(process.execPath, [toolScript('vitest'), 'run', '--config', 'vitest.browsers.config.ts', ...rest], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, STRATAFS_BROWSER: name, STRATAFS_BROWSER_PATH: command },
});
process.exitCode = status ?? 1;
