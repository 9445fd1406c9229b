/* Finds the Chromium that the browser tests run in, and installs one where there is none. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const commands = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];

/** Places where the installers of macOS and Windows put a browser, which is on no PATH there. */
function usualPlaces(): string[] {
  if (process.platform === 'darwin') {
    const applications = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
    const homes = ['/Applications', join(process.env.HOME ?? '', 'Applications')];
    return homes.flatMap((home) => applications.map((name) => `${home}/${name}.app/Contents/MacOS/${name}`));
  }
  if (process.platform === 'win32') {
    const homes = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
    const programs = [
      'Google\\Chrome\\Application\\chrome.exe',
      'Chromium\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
    ];
    return homes.flatMap((home) => (home === undefined ? [] : programs.map((program) => join(home, program))));
  }
  return [];
}

/** Executables that may be a Chromium, best first. `CHROME_PATH` goes before everything. */
export function chromiumCandidates(): string[] {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = process.platform === 'win32' ? [] : commands.flatMap((command) => path.map((folder) => join(folder, command)));
  const asked = process.env.CHROME_PATH;
  const all = [...(asked === undefined || asked === '' ? [] : [asked]), ...onPath, ...usualPlaces(), installedByPlaywright()];
  return [...new Set(all)].filter((candidate) => candidate !== '' && existsSync(candidate));
}

function installedByPlaywright(): string {
  try {
    return chromium.executablePath();
  } catch {
    return ''; // Playwright knows no build for this platform.
  }
}

/** The first candidate, not proved to start; `undefined` where there is none. */
export function findChromium(): string | undefined {
  return chromiumCandidates()[0];
}

/** What Playwright turns off. It has to be told again: of several lists the browser takes the last. */
const OFF_IN_PLAYWRIGHT = [
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'TcpPortRandomizationWin',
  'ThirdPartyStoragePartitioning',
  'msEdgeUpdateLaunchServicesPreferredVersion',
  'msForceBrowserSignIn',
];

/** Pages of the browser's own, for an address bar that nobody sees, and a process for a page that nobody has asked for: half of a start. */
const NOT_NEEDED = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'SpareRendererForSitePerProcess'];

/** Arguments that keep a test browser quiet. Its sandbox cannot be had as root. */
export function chromiumArguments(): string[] {
  const quiet = [
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--no-default-browser-check',
    `--disable-features=${[...OFF_IN_PLAYWRIGHT, ...NOT_NEEDED].join(',')}`,
  ];
  return process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet;
}

/** Starts it headless and stops it again: its version, or why it does not start. */
export async function tryChromium(executablePath: string): Promise<{ version: string } | { reason: string }> {
  try {
    const browser = await chromium.launch({ executablePath, args: chromiumArguments(), timeout: 60_000 });
    const version = browser.version();
    await browser.close();
    return { version };
  } catch (error) {
    return { reason: String(error instanceof Error ? error.message : error).split('\n')[0] ?? '' };
  }
}

/** What `ensureChromium` needs of the machine; a test gives its own. */
export interface Machine {
  candidates(): string[];
  attempt(executablePath: string): Promise<{ version: string } | { reason: string }>;
  /** Runs a command with its output shown. True where it succeeded. */
  run(command: string, args: readonly string[]): boolean;
  has(command: string): boolean;
  readonly isRoot: boolean;
  say(line: string): void;
}

/** This machine. */
export const thisMachine: Machine = {
  candidates: chromiumCandidates,
  attempt: tryChromium,
  run: (command, args) =>
    spawnSync(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0,
  has: (command) => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command))),
  isRoot: process.getuid?.() === 0,
  say: (line) => process.stdout.write(`${line}\n`),
};

async function firstThatStarts(machine: Machine, tried: Map<string, string>): Promise<string | undefined> {
  for (const candidate of machine.candidates()) {
    if (tried.has(candidate)) continue;
    const result = await machine.attempt(candidate);
    if ('version' in result) {
      machine.say(`Chromium ${result.version}: ${candidate}`);
      return candidate;
    }
    tried.set(candidate, result.reason);
    machine.say(`${candidate} does not start: ${result.reason}`);
  }
  return undefined;
}

/** The ways to install one, in the order in which they are tried. */
function waysToInstall(machine: Machine): { say: string; commands: [string, string[]][] }[] {
  const ways: { say: string; commands: [string, string[]][] }[] = [
    { say: 'npx playwright install --with-deps chromium', commands: [['npx', ['playwright', 'install', '--with-deps', 'chromium']]] },
  ];
  // `--with-deps` needs root for the system's libraries; without root they may be there already.
  if (!machine.isRoot) ways.push({ say: 'npx playwright install chromium', commands: [['npx', ['playwright', 'install', 'chromium']]] });
  if (machine.isRoot && machine.has('apt-get')) {
    const update: [string, string[]] = ['apt-get', ['update']];
    const install: [string, string[]] = ['apt-get', ['install', '-y', 'chromium']];
    ways.push({ say: 'apt-get update && apt-get install -y chromium', commands: [update, install] });
  }
  return ways;
}

/**
 * Gives a Chromium that was seen to start, installing one where there is none. Says what it does.
 * Throws an `Error` that says what was tried when none can be had.
 */
export async function ensureChromium(machine: Machine = thisMachine): Promise<string> {
  const tried = new Map<string, string>();
  const found = await firstThatStarts(machine, tried);
  if (found !== undefined) return found;
  const failed: string[] = [];
  for (const way of waysToInstall(machine)) {
    machine.say(`No Chromium that starts on this machine. Installing one: ${way.say}`);
    const done = way.commands.every(([command, args]) => machine.run(command, args));
    // A failed command may have installed a broken browser's missing libraries: everything is tried again.
    tried.clear();
    const installed = await firstThatStarts(machine, tried);
    if (installed !== undefined) return installed;
    failed.push(`${way.say} (${done ? 'gave no browser that starts' : 'failed'})`);
  }
  const reasons = [...tried].map(([candidate, reason]) => `  ${candidate}: ${reason}`);
  throw new Error(
    [
      'The browser tests need a Chromium, and none can be had here.',
      `Tried to install one by: ${failed.join('; ')}.`,
      ...(reasons.length > 0 ? ['Found, but not starting:', ...reasons] : []),
      'Install Chromium or Chrome and set CHROME_PATH to its executable. Without a browser: npm test -- --project unit',
    ].join('\n'),
  );
}
