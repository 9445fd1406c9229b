/*
 * A provider for Vitest's browser mode that needs nothing of a browser but that it opens a page: for Firefox and WebKitGTK as Linux
 * distributions ship them, which Playwright cannot drive.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineBrowserProvider } from '@vitest/browser';
import type { BrowserProviderOption } from 'vitest/node';

/** How a browser is started on a page, with a new profile. */
export interface PlainBrowser {
  readonly name: 'firefox' | 'webkit';
  readonly command: string;
  readonly args: (profile: string, url: string) => readonly string[];
  readonly env?: (profile: string) => NodeJS.ProcessEnv;
  /** What has to stand in the profile, by file name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** No first-run pages, no updates, no background tabs that are slowed down. */
const FIREFOX_PREFERENCES = [
  ['browser.shell.checkDefaultBrowser', false],
  ['browser.aboutwelcome.enabled', false],
  ['datareporting.policy.dataSubmissionEnabled', false],
  ['toolkit.telemetry.reportingpolicy.firstRun', false],
  ['app.update.enabled', false],
  ['network.captive-portal-service.enabled', false],
  ['network.connectivity-service.enabled', false],
  ['dom.min_background_timeout_value', 4],
] as const;

export const firefox = (command: string): PlainBrowser => ({
  name: 'firefox',
  command,
  args: (profile, url) => ['--headless', '--no-remote', '--profile', profile, url],
  files: { 'user.js': FIREFOX_PREFERENCES.map(([name, value]) => `user_pref("${name}", ${value});\n`).join('') },
});

/** WebKitGTK's own test browser; `xvfb-run` gives it a screen. */
export const webkit = (command: string): PlainBrowser => ({
  name: 'webkit',
  command: 'xvfb-run',
  args: (_profile, url) => ['--auto-servernum', command, '--private', url],
  env: (profile) => ({
    ...process.env,
    HOME: profile,
    XDG_RUNTIME_DIR: profile,
    GDK_BACKEND: 'x11',
    LIBGL_ALWAYS_SOFTWARE: '1',
    WEBKIT_DISABLE_DMABUF_RENDERER: '1',
    NO_AT_BRIDGE: '1',
  }),
});

/** Starts a browser for a page of Vitest's, and ends it. */
class Sessions {
  readonly supportsParallelism = false;
  readonly #open: { readonly child: ChildProcess; readonly profile: string }[] = [];

  constructor(
    readonly name: string,
    private readonly browser: PlainBrowser,
  ) {}

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(_session: string, url: string): Promise<void> {
    const profile = await mkdtemp(join(tmpdir(), `stratafs-${this.browser.name}-`));
    for (const [file, content] of Object.entries(this.browser.files ?? {})) await writeFile(join(profile, file), content);
    const child = spawn(this.browser.command, this.browser.args(profile, url), {
      stdio: 'ignore',
      detached: true,
      env: this.browser.env?.(profile) ?? process.env,
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    this.#open.push({ child, profile });
  }

  async close(): Promise<void> {
    for (const { child, profile } of this.#open.splice(0)) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.pid !== undefined && child.exitCode === null) {
        process.kill(-child.pid, 'SIGKILL'); // it and all of its processes
        await gone;
      }
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** The provider of one browser, for `test.browser.provider`. */
export function plainBrowser(browser: PlainBrowser): BrowserProviderOption {
  const name = `plain-${browser.name}`;
  return defineBrowserProvider({
    name,
    supportedBrowser: [browser.name],
    options: {},
    providerFactory: () => new Sessions(name, browser) as never,
  });
}
