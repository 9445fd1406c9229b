/* Several tabs on one workspace: who owns it, what the others get, and what becomes of their calls when the owner goes. */

import 'fake-indexeddb/auto';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import { claimAlone } from '../../src/rpc/sole-owner.ts';
import { openUpper } from '../../src/upper/open-upper.ts';
import { attach, open, removeWorkspace, type OpenOptions, type Workspace } from '../../src/index.ts';
import { LocalBrowser, type LocalTab } from './local-tabs.ts';

const PATIENCE = 200;
let browser: LocalBrowser;
let serial = 0;
let name = '';

beforeEach(() => {
  browser = new LocalBrowser(PATIENCE);
  name = `tabs-${++serial}`;
});

afterEach(() => {
  vi.restoreAllMocks();
});

interface OpenTab extends LocalTab {
  readonly ws: Workspace;
  /** The engines that were mounted in this tab. */
  readonly engines: Overlay[];
}

async function openTab(options: Partial<OpenOptions> = {}): Promise<OpenTab> {
  const engines: Overlay[] = [];
  const tab = browser.tab({ onMount: (overlay) => void engines.push(overlay) });
  return { ...tab, engines, ws: await open({ lower: [], name, ...options, worker: tab.worker }) };
}

const tick = (milliseconds = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Holds the calls of one method of an engine back; gives what lets them go on. */
function hold(overlay: Overlay, method: 'writeFile' | 'readFile' | 'stat'): { readonly begun: () => number; release(): void } {
  const { promises } = overlay.fs;
  const original = promises[method].bind(promises) as (...args: unknown[]) => Promise<unknown>;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let begun = 0;
  vi.spyOn(promises, method).mockImplementation((async (...args: unknown[]) => {
    begun++;
    await gate;
    return original(...args);
  }) as never);
  return { begun: () => begun, release };
}

function isCallOf(message: unknown, method: string): boolean {
  const { is, invocation } = message as { readonly is: string; readonly invocation?: { readonly method: string } };
  return is === 'call' && invocation?.method === method;
}

/** The same archive for the same content, whenever it is made. */
function zipUrl(content: string): string {
  const archive = zipSync({ 'a.txt': new TextEncoder().encode(content) }, { mtime: '2026-01-01' });
  return `data:application/zip;base64,${Buffer.from(archive).toString('base64')}`;
}

describe('two tabs', () => {
  test('have one workspace: one engine, the same tree, the same errors', async () => {
    const owner = await openTab({ lower: [{ url: zipUrl('below') }] });
    const relay = await openTab({ lower: [{ url: zipUrl('below') }] });
    expect([owner.engines.length, relay.engines.length]).toEqual([1, 0]);
    expect(relay.ws.layers).toEqual(owner.ws.layers);
    expect(await relay.ws.fs.readFile('/a.txt', 'utf8')).toBe('below');
    await relay.ws.fs.writeFile('/from-relay', new Uint8Array(300_000).fill(5));
    expect((await owner.ws.fs.readFile('/from-relay')).length).toBe(300_000);
    expect((await relay.ws.diff()).map(({ path }) => path)).toEqual(['/from-relay']);
    await expect(relay.ws.fs.readFile('/no')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/no' });
    await relay.ws.flush({ durability: 'strict' });
    expect(await relay.ws.check()).toEqual([]);
  });

  test('hear of each other’s changes', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const third = await openTab();
    const heard = [owner, relay, third].map(({ ws }) => ws.fs.watch('/').next());
    await tick();
    await relay.ws.fs.writeFile('/f', '');
    for (const event of heard) expect(await event).toEqual({ done: false, value: { eventType: 'rename', filename: 'f' } });
  });

  test('act for the user that each was opened for', async () => {
    await openTab();
    const relay = await openTab({ user: { uid: 1000, gid: 1000 } });
    await expect(relay.ws.fs.writeFile('/mine', '')).rejects.toMatchObject({ code: 'EACCES' });
  });

  test('act for root by default, whomever the owner’s tab was opened for', async () => {
    const owner = await openTab({ user: { uid: 1000, gid: 1000 } });
    const relay = await openTab();
    await relay.ws.fs.writeFile('/of-root', '');
    expect((await relay.ws.fs.stat('/of-root')).uid).toBe(0);
    await expect(owner.ws.fs.writeFile('/mine', '')).rejects.toMatchObject({ code: 'EACCES' });
    expect((await relay.ws.entries('/')).map(({ name: each }) => each)).toEqual(['of-root']);
  });

  test('look, reset and fetch ahead for the user that each was opened for', async () => {
    const { ws } = await openTab({ lower: [{ url: zipUrl('below') }] });
    const user = { uid: 1000, gid: 1000 };
    const relay = await openTab({ lower: [{ url: zipUrl('below') }], user });
    await ws.fs.mkdir('/closed', { mode: 0o700 });
    await ws.fs.writeFile('/closed/f', '');
    await ws.fs.writeFile('/a.txt', 'changed');
    const denied = { code: 'EACCES' };
    await expect(relay.ws.entries('/closed')).rejects.toMatchObject({ ...denied, path: '/closed' });
    await expect(relay.ws.prefetch(['/closed'])).rejects.toMatchObject(denied);
    await expect(relay.ws.reset('/a.txt')).rejects.toMatchObject({ ...denied, path: '/a.txt' });
    await expect(relay.ws.reset('/')).rejects.toMatchObject(denied);
    const guest = await attach(relay.ws.port());
    await expect(guest.reset('/a.txt')).rejects.toMatchObject(denied);
    expect(await relay.ws.fs.readFile('/a.txt', 'utf8')).toBe('changed');
    await ws.reset('/a.txt');
    expect(await relay.ws.fs.readFile('/a.txt', 'utf8')).toBe('below');
  });

  test('nobody else gets what one tab asks of the owner', async () => {
    await openTab();
    const relay = await openTab();
    await relay.ws.fs.writeFile('/f', 'for the owner');
    const lines = new Set(browser.posted.filter(({ message }) => (message as { is: string }).is === 'call').map(({ channel }) => channel));
    expect(lines.size).toBe(1);
    expect([...lines][0]).not.toBe(`stratafs:${name}`);
  });

  test('what a tab had open is closed when it goes, by its word or without', async () => {
    const owner = await openTab();
    for (const end of [(tab: OpenTab) => tab.ws.close(), (tab: OpenTab) => Promise.resolve(tab.crash())]) {
      const relay = await openTab();
      const opening = vi.spyOn(owner.engines[0]!.fs.promises, 'open');
      await relay.ws.fs.open('/f', 'w');
      const file = await (opening.mock.results[0]?.value as ReturnType<FsPromises['open']>);
      await file.stat();
      await end(relay);
      await vi.waitFor(() => expect(file.fd).toBe(-1));
      opening.mockRestore();
    }
  });

  test('a port of a relay leads to the same workspace', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const guest = await attach(relay.ws.port());
    await guest.fs.writeFile('/by-guest', 'x');
    expect(await owner.ws.fs.readFile('/by-guest', 'utf8')).toBe('x');
    await guest.close();
    expect(await relay.ws.fs.readFile('/by-guest', 'utf8')).toBe('x');
  });

  test('a call of a relay can be aborted', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const held = hold(owner.engines[0]!, 'readFile');
    const controller = new AbortController();
    const reading = relay.ws.fs.readFile('/f', { signal: controller.signal });
    await vi.waitFor(() => expect(held.begun()).toBe(1));
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    held.release();
  });

  test.each(['call', 'reply'])('a %s that cannot cross is an error, and holds nothing up', async (what) => {
    await openTab();
    const relay = await openTab();
    await relay.ws.fs.writeFile('/f', 'x');
    const clone = globalThis.structuredClone;
    const cloning = vi.spyOn(globalThis, 'structuredClone').mockImplementation(((message: { is?: string; reply?: object }) => {
      const isMeant = what === 'call' ? message.is === 'call' : message.is === 'reply' && 'value' in message.reply!;
      if (isMeant) throw new DOMException('it cannot be cloned', 'DataCloneError');
      return clone(message);
    }) as never);
    await expect(relay.ws.fs.readFile('/f')).rejects.toThrow('it cannot be cloned');
    cloning.mockRestore();
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('x');
  });

  test('a name that is open cannot be removed', async () => {
    await openTab();
    const other = browser.tab();
    await expect(removeWorkspace(name, { worker: other.worker })).rejects.toMatchObject({ code: 'EBUSY' });
  });
});

