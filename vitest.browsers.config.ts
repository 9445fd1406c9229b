/* The browser project in Firefox or WebKitGTK: `npm run test:browsers -- firefox`. */

import { defineConfig } from 'vitest/config';
import { publicEntries, workerDependencies } from './scripts/entries.ts';
import { firefox, plainBrowser, webkit } from './test/support/plain-browser.ts';

const { STRATAFS_BROWSER: name = 'firefox', STRATAFS_BROWSER_PATH: command = '' } = process.env;
const browser = name === 'webkit' ? webkit(command) : firefox(command);

export default defineConfig({
  resolve: { alias: publicEntries },
  optimizeDeps: { include: workerDependencies },
  test: {
    name: browser.name,
    reporters: ['default', './scripts/report-projects.ts'],
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 30_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: plainBrowser(browser),
      instances: [{ browser: browser.name }],
    },
  },
});
