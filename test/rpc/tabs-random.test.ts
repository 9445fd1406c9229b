/* Random work in several tabs while owners close, crash and freeze, in one thread: many ends in a short time. Real tabs: test/e2e/tabs.test.ts. */

import 'fake-indexeddb/auto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Overlay } from '../../src/fs/overlay.ts';
import { open, type Workspace } from '../../src/index.ts';
import { History } from '../e2e/tabs-history.ts';
import { contentOf, work } from '../e2e/tabs-work.ts';
import { randomNumbers } from '../kill/random.ts';

interface RandomTab {
  readonly ws: Workspace;
  readonly freeze: () => () => void;
  crash(): void;
  /** Ends its work. */
  stop(): Promise<void>;
}

afterEach(() => {
  vi.doUnmock('../../src/rpc/repeatable.ts');
  vi.resetModules();
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A crashed tab's engine lives on in this thread; its store must not. */
function disconnect(overlay: Overlay): void {
  Reflect.set(overlay.engine.commits, 'store', {
    name: 'gone',
    commit: () => new Promise(() => undefined),
    close: () => Promise.resolve(),
  });
}

/** Works until so many owners have gone. */
async function run(seed: number, rounds: number): Promise<History> {
  const { LocalBrowser } = await import('./local-tabs.ts');
  const browser = new LocalBrowser(100);
  const random = randomNumbers(seed);
  const history = new History();
  const name = `random-${crypto.randomUUID()}`;
  const tabs = new Map<string, RandomTab>();
  const leaving = new Set<string>();
  let serial = 0;

  const add = async (): Promise<void> => {
    const id = `t${++serial}`;
    const engines: Overlay[] = [];
    const local = browser.tab({ onMount: (overlay) => void engines.push(overlay) });
    const ws = await open({ lower: [], name, worker: local.worker });
    let goesOn = true;
    const tab = {
      ws,
      freeze: local.freeze,
      crash() {
        for (const overlay of engines) disconnect(overlay);
        local.crash();
        local.kill();
      },
      stop() {
        goesOn = false;
        return working;
      },
    };
    tabs.set(id, tab);
    const working = work(
      ws.fs,
      id,
      randomNumbers(Math.floor(random() * 2 ** 31)),
      async (report) => {
        if (tabs.has(id) && !(leaving.has(id) && 'code' in report)) history.report(id, report);
        await Promise.resolve();
      },
      () => goesOn && !leaving.has(id),
    );
  };

  for (let i = 0; i < 3; i++) await add();
  for (let round = 0; round < rounds; round++) {
    await pause(random() * 30);
    const [id, tab] = [...tabs][random() < 0.7 ? 0 : Math.floor(random() * tabs.size)]!;
    const how = random();
    if (how < 0.25) {
      const thaw = tab.freeze();
      await pause(250);
      thaw();
      // It is the youngest now.
      tabs.delete(id);
      tabs.set(id, tab);
      continue;
    }
    leaving.add(id);
    if (how < 0.6) await tab.ws.close();
    else tab.crash();
    tabs.delete(id);
    history.gone(id);
    await add();
  }
  for (const tab of tabs.values()) await tab.stop();
  for (const { ws } of tabs.values()) {
    const tree = new Map<string, string>();
    for (const path of await ws.fs.readdir('/')) tree.set(`/${path}`, (await contentOf(ws.fs, `/${path}`)) ?? '');
    history.compare(tree);
    expect(await ws.check()).toEqual([]);
  }
  return history;
}

describe('after random work in three tabs whose owners go', () => {
  test.each([1, 2, 3])('everything acknowledged is there, and nothing twice (seed %i)', async (seed) => {
    const { violations, acknowledged, lost } = await run(seed, 25);
    expect(violations).toEqual([]);
    expect(acknowledged).toBeGreaterThan(200);
    expect(lost).toBeGreaterThan(0);
  });

  test('a relay that asks again what its owner took with it is found out', async () => {
    vi.resetModules();
    vi.doMock('../../src/rpc/repeatable.ts', () => ({ isRepeatable: () => true }));
    const { violations } = await run(1, 25);
    expect(violations.join()).toContain('happened twice');
  });
});
