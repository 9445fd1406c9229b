/* Real tabs on one workspace, driven from Node: test/e2e/tabs.test.ts and scripts/tabs-test.ts. */

import type { BrowserContext, Page } from 'playwright-core';
import { startSite, type Site } from '../kill/site.ts';
import { makeProfile, type Profile } from '../support/chromium.ts';
import type { Ended, TabPage } from './tabs-page.ts';

/** A tab of a scene. Its methods reject when the tab is gone. */
export class Tab {
  constructor(
    readonly page: Page,
    private readonly name: string,
  ) {}

  do<K extends keyof TabPage>(method: K, ...args: Parameters<TabPage[K]>): Promise<Awaited<ReturnType<TabPage[K]>>> {
    return this.page.evaluate(
      ([called, passed]) => {
        const { tab } = globalThis as unknown as { tab: Record<string, (...args: unknown[]) => never> };
        return tab[called]!(...passed);
      },
      [method as string, args as unknown[]] as const,
    );
  }

  /** A call of the file system that must succeed. */
  async fs<T = unknown>(method: string, ...args: unknown[]): Promise<T> {
    const ended: Ended = await this.do('fs', method, ...args);
    if ('code' in ended) throw new Error(`${method} ${String(args[0])} in ${this.name}: ${ended.message}`);
    return ended.value as T;
  }
}

export interface TabsScene {
  readonly origin: string;
  readonly browser: BrowserContext;
  /** Opens one more tab on a workspace. */
  tab(name: string, lower?: readonly string[]): Promise<Tab>;
  close(): Promise<void>;
}

/** Starts a browser, and a server with the page, the worker's script, and these files. */
export async function startTabs(files: Readonly<Record<string, Uint8Array>> = {}, worker = 'test/e2e/tabs-worker.ts'): Promise<TabsScene> {
  const site: Site = await startSite({
    scripts: { 'page.js': 'test/e2e/tabs-page.ts', 'worker.js': worker },
    files,
    main: 'page.js',
  });
  const profile: Profile = await makeProfile();
  const browser = await profile.launch();
  let serial = 0;
  return {
    origin: site.origin,
    browser,
    async tab(name, lower = []) {
      const page = await browser.newPage();
      await page.goto(site.origin);
      await page.waitForFunction(() => 'tab' in globalThis);
      const tab = new Tab(page, `tab ${++serial}`);
      await tab.do('open', { name, lower: lower.map((url) => ({ url })) });
      return tab;
    },
    async close() {
      await profile.remove();
      await site[Symbol.asyncDispose]();
    },
  };
}