describe('when the owner closes', () => {
  test('the next one takes over, and everything goes on', async () => {
    const [first, second, third] = [await openTab(), await openTab(), await openTab()];
    await second.ws.fs.writeFile('/f', '1');
    await first.ws.close();
    await third.ws.fs.appendFile('/f', '2');
    expect(await second.ws.fs.readFile('/f', 'utf8')).toBe('12');
    expect([first.engines.length, second.engines.length, third.engines.length]).toEqual([1, 1, 0]);
    await second.ws.close();
    await third.ws.fs.appendFile('/f', '3');
    expect(await third.ws.fs.readFile('/f', 'utf8')).toBe('123');
    await third.ws.close();
  });

  test('calls under way are answered, or asked of the next one; none rejects', async () => {
    // An owner that waited for the reading that is held here would wait for as long as it may.
    browser = new LocalBrowser(60_000);
    const owner = await openTab();
    const relay = await openTab();
    await relay.ws.fs.writeFile('/r', 'read me');
    const writes = hold(owner.engines[0]!, 'writeFile');
    const reads = hold(owner.engines[0]!, 'readFile');
    const writing = relay.ws.fs.writeFile('/w', 'begun');
    const reading = relay.ws.fs.readFile('/r', 'utf8');
    await vi.waitFor(() => expect([writes.begun(), reads.begun()]).toEqual([1, 1]));
    const closing = owner.ws.close();
    await tick();
    const later = relay.ws.fs.writeFile('/l', 'not begun by the one who leaves');
    await tick();
    expect(writes.begun()).toBe(1);
    writes.release();
    await Promise.all([writing, closing, later]);
    expect(await reading).toBe('read me');
    expect(await relay.ws.fs.readFile('/w', 'utf8')).toBe('begun');
    expect(relay.engines.length).toBe(1);
  });

  test('calls that it never got are asked of the next one', async () => {
    const [owner, relay, third] = [await openTab(), await openTab(), await openTab()];
    await third.ws.fs.writeFile('/f', '1');
    // It calls whom it has not yet heard leave.
    const thaw = third.freeze();
    await owner.ws.close();
    const calls = ['2', '3', '4'].map((text) => third.ws.fs.appendFile('/f', text));
    await vi.waitFor(() => expect(browser.posted.filter(({ message }) => isCallOf(message, 'appendFile')).length).toBe(3));
    thaw();
    await Promise.all(calls);
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('1234');
  });

  test('a batch that was begun is let come to its end', async () => {
    const owner = await openTab();
    const relay = await openTab();
    let closing: Promise<void> | undefined;
    await relay.ws.batch(async (fs) => {
      await fs.writeFile('/1', '');
      closing = owner.ws.close();
      await tick(20);
      await fs.writeFile('/2', '');
    });
    await closing;
    expect(await relay.ws.fs.readdir('/')).toEqual(['1', '2']);
  });

  test('an open file is ESTALE afterwards, even where the new owner has one of the same number, and can be closed', async () => {
    const owner = await openTab();
    const relay = await openTab();
    await owner.ws.fs.writeFile('/f', 'right');
    await owner.ws.fs.writeFile('/g', 'wrong');
    const before = await relay.ws.fs.open('/f', 'r+');
    await owner.ws.close();
    const after = await relay.ws.fs.open('/g', 'r+');
    expect(await after.readFile('utf8')).toBe('wrong');
    await expect(before.readFile('utf8')).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(before.write('x')).rejects.toMatchObject({ code: 'ESTALE' });
    await before.close();
    await after.close();
  });

  test('watches go on, and each hears one change of what it watches', async () => {
    const owner = await openTab();
    const relay = await openTab();
    await relay.ws.fs.mkdir('/d');
    const events = relay.ws.fs.watch('/d');
    await tick();
    await owner.ws.close();
    expect((await events.next()).value).toEqual({ eventType: 'change', filename: 'd' });
    await relay.ws.fs.writeFile('/d/new', '');
    expect((await events.next()).value).toEqual({ eventType: 'rename', filename: 'new' });
  });
});

