/* A Chromium of one's own process group on a profile, to be killed as the system kills: at once, all of it. Node only. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chromiumArguments } from '../../scripts/chromium.ts';
import { chromiumPath } from '../support/chromium.ts';

export interface KillableBrowser {
  /** SIGKILL to every process; resolves when none is left. */
  kill(): Promise<void>;
}

/** Process groups of browsers that run. They are not ours to end by a signal to us, so none is left behind when this process ends. */
const running = new Set<number>();
process.on('exit', () => running.forEach(signalGroup));

/** Starts a browser without a window on `profile` with one page. */
export function startBrowser(profile: string, url: string): KillableBrowser {
  // What a killed browser leaves says that it runs on the profile. By now its process number may be somebody else's.
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) rmSync(join(profile, name), { force: true });
  const browser = spawn(
    chromiumPath(),
    [...chromiumArguments(), '--headless', '--disable-breakpad', '--disable-crash-reporter', `--user-data-dir=${profile}`, url],
    { detached: true, stdio: 'ignore' },
  );
  if (browser.pid !== undefined) running.add(browser.pid);
  return { kill: () => killGroup(browser, profile) };
}

async function killGroup(browser: ChildProcess, profile: string): Promise<void> {
  const group = browser.pid;
  if (group === undefined) throw new Error('Chromium did not start');
  const gone = browser.exitCode !== null || browser.signalCode !== null ? Promise.resolve() : new Promise((r) => browser.once('exit', r));
  signalGroup(group);
  await gone;
  running.delete(group);
  // Helpers may have started while the signal went round, and those that left the group are told by the profile they name.
  for (let left = processesOf(group, profile); left.length > 0; left = processesOf(group, profile)) {
    for (const pid of left) signal(pid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function signalGroup(group: number): void {
  signal(-group);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e; // gone meanwhile
  }
}

/** Processes that live, of the group or on the profile. */
function processesOf(group: number, profile: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isOurs(pid, group, profile));
}

function isOurs(pid: number, group: number, profile: string): boolean {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (fields[0] === 'Z') return false;
    return Number(fields[2]) === group || readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`--user-data-dir=${profile}`);
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return false; // gone meanwhile
    throw e;
  }
}
