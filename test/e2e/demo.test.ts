/*
 * The demo as it is built, used as a person uses it: in Chromium, with a profile on the disk. Each test has a workspace of its own.
 * As the dev server has it: start.test.ts.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { build, preview } from 'vite';
import type { PreviewServer } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';
import { makeLayers } from '../../scripts/make-layers.ts';
import { collectPageErrors, makeProfile } from '../support/chromium.ts';
import type { Profile } from '../support/chromium.ts';

let built = '';
let server: PreviewServer;
let profile: Profile;
let browser: BrowserContext;
let errors: string[] = [];

beforeAll(async () => {
  await makeLayers(join(root, 'web/public/layers'));
  built = await mkdtemp(join(tmpdir(), 'stratafs-demo-'));
  const demo = { configFile: join(root, 'vite.config.ts'), logLevel: 'error', build: { outDir: built } } as const;
  await build(demo);
  server = await preview({ ...demo, preview: { port: 0, host: '127.0.0.1' } });
  profile = await makeProfile();
  browser = await profile.launch();
});

afterAll(async () => {
  await profile.remove();
  await server.close();
  await rm(built, { recursive: true, force: true });
});

afterEach(() => {
  expect(errors).toEqual([]);
  errors = [];
});

function addressOf(workspace: string): string {
  return `${server.resolvedUrls?.local[0] ?? ''}?workspace=${workspace}`;
}

async function visit(workspace: string): Promise<Page> {
  const page = await browser.newPage();
  errors = collectPageErrors(page);
  await page.goto(addressOf(workspace));
  await opened(page);
  return page;
}

/** Waits for the tree. Where the workspace does not open, says what the page says. */
async function opened(page: Page): Promise<void> {
  await page.locator('.failure, .row').first().waitFor();
  const [failure] = await page.locator('.failure').allInnerTexts();
  if (failure !== undefined) throw new Error(failure);
}

async function reload(page: Page): Promise<void> {
  await page.reload();
  await opened(page);
}

function row(page: Page, path: string): Locator {
  return page.locator(`[role=treeitem][data-path="${path}"]`);
}

async function markOf(page: Page, path: string): Promise<string> {
  return (await row(page, path).locator('.mark').allTextContents()).join('');
}

/** The lines that the editor shows. */
function textOf(page: Page): Promise<string[]> {
  return page.locator('.cm-line').allTextContents();
}

/** Types into the editor at the end of the text, and saves; with Caps Lock, the key is a capital. */
async function typeAndSave(page: Page, text: string, key: 's' | 'S' = 's'): Promise<void> {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(text);
  await page.keyboard.press(`Control+${key}`);
  await page.locator('.tab[aria-selected=true]:not(.dirty)').waitFor();
}

/** What a command prints. */
async function run(page: Page, command: string): Promise<string> {
  const output = page.locator('.terminal-output');
  const before = (await output.textContent())?.length ?? 0;
  await page.locator('.terminal-input').fill(command);
  await page.locator('.terminal-input').press('Enter');
  await page.locator('.terminal:not(.running)').waitFor();
  const printed = ((await output.textContent()) ?? '').slice(before);
  return printed.slice(printed.indexOf('\n') + 1);
}

const changes = (page: Page): Promise<string[]> =>
  page.locator('.change').evaluateAll((items) => items.map((item) => item.textContent ?? ''));

async function expectSoon<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  await expect.poll(read, { timeout: 10_000 }).toEqual(wanted);
}