describe('when the owner dies', () => {
  test('what was acknowledged is there; a call that only looks is asked again; one that changes something is EOWNERDEAD', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const third = await openTab();
    await third.ws.fs.writeFile('/f', 'acknowledged');
    const held = [hold(owner.engines[0]!, 'writeFile'), hold(owner.engines[0]!, 'readFile')];
    const calls = [relay, third].map(({ ws }) => ({
      writing: expect(ws.fs.writeFile('/g', '')).rejects.toMatchObject({ code: 'EOWNERDEAD', errno: -130, path: '/g' }),
      reading: ws.fs.readFile('/f', 'utf8'),
    }));
    await vi.waitFor(() => expect(held.map(({ begun }) => begun())).toEqual([2, 2]));
    owner.crash();
    for (const { writing, reading } of calls) {
      await writing;
      expect(await reading).toBe('acknowledged');
    }
    await third.ws.fs.writeFile('/g', 'again');
    expect(await relay.ws.fs.readFile('/g', 'utf8')).toBe('again');
    expect([relay.engines.length, third.engines.length]).toEqual([1, 0]);
  });

  test('a batch that was under way is EAGAIN, and nothing of it happened', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const batch = relay.ws.batch(async (fs) => {
      await fs.writeFile('/1', '');
      owner.crash();
      await vi.waitFor(() => expect(relay.engines.length).toBe(1));
      await fs.writeFile('/2', '');
    });
    await expect(batch).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(await relay.ws.fs.readdir('/')).toEqual([]);
  });

  test('whoever mounts with other lowers lets the next one try, and rejects its own calls meanwhile', async () => {
    const owner = await openTab({ lower: [{ url: zipUrl('a') }] });
    const wrong = await openTab({ lower: [{ url: zipUrl('another') }] });
    owner.crash();
    await expect(wrong.ws.fs.readdir('/')).rejects.toMatchObject({ code: 'ESTALE' });
    const right = await openTab({ lower: [{ url: zipUrl('a') }] });
    await right.ws.fs.writeFile('/f', 'x');
    expect(await wrong.ws.fs.readFile('/f', 'utf8')).toBe('x');
    right.crash();
    await expect(wrong.ws.fs.readFile('/f', 'utf8')).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('a counter that several tabs raise is never raised twice for one acknowledgement', async () => {
    let owner = await openTab();
    const relay = await openTab();
    let acknowledged = 0;
    let unknown = 0;
    for (let round = 0; round < 15; round++) {
      const appends = Array.from({ length: 4 }, () => relay.ws.fs.appendFile('/counter', '.'));
      for (let turn = 0; turn < round % 6; turn++) await Promise.resolve();
      if (round % 3 !== 0) await tick(round % 5);
      owner.crash();
      for (const { status } of await Promise.allSettled(appends)) {
        if (status === 'fulfilled') acknowledged++;
        else unknown++;
      }
      const length = (await relay.ws.fs.readFile('/counter', 'utf8').catch(() => '')).length;
      expect(length).toBeGreaterThanOrEqual(acknowledged);
      expect(length).toBeLessThanOrEqual(acknowledged + unknown);
      // The relay is the owner now: another one takes its place, and then it is the relay again.
      owner = await openTab();
      const next = await openTab();
      await relay.ws.close();
      await owner.ws.fs.stat('/');
      Object.assign(relay, next);
    }
    expect(acknowledged).toBeGreaterThan(0);
  });
});

