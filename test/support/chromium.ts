/* Chromium for the end-to-end tests: persistent profiles, so that IndexedDB really lies on the disk. Node only. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { chromiumArguments, findChromium } from '../../scripts/chromium.ts';

/** The Chromium of this run. `npm test` finds or installs one and passes it on as `CHROME_PATH`. */
export function chromiumPath(): string {
  const path = findChromium();
  if (path === undefined) throw new Error('There is no Chromium on this machine. `npm test` installs one; or set CHROME_PATH.');
  return path;
}

/** A browser profile on the disk, which outlives the browsers that are started on it. */
export interface Profile {
  readonly folder: string;
  /** Starts a browser on the profile. At most one at a time: close it before the next. */
  launch(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Closes what was launched and deletes the profile. */
  remove(): Promise<void>;
}

/**
 * Makes an empty profile.
 *
 * ```ts
 * const profile = await makeProfile();
 * const browser = await profile.launch();
 * const page = await browser.newPage();
 * ```
 */
export async function makeProfile(): Promise<Profile> {
  const folder = await mkdtemp(join(tmpdir(), 'stratafs-profile-'));
  let running: BrowserContext | undefined;
  return {
    folder,
    async launch(options = {}) {
      running = await chromium.launchPersistentContext(folder, { executablePath: chromiumPath(), args: chromiumArguments(), ...options });
      return running;
    },
    async remove() {
      await running?.close();
      // The browser's last processes may still be writing.
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** Collects what a page reports as errors: uncaught exceptions, `console.error`, failed requests. */
export function collectPageErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`console: ${message.text()}`);
  });
  page.on('requestfailed', (request) => errors.push(`request failed: ${request.url()} (${request.failure()?.errorText ?? 'unknown'})`));
  return errors;
}