describe('the demo', () => {
  test('shows three archives as one tree', async () => {
    const page = await visit('merged');
    await row(page, '/node_modules').click();
    for (const name of ['react', 'date-fns', 'lodash-es']) await row(page, `/node_modules/${name}`).waitFor();
    await row(page, '/node_modules/react').click();
    await row(page, '/node_modules/react/package.json').click();
    await expectSoon(async () => (await page.locator('.cm-content').textContent())?.includes('"name": "react"'), true);
    await page.keyboard.press('Control+p');
    await page.locator('.quick-open input').fill('lodash-es/add.js');
    await page.keyboard.press('Enter');
    await expectSoon(async () => (await page.locator('.cm-content').textContent())?.includes('Adds two numbers'), true);
    expect(await run(page, 'grep -rl addDays /node_modules/date-fns/fp | head -n 3')).toMatch(/^\/node_modules\/date-fns\/fp\//);
    await page.getByRole('tab', { name: 'Layers' }).click();
    expect(await page.locator('.layer-name').allTextContents()).toEqual([
      'merged',
      'template.zip',
      expect.stringMatching(/^react-.*\.tgz$/),
      'library.zip',
    ]);
    await page.close();
  });

  test('what was edited, created, renamed and deleted is so after the browser was closed and started again', async () => {
    const page = await visit('kept');
    await row(page, '/src/main.ts').click();
    await typeAndSave(page, '\n// the tide turns\n');
    await expectSoon(() => markOf(page, '/src/main.ts'), 'M');

    await row(page, '/src').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'New file…' }).click();
    await page.keyboard.type('moon.ts');
    await page.keyboard.press('Enter');
    await row(page, '/src/moon.ts').waitFor();
    await typeAndSave(page, 'export const phases = 8;', 'S');

    await row(page, '/docs').click();
    await page.keyboard.press('F2');
    await page.keyboard.type('guide');
    await page.keyboard.press('Enter');
    await row(page, '/guide/layers.md').waitFor();

    await row(page, '/tsconfig.json').click();
    await page.keyboard.press('Delete');
    await expectSoon(() => markOf(page, '/tsconfig.json'), 'D');

    const wanted = ['Ddocs//', 'Rguide/← /docs', 'Mmain.ts/src', 'Amoon.ts/src', 'Dtsconfig.json/'];
    await expectSoon(() => changes(page), wanted);
    await browser.close();
    browser = await profile.launch();

    const again = await visit('kept');
    await expectSoon(() => changes(again), wanted);
    expect(await markOf(again, '/docs')).toBe('D');
    expect(await markOf(again, '/tsconfig.json')).toBe('D');
    expect(await run(again, 'tail -n 1 /src/main.ts; cat /src/moon.ts; ls /; ls /guide; cat /docs/layers.md')).toBe(
      [
        '// the tide turns',
        'export const phases = 8;',
        'README.md\nguide/\nindex.html\nnode_modules/\npackage.json\npublic/\nscripts/\nsrc/',
        'layers.md\nstart-here.md',
        'cat: /docs/layers.md: no such file or directory',
        '',
      ].join('\n'),
    );
    await again.close();
  });

  test('the terminal and the tree see the same files, whichever writes', async () => {
    const page = await visit('two-faces');
    await run(page, 'mkdir -p /notes/deep && echo first > /notes/deep/a.txt');
    await row(page, '/notes').click();
    await row(page, '/notes/deep').click();
    await row(page, '/notes/deep/a.txt').click();
    await expectSoon(() => textOf(page), ['first', '']);
    await typeAndSave(page, 'second');
    expect(await run(page, 'cat /notes/deep/a.txt')).toBe('first\nsecond\n');
    await run(page, 'echo third > /notes/deep/a.txt');
    await expectSoon(() => textOf(page), ['third', '']);
    await run(page, 'mv /notes /src/notes; rm /README.md');
    await row(page, '/src/notes').waitFor();
    await expectSoon(() => markOf(page, '/README.md'), 'D');
    expect(await run(page, 'find /src -name "*.txt" | wc -l')).toBe('      1\n');
    await page.close();
  });

  test('a search shows the matches of all files as they come, opens them at the line, and begins anew with the next letter', async () => {
    const page = await visit('searched');
    await run(page, 'echo "// high tide" > /mine.ts');
    await page.keyboard.press('Control+Shift+F');
    await page.keyboard.type('tides(');
    const matches = (): Promise<string[]> =>
      page
        .locator('.search-file')
        .evaluateAll((files) => files.map((file) => [...file.children].map((part) => part.textContent).join('|')));
    await expectSoon(async () => (await matches())[0], 'main.ts/src1|8…t, after] = tides(now);');
    await page.locator('.search input').first().fill('HIGH TIDE');
    await expectSoon(matches, ['mine.ts/1|1// high tide']);
    await page.getByRole('button', { name: 'Match case' }).click();
    await expectSoon(() => page.locator('.search-summary').allTextContents(), ['No match']);
    await page.locator('.search input').first().fill('export function addDays');
    await page.getByLabel('Where to search').fill('!src, *.js');
    await expectSoon(async () => (await matches()).length, 1);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expectSoon(() => page.locator('.tab[aria-selected=true] .name, .tab[aria-selected=true]').first().textContent(), 'addDays.js');
    expect(await page.evaluate(() => getSelection()?.toString())).toBe('export function addDays');
    await page.close();
  });

  test('a deleted folder of the library comes back whole', async () => {
    const page = await visit('restored');
    await row(page, '/node_modules').click();
    const count = await run(page, 'find /node_modules/lodash-es -type f | wc -l');
    expect(Number(count)).toBeGreaterThan(500);
    await row(page, '/node_modules/lodash-es').click();
    await page.keyboard.press('Delete');
    await expectSoon(() => markOf(page, '/node_modules/lodash-es'), 'D');
    expect(await run(page, 'ls /node_modules/lodash-es')).toBe('ls: /node_modules/lodash-es: no such file or directory\n');
    await reload(page);
    await expectSoon(() => markOf(page, '/node_modules/lodash-es'), 'D');
    await page.locator('.change .icon-button').click();
    await expectSoon(() => changes(page), []);
    expect(await run(page, 'find /node_modules/lodash-es -type f | wc -l')).toBe(count);
    await page.close();
  });

  test('resetting everything leaves what the archives hold', async () => {
    const page = await visit('reset');
    await run(page, 'rm -r /src; echo x > /README.md; mkdir /src; echo y > /src/y; mv /docs /d');
    await expectSoon(async () => (await changes(page)).length > 4, true);
    await page.getByRole('button', { name: 'Reset all…' }).click();
    await page.getByRole('button', { name: 'Reset all', exact: true }).click();
    await expectSoon(() => changes(page), []);
    await expectSoon(() => row(page, '/d').count(), 0);
    expect(await run(page, 'ls /src; head -n 1 /README.md')).toBe('main.ts\nstyles.css\ntides.ts\n# Tide clock\n');
    await page.close();
  });

  test('everything is downloaded as a zip, and what was changed as a layer', async () => {
    const page = await visit('download');
    await run(page, 'echo mine > /src/mine.ts; rm /README.md');
    const downloaded = async (item: string): Promise<{ name: string; bytes: Buffer }> => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page
          .getByRole('button', { name: 'Download', exact: true })
          .click()
          .then(() => page.getByRole('menuitem', { name: item }).click()),
      ]);
      return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
    };
    const zip = await downloaded('Everything, as a zip');
    expect(zip.name).toBe('download.zip');
    const files = unzipSync(zip.bytes);
    expect(strFromU8(files['src/mine.ts']!)).toBe('mine\n');
    expect(files['src/main.ts']).toBeDefined();
    expect(files['README.md']).toBeUndefined();
    const layer = await downloaded('The changes, as a layer (OCI)');
    expect(layer.name).toBe('download.layer.tar');
    expect(layer.bytes.includes('.wh.README.md')).toBe(true);
    expect(layer.bytes.includes('src/main.ts')).toBe(false);
    await page.close();
  });

  test('a snapshot is taken, looked at and rolled back to, and begins another workspace', async () => {
    const page = await visit('snapshots');
    await page.getByRole('tab', { name: 'Changes' }).press('ArrowRight');
    await page.getByRole('button', { name: 'Take a snapshot…' }).click();
    await page.keyboard.type('first draft');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Roll back to first draft' }).waitFor();
    await run(page, 'echo changed > /README.md; rm -r /src');
    await row(page, '/README.md').click();
    await expectSoon(() => textOf(page), ['changed', '']);
    await page.getByRole('button', { name: 'Show the open file as it was: first draft' }).click();
    expect(await page.locator('.dialog-text').textContent()).toMatch(/^# Tide clock\n/);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.getByRole('button', { name: 'Begin another workspace with first draft' }).click();
    await page.keyboard.type('from-first-draft');
    await page.keyboard.press('Enter');
    await page.waitForURL('**workspace=from-first-draft');
    await opened(page);
    expect(await run(page, 'head -n 1 /README.md; ls /src')).toBe('# Tide clock\nmain.ts\nstyles.css\ntides.ts\n');
    await page.goBack();
    await opened(page);
    await page.getByRole('tab', { name: 'Snapshots' }).click();
    await page.getByRole('button', { name: 'from-first-draft', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Roll back to first draft' }).click();
    await page.getByRole('button', { name: 'Roll back', exact: true }).click();
    await row(page, '/src').waitFor();
    expect(await run(page, 'head -n 1 /README.md')).toBe('# Tide clock\n');
    await page.close();
  });

  test('a name that is taken is refused with its code, and nothing is lost', async () => {
    const page = await visit('told');
    await row(page, '/package.json').click();
    await page.keyboard.press('F2');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('README.md');
    await page.keyboard.press('Enter');
    await page.locator('.toast.error').waitFor();
    expect(await page.locator('.toast-code').textContent()).toBe('EEXIST');
    expect(await run(page, 'head -n 2 /package.json | tail -n 1; head -n 1 /README.md')).toBe('  "name": "tide-clock",\n# Tide clock\n');
    await page.close();
  });

  test('a directory of thousands keeps few rows in the document', async () => {
    const page = await visit('many');
    await run(page, 'cd /node_modules');
    await row(page, '/node_modules').click();
    await row(page, '/node_modules/date-fns').click();
    await row(page, '/node_modules/date-fns/CHANGELOG.md').or(row(page, '/node_modules/date-fns/fp')).first().waitFor();
    await page.keyboard.press('End');
    expect(await page.locator('.row').count()).toBeLessThan(80);
    expect(await page.locator('.tree').evaluate((tree) => tree.scrollHeight)).toBeGreaterThan(20_000);
    await page.close();
  });

  test('a server that is away gives a way on', async () => {
    const page = await browser.newPage();
    await page.route('**/layers.json', (route) => route.fulfill({ status: 503, body: 'away' }));
    await page.goto(addressOf('away'));
    await page.getByRole('heading', { name: 'The workspace did not open' }).waitFor();
    await page.unroute('**/layers.json');
    await page.getByRole('button', { name: 'Try again' }).click();
    await row(page, '/README.md').waitFor();
    await page.close();
  });

  test('two tabs show one workspace: what one does the other sees, and when the first goes the second goes on, terminal included', async () => {
    const first = await visit('two-tabs');
    const second = await visit('two-tabs');
    await run(first, 'echo hello > from-first.txt');
    await row(second, '/from-first.txt').waitFor();
    await run(second, 'mkdir from-second');
    await row(first, '/from-second').waitFor();
    await first.close();
    await run(second, 'mv from-first.txt from-second/moved.txt');
    await row(second, '/from-first.txt').waitFor({ state: 'detached' });
    await second.reload();
    await row(second, '/from-second').waitFor();
    await second.close();
  });
});