describe('when the owner is frozen', () => {
  test('a relay that waits takes over; thawed, the old one follows, and does no harm', async () => {
    const frozen = await openTab();
    const relay = await openTab();
    await frozen.ws.fs.writeFile('/f', '1');
    const thaw = frozen.freeze();
    const [writing, reading] = [relay.ws.fs.appendFile('/f', '2'), relay.ws.fs.readFile('/f', 'utf8')];
    await expect(writing).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    expect(await reading).toBe('1');
    await relay.ws.fs.appendFile('/f', '3');
    // It does not know yet that it is the owner no more.
    const late = frozen.ws.fs.appendFile('/f', '4');
    await expect(late).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    thaw();
    await tick(20);
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('13');
    await frozen.ws.fs.appendFile('/f', '5');
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('135');
    expect(await relay.ws.check()).toEqual([]);
    expect([frozen.engines.length, relay.engines.length]).toEqual([1, 1]);
    await relay.ws.close();
    expect(await frozen.ws.fs.readFile('/f', 'utf8')).toBe('135');
  });

  test('from the moment when another has taken over, the old one commits nothing, even before anybody else has', async () => {
    const frozen = await openTab();
    const relay = await openTab();
    const thaw = frozen.freeze();
    expect(await relay.ws.fs.readdir('/')).toEqual([]);
    await expect(frozen.ws.fs.writeFile('/late', '')).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    thaw();
    expect(await frozen.ws.fs.readdir('/')).toEqual([]);
  });

  test('the next in the queue is passed over when it is frozen itself', async () => {
    const [owner, frozen, third] = [await openTab(), await openTab(), await openTab()];
    await third.ws.fs.writeFile('/f', '1');
    const thaw = frozen.freeze();
    await owner.ws.close();
    await third.ws.fs.appendFile('/f', '2');
    expect(third.engines.length).toBe(1);
    thaw();
    expect(await frozen.ws.fs.readFile('/f', 'utf8')).toBe('12');
    expect(frozen.engines.length).toBe(0);
  });

  test('two relays that both lose patience end up with one owner', async () => {
    const [frozen, relay, third] = [await openTab(), await openTab(), await openTab()];
    const thaw = frozen.freeze();
    const writing = [relay, third].map(({ ws }, i) => ws.fs.writeFile(`/${i}`, '').catch(() => ws.fs.writeFile(`/${i}`, '')));
    await Promise.all(writing);
    thaw();
    for (const { ws } of [frozen, relay, third]) expect((await ws.fs.readdir('/')).sort()).toEqual(['0', '1']);
    expect(await third.ws.check()).toEqual([]);
  });

  test('an owner that was overtaken without a theft, as the store tells it, becomes a relay or mounts again', async () => {
    const owner = await openTab();
    const relay = await openTab();
    await owner.ws.fs.writeFile('/f', '1');
    // Somebody who asks for no lock.
    const stranger = await Overlay.mount({ upper: await openUpper(name) });
    await stranger.fs.promises.appendFile('/f', '2');
    await stranger.close();
    await expect(relay.ws.fs.appendFile('/f', '3')).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('12');
    await owner.ws.fs.appendFile('/f', '4');
    expect(await relay.ws.fs.readFile('/f', 'utf8')).toBe('124');
  });

  test('an owner that is only busy with one long call keeps the workspace', async () => {
    const owner = await openTab();
    const relay = await openTab();
    const held = hold(owner.engines[0]!, 'readFile');
    await relay.ws.fs.writeFile('/f', 'x');
    const reading = relay.ws.fs.readFile('/f', 'utf8');
    await tick(3 * PATIENCE);
    held.release();
    expect(await reading).toBe('x');
    expect(relay.engines.length).toBe(0);
  });

  test('one that mounts for long keeps the workspace', async () => {
    let proceed: () => void = () => undefined;
    const slow = browser.tab({ onMount: () => new Promise<void>((resolve) => (proceed = resolve)) });
    const opening = open({ lower: [], name, worker: slow.worker });
    await tick(20);
    const relay = openTab();
    await tick(3 * PATIENCE);
    proceed();
    await opening;
    expect((await relay).engines.length).toBe(0);
  });
});

