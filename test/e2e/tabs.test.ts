/* Several tabs of a real browser on one workspace, and what remains when the owner closes, crashes, or freezes. Rules: test/rpc/tabs.test.ts. */

import { zipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runRandomTabs } from './tabs-random.ts';
import { startTabs, type Tab, type TabsScene } from './tabs-scene.ts';

let scene: TabsScene;
let serial = 0;
let name = '';

beforeAll(async () => {
  scene = await startTabs({ 'base.zip': zipSync({ 'a.txt': new TextEncoder().encode('below') }) });
});

afterAll(() => scene.close());

afterEach(async () => {
  await Promise.all(scene.browser.pages().map((page) => page.close()));
});

async function openTabs(count: number): Promise<Tab[]> {
  name = `tabs-${++serial}`;
  const tabs: Tab[] = [];
  for (let i = 0; i < count; i++) tabs.push(await scene.tab(name, ['/base.zip']));
  return tabs;
}

test('three tabs see one tree, hear of each other’s changes, and get the same errors', async () => {
  const tabs = await openTabs(3);
  for (const tab of tabs) await tab.do('watch', '/');
  for (const [i, tab] of tabs.entries()) await tab.fs('writeFile', `/f${i}`, `by ${i}`);
  for (const tab of tabs) {
    expect(await tab.fs('readdir', '/')).toEqual(['a.txt', 'f0', 'f1', 'f2']);
    expect(await tab.fs('readFile', '/a.txt', 'utf8')).toBe('below');
    expect(await tab.do('fs', 'readFile', '/no')).toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining("open '/no'") as string,
    });
    await vi.waitFor(async () =>
      expect((await tab.do('heard')).filter((event) => event.startsWith('rename'))).toEqual(['rename f0', 'rename f1', 'rename f2']),
    );
  }
});

test('two workspaces in two tabs over one archive do not lock each other out', async () => {
  const one = await scene.tab(`one-${++serial}`, ['/base.zip']);
  const two = await scene.tab(`two-${serial}`, ['/base.zip']);
  await Promise.all([one.fs('writeFile', '/a.txt', 'one'), two.fs('writeFile', '/a.txt', 'two')]);
  expect([await one.fs('readFile', '/a.txt', 'utf8'), await two.fs('readFile', '/a.txt', 'utf8')]).toEqual(['one', 'two']);
});

/** Ways in which an owner goes. */
const ENDS: readonly (readonly [name: string, end: (tab: Tab) => Promise<void>])[] = [
  ['closes the workspace', (tab) => tab.do('close')],
  ['is closed', (tab) => tab.page.close()],
  ['is reloaded', async (tab) => void (await tab.page.reload())],
  ['has its worker terminated', (tab) => tab.do('terminate')],
  [
    'crashes',
    async (tab) => {
      const session = await tab.page.context().newCDPSession(tab.page);
      const crashed = new Promise((resolve) => tab.page.once('crash', resolve));
      session.send('Page.crash').catch(() => undefined); // nobody is left who could answer
      await crashed;
    },
  ],
];

describe('a tab that owns the workspace and', () => {
  test.each(ENDS)('%s: the others go on, and nothing acknowledged is lost', async (how, end) => {
    const [owner, relay, third] = (await openTabs(3)) as [Tab, Tab, Tab];
    await owner.fs('writeFile', '/by-owner', 'acknowledged');
    await relay.fs('writeFile', '/by-relay', 'acknowledged');
    await third.do('start', [
      ...Array.from({ length: 40 }, (_, i) => ['appendFile', `/n${i}`, '.'] as const),
      ['readFile', '/by-relay', 'utf8'],
    ]);
    await end(owner);
    const ended = await third.do('ended');
    expect(ended.at(-1)).toEqual({ value: 'acknowledged' });
    for (const [i, outcome] of ended.slice(0, -1).entries()) {
      const content = await relay.do('fs', 'readFile', `/n${i}`, 'utf8');
      if ('value' in outcome) expect(content).toEqual({ value: '.' });
      else expect(['.', undefined]).toContain('value' in content ? content.value : undefined);
      if ('code' in outcome) expect(outcome.code).toBe('EOWNERDEAD');
    }
    // Whoever leaves in order takes nothing along.
    if (how === 'closes the workspace') expect(ended.filter((outcome) => 'code' in outcome)).toEqual([]);
    for (const path of ['/by-owner', '/by-relay']) expect(await third.fs('readFile', path, 'utf8')).toBe('acknowledged');
    await third.fs('writeFile', '/after', 'x');
    expect(await relay.fs('readFile', '/after', 'utf8')).toBe('x');
    expect(await relay.do('check')).toEqual([]);
  });

  test.each([
    [
      'stands still in its worker',
      async (tab: Tab) => {
        await tab.do('spin', 5_000);
        return () => new Promise<void>((resolve) => setTimeout(resolve, 1_500));
      },
    ],
    [
      'is frozen by the browser',
      async (tab: Tab) => {
        const session = await tab.page.context().newCDPSession(tab.page);
        await session.send('Page.setWebLifecycleState', { state: 'frozen' });
        return async () => void (await session.send('Page.setWebLifecycleState', { state: 'active' }));
      },
    ],
  ])('%s: another takes over, and the old one does no harm when it goes on', async (_how, freeze) => {
    const [owner, relay, third] = (await openTabs(3)) as [Tab, Tab, Tab];
    await owner.fs('writeFile', '/f', '1');
    const thaw = await freeze(owner);
    // Where the browser froze the page only, its worker has answered.
    const first = await relay.do('fs', 'appendFile', '/f', '2');
    if ('code' in first) expect(first.code).toBe('EOWNERDEAD');
    await relay.fs('writeFile', '/g', 'of the new owner');
    await third.fs('appendFile', '/f', '3');
    await thaw();
    const late = await owner.do('fs', 'appendFile', '/f', '4');
    if ('code' in late) expect(late.code).toBe('EOWNERDEAD');
    await owner.fs('appendFile', '/f', '5');
    const contents = await Promise.all([owner, relay, third].map((tab) => tab.fs('readFile', '/f', 'utf8')));
    expect(contents).toEqual([contents[0], contents[0], contents[0]]);
    expect(contents[0]).toMatch('code' in first ? /^12?34?5$/ : /^1234?5$/);
    expect(await owner.fs('readFile', '/g', 'utf8')).toBe('of the new owner');
    expect(await owner.do('check')).toEqual([]);
  });
});

test('after five seconds of random work in three tabs whose owners go, everything acknowledged is there, and nothing twice', async () => {
  const { violations, acknowledged, seed } = await runRandomTabs({ seconds: 5, seed: Date.now() % 1_000_000 });
  expect(violations, `npm run test:tabs -- --seconds 5 --seed ${seed}`).toEqual([]);
  expect(acknowledged).toBeGreaterThan(50);
});
