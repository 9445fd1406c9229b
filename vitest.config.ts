/* Three projects: `unit` runs in Node, `browser` inside Chromium, `e2e` drives whole pages in Chromium from Node. */

import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumArguments, findChromium } from './scripts/chromium.ts';
import { publicEntries, workerDependencies } from './scripts/entries.ts';
import { LongestFirst } from './scripts/longest-first.ts';
import { bundledWorkers } from './test/support/bundle.ts';

const executablePath = findChromium();

export default defineConfig({
  test: {
    reporters: ['default', './scripts/report-projects.ts'],
    // Vitest would leave one core idle: on two, everything would run one after the other.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { alias: publicEntries },
        test: {
          name: 'unit',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/e2e/**'],
          // One process a core for all files: one for each, and the engine loaded anew in it, took a sixth of the time.
          isolate: false,
          setupFiles: ['test/support/fresh-globals.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        resolve: { alias: publicEntries },
        plugins: [bundledWorkers()],
        // What Vite finds late it optimises late, and reloads the page in the middle of a test.
        optimizeDeps: { include: workerDependencies },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 30_000,
          // Files share one off-the-record browser context, so IndexedDB lives in memory and names must be unique by file.
          browser: {
            enabled: true,
            headless: true,
            fileParallelism: false,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { args: chromiumArguments(), ...(executablePath === undefined ? {} : { executablePath }) },
            }),
            instances: [{ browser: 'chromium' }],
          },
          // Together with the unit files, which use what it leaves of the cores while it waits.
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias: publicEntries },
        test: {
          name: 'e2e',
          environment: 'node',
          include: ['test/e2e/**/*.test.ts'],
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Whole browsers and dev servers, which wait more than they work: two files at a time, after everything else.
          maxWorkers: Math.min(2, availableParallelism()),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
