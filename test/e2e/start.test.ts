/* `npm start`: archives made, demo served by the dev server, a page that opens, shows and writes files without an error. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';
import { collectPageErrors, makeProfile } from '../support/chromium.ts';
import type { Profile } from '../support/chromium.ts';
import { startServer } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

let server: ServerProcess;
let profile: Profile;

beforeAll(async () => {
  profile = await makeProfile();
  server = await startServer(join(root, 'node_modules/tsx/dist/cli.mjs'), ['scripts/start.ts', '--port', '5391'], root);
});

afterAll(async () => {
  await profile.remove();
  await server.stop();
});

test('the base archives are served by ranges', async () => {
  const archives = readdirSync(join(root, 'web/public/layers')).filter((name) => /\.(zip|tgz)$/.test(name));
  expect(archives.some((name) => name.endsWith('.zip'))).toBe(true);
  expect(archives.some((name) => name.endsWith('.tgz'))).toBe(true);
  for (const name of archives) {
    const response = await fetch(`${server.url}layers/${name}`, { headers: { Range: 'bytes=4-11' } });
    const body = new Uint8Array(await response.arrayBuffer());
    expect({ name, status: response.status, length: body.length }).toEqual({ name, status: 206, length: 8 });
  }
});

test('the demo opens in Chromium, shows a file and one that is written, and reports no error', async () => {
  const browser = await profile.launch();
  const page = await browser.newPage();
  const errors = collectPageErrors(page);
  await page.goto(server.url);
  await page.getByRole('treeitem').first().waitFor({ timeout: 60_000 });
  expect(await page.getByRole('treeitem').count()).toBeGreaterThan(2);
  await page.locator('[role=treeitem][data-path="/README.md"]').click();
  await page.locator('.cm-line', { hasText: '# Tide clock' }).waitFor();
  await page.locator('.terminal-input').fill('echo high > /written.txt');
  await page.locator('.terminal-input').press('Enter');
  await page.locator('[role=treeitem][data-path="/written.txt"]').waitFor();
  expect(errors).toEqual([]);
});
