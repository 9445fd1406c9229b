/* How `npm test` comes by a browser, on machines that exist only here, and what it is started with. */

import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { chromiumArguments, ensureChromium } from '../../scripts/chromium.ts';
import type { Machine } from '../../scripts/chromium.ts';

interface Scene {
  /** Executables that are there from the start. */
  present?: string[];
  /** Executables that exist but do not start. */
  broken?: string[];
  /** Commands that succeed, and the executable that each brings. */
  installs?: Record<string, string>;
  root?: boolean;
  apt?: boolean;
}

function machine(scene: Scene): Machine & { lines: string[]; ran: string[] } {
  const present = [...(scene.present ?? []), ...(scene.broken ?? [])];
  const installs = new Map(Object.entries(scene.installs ?? {}));
  const lines: string[] = [];
  const ran: string[] = [];
  return {
    lines,
    ran,
    candidates: () => present,
    attempt: (path) => Promise.resolve(scene.broken?.includes(path) === true ? { reason: 'a library is missing' } : { version: '1.2.3' }),
    run(command, args) {
      const line = [command, ...args].join(' ');
      ran.push(line);
      const brought = installs.get(line);
      if (brought !== undefined && brought !== '') present.push(brought);
      return brought !== undefined;
    },
    has: (command) => command === 'apt-get' && scene.apt === true,
    isRoot: scene.root === true,
    say: (line) => lines.push(line),
  };
}

test('the first browser that starts is taken and nothing is installed', async () => {
  const here = machine({ present: ['/usr/bin/chromium', '/usr/bin/google-chrome'], root: true, apt: true });
  expect(await ensureChromium(here)).toBe('/usr/bin/chromium');
  expect(here.ran).toEqual([]);
});

test('a browser that is there but does not start is passed over', async () => {
  const here = machine({ broken: ['/snap/stub'], present: [] });
  const there = machine({ broken: ['/snap/stub'], installs: { 'npx playwright install --with-deps chromium': '/cache/chrome' } });
  await expect(ensureChromium(here)).rejects.toThrow('/snap/stub: a library is missing');
  expect(await ensureChromium(there)).toBe('/cache/chrome');
  expect(there.lines.join('\n')).toContain('npx playwright install --with-deps chromium');
});

test('where the download fails on a Debian with root, apt-get installs one', async () => {
  const here = machine({ root: true, apt: true, installs: { 'apt-get update': '', 'apt-get install -y chromium': '/usr/bin/chromium' } });
  expect(await ensureChromium(here)).toBe('/usr/bin/chromium');
  expect(here.ran).toEqual(['npx playwright install --with-deps chromium', 'apt-get update', 'apt-get install -y chromium']);
});

test('without root apt-get is left alone, and the failure says what was tried and what to do', async () => {
  const here = machine({ apt: true });
  await expect(ensureChromium(here)).rejects.toThrow(/npx playwright install chromium \(failed\)[^]*CHROME_PATH/);
  expect(here.ran.some((line) => line.startsWith('apt-get'))).toBe(false);
});

test('whatever Playwright turns off in a browser is turned off', async () => {
  // Node is no browser: it ends, and Playwright tells how it was started.
  const told = await chromium.launch({ executablePath: process.execPath }).then(
    () => '',
    (error: Error) => error.message,
  );
  const off = /--disable-features=(\S+)/.exec(told)?.[1]?.split(',');
  const ours = chromiumArguments().find((argument) => argument.startsWith('--disable-features='));
  expect(ours?.split(/[=,]/)).toEqual(expect.arrayContaining(off ?? ['a list of Playwright']));
});