test('a workspace that a tab with another version has open is ENOTSUP, and that tab is not robbed', async () => {
  const { tabs } = browser.tab();
  let wasRobbed = false;
  tabs.locks.request(`stratafs:${name}`, () => new Promise(() => undefined)).catch(() => (wasRobbed = true));
  const board = tabs.channel(`stratafs:${name}`, (message) => {
    if ((message as { is: string }).is === 'who')
      board.post({ is: 'owner', protocol: 99, owner: 'newer', term: Date.now(), mounted: true });
  });
  await expect(openTab()).rejects.toMatchObject({ code: 'ENOTSUP', message: expect.stringContaining('version') as string });
  await tick(2 * PATIENCE);
  expect(wasRobbed).toBe(false);
});

describe('locks that never answer', () => {
  const dead = { code: 'EIO', message: expect.stringContaining('locks') as string };

  test('from the start: opening a workspace is EIO, one without a name opens', async () => {
    browser.locksAnswer = false;
    await expect(openTab()).rejects.toMatchObject(dead);
    const ws = await open({ lower: [], worker: browser.tab().worker });
    await ws.fs.writeFile('/f', '');
    await ws.close();
  });

  test('later: opening and removing one are EIO, and go on when they answer again', async () => {
    const { worker } = browser.tab();
    await (await open({ lower: [], worker })).close();
    browser.locksAnswer = false;
    await expect(open({ lower: [], name, worker })).rejects.toMatchObject(dead);
    await expect(removeWorkspace(name, { worker })).rejects.toMatchObject({ code: 'EIO' });
    browser.locksAnswer = true;
    await (await open({ lower: [], name, worker })).close();
  });

  test('when an owner dies: calls that wait for another are EIO, and later ones find one', async () => {
    const owner = await openTab();
    const relay = await openTab();
    owner.freeze();
    browser.locksAnswer = false;
    await expect(relay.ws.fs.readdir('/')).rejects.toMatchObject(dead);
    browser.locksAnswer = true;
    await relay.ws.fs.writeFile('/f', '');
  });
});

test('a workspace that a program has for itself is EBUSY, until that program lets it go', async () => {
  const release = await claimAlone(name, 50, browser.tab().tabs);
  await expect(openTab()).rejects.toMatchObject({ code: 'EBUSY' });
  await expect(claimAlone(name, 50, browser.tab().tabs)).rejects.toMatchObject({ code: 'EBUSY' });
  release();
  const tab = await openTab();
  await expect(claimAlone(name, 50, browser.tab().tabs)).rejects.toMatchObject({ code: 'EBUSY' });
  await tab.ws.fs.writeFile('/f', 'x');
});
