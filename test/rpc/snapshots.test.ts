/* Snapshots and branches as the page has them: one worker, and several tabs. */

import 'fake-indexeddb/auto';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { open, removeWorkspace, type OpenOptions, type Snapshot, type Workspace } from '../../src/index.ts';
import { LocalBrowser, type LocalTab } from './local-tabs.ts';
import { localWorker } from './local-worker.ts';

let browser: LocalBrowser;
let serial = 0;
let name = '';

beforeEach(() => {
  browser = new LocalBrowser(200);
  opened = [];
  name = `snapshots-${++serial}`;
});

afterEach(() => {
  vi.restoreAllMocks();
});

const archive = zipSync({ 'a.txt': new TextEncoder().encode('below') }, { mtime: '2026-01-01' });
const lower = [{ url: `data:application/zip;base64,${Buffer.from(archive).toString('base64')}` }];

interface OpenTab extends LocalTab {
  readonly ws: Workspace;
}

/** Everything that the tabs of a test have opened. */
let opened: Workspace[] = [];

async function openTab(options: Partial<OpenOptions> = {}): Promise<OpenTab> {
  const tab = browser.tab();
  const ws = await open({ lower, name, ...options, worker: tab.worker });
  opened.push(ws);
  return { ...tab, ws };
}

/** Closes a workspace in all tabs. */
const closeAll = (workspace: string): Promise<unknown> =>
  Promise.all(opened.filter((each) => each.name === workspace).map((each) => each.close()));

/** Removes a workspace as a tab of its own would. */
const remove = (workspace: string): Promise<void> => removeWorkspace(workspace, { worker: browser.tab().worker });

/** The files at the root with their content. */
async function filesOf({ fs }: Pick<Workspace, 'fs'> | { fs: ReturnType<Workspace['openSnapshot']> }): Promise<Record<string, string>> {
  const names = await fs.readdir('/');
  return Object.fromEntries(await Promise.all(names.map(async (each) => [each, await fs.readFile(`/${each}`, 'utf8')] as const)));
}

const write = (ws: Workspace, files: Record<string, string>): Promise<unknown> =>
  Promise.all(Object.entries(files).map(([path, content]) => ws.fs.writeFile(`/${path}`, content)));

/** Lets a transaction be complete and say that it was aborted. */
function tellFailure(transaction: IDBTransaction): void {
  transaction.oncomplete = () => {
    Object.defineProperty(transaction, 'error', { value: new DOMException('planted', 'DataError') });
    transaction.onabort?.(new Event('abort'));
  };
}

describe.each(['owner', 'relay'])('in the tab of the %s', (place) => {
  async function openHere(): Promise<Workspace> {
    const owner = await openTab();
    return place === 'owner' ? owner.ws : (await openTab()).ws;
  }

  test('a snapshot is taken, listed, looked at, come back to and removed', async () => {
    const ws = await openHere();
    await write(ws, { x: '1', y: '1' });
    const first = await ws.snapshot('first');
    await write(ws, { x: '2' });
    await ws.fs.rm('/y');
    await ws.fs.rm('/a.txt');
    const second = await ws.snapshot();
    expect((await ws.diff({ since: first.id })).map(({ path, change }) => `${change} ${path}`)).toEqual([
      'deleted /a.txt',
      'modified /x',
      'deleted /y',
    ]);
    expect(await ws.snapshots()).toEqual([first, second]);
    expect([first.label, second.label, second.id > first.id]).toEqual(['first', undefined, true]);
    const before = { 'a.txt': 'below', x: '1', y: '1' };
    expect(await filesOf({ fs: ws.openSnapshot(first.id) })).toEqual(before);
    expect(await filesOf({ fs: ws.openSnapshot(second.id) })).toEqual({ x: '2' });
    await ws.rollback(first.id);
    expect(await filesOf(ws)).toEqual(before);
    await ws.removeSnapshot(first.id);
    await ws.removeSnapshot(second.id);
    expect(await ws.snapshots()).toEqual([]);
    await expect(ws.openSnapshot(first.id).readFile('/x')).rejects.toMatchObject({ code: 'ENOENT' });
    for (const call of [ws.rollback(7), ws.removeSnapshot(7), ws.branch(`${name}-b`, { snapshot: 7 })])
      await expect(call).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await ws.check()).toEqual([]);
  });

  test('a branch begins as the workspace is, and neither sees the other’s changes', async () => {
    const ws = await openHere();
    await write(ws, { x: 'before', y: 'before' });
    const snapshot = await ws.branch(`${name}-b`);
    expect(snapshot.branches).toEqual([`${name}-b`]);
    const { ws: branch } = await openTab({ name: `${name}-b` });
    expect(await branch.snapshots()).toEqual([]);
    await write(ws, { x: 'parent' });
    await write(branch, { x: 'branch', z: 'branch' });
    await branch.fs.rm('/y');
    expect(await filesOf(ws)).toEqual({ 'a.txt': 'below', x: 'parent', y: 'before' });
    expect(await filesOf(branch)).toEqual({ 'a.txt': 'below', x: 'branch', z: 'branch' });
    expect([...(await ws.check()), ...(await branch.check()), ...(await branch.verify())]).toEqual([]);
  });

  test('a branch is detached, and then its snapshot and its parent can be removed while it is open', async () => {
    const ws = await openHere();
    await write(ws, { x: 'before', y: 'before' });
    const { id } = await ws.branch(`${name}-b`);
    await (await openTab({ name: `${name}-b` })).ws.fs.writeFile('/x', 'branch');
    const { ws: branch } = await openTab({ name: `${name}-b` });
    const progress: number[] = [];
    await branch.detach({ onProgress: ({ loaded }) => progress.push(loaded) });
    expect(progress[0]).toBe(0);
    await ws.removeSnapshot(id);
    await ws.branch(`${name}-c`);
    await openTab({ name: `${name}-c` }).then(({ ws: other }) => other.detach());
    await closeAll(name);
    await remove(name);
    expect(await filesOf(branch)).toEqual({ 'a.txt': 'below', x: 'branch', y: 'before' });
    expect([...(await branch.check()), ...(await branch.verify())]).toEqual([]);
  });
});

test('a snapshot is for looking only', async () => {
  const { ws } = await openTab();
  await write(ws, { x: '1' });
  const { id } = await ws.snapshot();
  const fs = ws.openSnapshot(id) as Workspace['fs'];
  await expect(fs.writeFile('/x', '2')).rejects.toMatchObject({ code: 'EROFS' });
  await expect(fs.open('/x')).rejects.toMatchObject({ code: 'EROFS' });
  await expect(fs.readFile('/no')).rejects.toMatchObject({ code: 'ENOENT', path: '/no' });
  expect((await fs.stat('/x')).size).toBe(1);
  expect(await fs.exists('/a.txt')).toBe(true);
});

test('a snapshot that was not there when somebody looked for it can be looked at once it is taken', async () => {
  const { ws } = await openTab();
  await write(ws, { x: '1' });
  const { id } = await ws.snapshot();
  const next = ws.openSnapshot(id + 1);
  await expect(next.readFile('/x')).rejects.toMatchObject({ code: 'ENOENT' });
  await ws.snapshot();
  expect(await next.readFile('/x', 'utf8')).toBe('1');
});

test('snapshots that many look at can be removed, and looking goes on with the others', async () => {
  const { ws } = await openTab();
  const ids: number[] = [];
  for (const content of ['1', '2', '3', '4']) {
    await write(ws, { x: content });
    ids.push((await ws.snapshot()).id);
  }
  const look = (): Promise<string[]> => Promise.all(ids.map((id) => ws.openSnapshot(id).readFile('/x', 'utf8')));
  expect([await look(), await look()]).toEqual([
    ['1', '2', '3', '4'],
    ['1', '2', '3', '4'],
  ]);
  for (const id of ids.splice(1, 2)) await ws.removeSnapshot(id);
  expect(await look()).toEqual(['1', '4']);
});

test('looking at a snapshot goes on when the owner goes', async () => {
  const owner = await openTab();
  const { ws } = await openTab();
  await write(ws, { x: '1' });
  const { id } = await ws.snapshot();
  await write(ws, { x: '2' });
  const old = ws.openSnapshot(id);
  expect(await old.readFile('/x', 'utf8')).toBe('1');
  await owner.ws.close();
  expect(await old.readFile('/x', 'utf8')).toBe('1');
  expect(await ws.snapshots()).toHaveLength(1);
});

test('others than root do not roll back or remove snapshots', async () => {
  const { ws } = await openTab({ user: { uid: 1000, gid: 1000 } });
  const { ws: ofRoot } = await openTab();
  const { id } = await ofRoot.snapshot();
  await expect(ws.rollback(id)).rejects.toMatchObject({ code: 'EPERM' });
  await expect(ws.removeSnapshot(id)).rejects.toMatchObject({ code: 'EPERM' });
  await ofRoot.removeSnapshot(id);
});

describe('a branch', () => {
  const branchName = (): string => `${name}-b`;

  async function family(): Promise<{ ws: Workspace; snapshot: Snapshot }> {
    const { ws } = await openTab();
    await write(ws, { x: 'before' });
    return { ws, snapshot: await ws.branch(branchName()) };
  }

  test('is opened over the same lowers only', async () => {
    await family();
    await expect(openTab({ name: branchName(), lower: [] })).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('can be made of an earlier snapshot, and of a branch', async () => {
    const { ws } = await openTab();
    await write(ws, { x: '1' });
    const { id } = await ws.snapshot();
    await write(ws, { x: '2' });
    await ws.branch(branchName(), { snapshot: id });
    const { ws: branch } = await openTab({ name: branchName() });
    expect((await filesOf(branch)).x).toBe('1');
    await write(branch, { x: '3', y: '3' });
    await branch.branch(`${name}-c`);
    await write(branch, { y: '4' });
    const { ws: second } = await openTab({ name: `${name}-c` });
    await second.fs.appendFile('/y', '+');
    expect(await filesOf(second)).toEqual({ 'a.txt': 'below', x: '3', y: '3+' });
    expect(await second.check()).toEqual([]);
  });

  test('has snapshots of its own, and rolls back', async () => {
    await family();
    const { ws: branch } = await openTab({ name: branchName() });
    const { id } = await branch.snapshot();
    await write(branch, { x: 'branch' });
    await branch.fs.rm('/a.txt');
    expect(await filesOf({ fs: branch.openSnapshot(id) })).toEqual({ 'a.txt': 'below', x: 'before' });
    await branch.rollback(id);
    expect(await filesOf(branch)).toEqual({ 'a.txt': 'below', x: 'before' });
    expect(await branch.check()).toEqual([]);
    await branch.close();
    const { ws: again } = await openTab({ name: branchName() });
    expect(await filesOf(again)).toEqual({ 'a.txt': 'below', x: 'before' });
  });

  test('that removed everything does not give the parent’s chunks anew', async () => {
    await family();
    const first = await openTab({ name: branchName() });
    await first.ws.fs.rm('/x');
    await first.ws.close();
    const { ws: branch } = await openTab({ name: branchName() });
    await write(branch, { z: 'own' });
    await branch.close();
    const { ws: again } = await openTab({ name: branchName() });
    expect(await filesOf(again)).toEqual({ 'a.txt': 'below', z: 'own' });
  });

  test('keeps its snapshot and its parent from being removed, and gives them free when it is removed', async () => {
    const { ws, snapshot } = await family();
    const busy = { code: 'EBUSY', message: expect.stringContaining(`'${branchName()}'`) as string };
    await expect(ws.removeSnapshot(snapshot.id)).rejects.toMatchObject(busy);
    const opened = await openTab({ name: branchName() });
    await expect(ws.removeSnapshot(snapshot.id)).rejects.toMatchObject(busy);
    await ws.close();
    await expect(remove(name)).rejects.toMatchObject(busy);
    await opened.ws.close();
    await expect(remove(name)).rejects.toMatchObject(busy);
    await remove(branchName());
    const again = await openTab();
    expect(await filesOf(again.ws)).toMatchObject({ x: 'before' });
    await again.ws.removeSnapshot(snapshot.id);
    expect(await again.ws.snapshots()).toEqual([]);
    await again.ws.close();
    await remove(name);
  });

  test('goes before its parent can be removed, and then the parent can be', async () => {
    const { ws } = await family();
    await ws.close();
    await remove(branchName());
    await remove(name);
  });

  test('is not made over a workspace that is there or open, nor of itself, and leaves nothing behind', async () => {
    const { ws } = await openTab();
    const other = await openTab({ name: branchName() });
    await expect(ws.branch(branchName())).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(ws.branch(name)).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(ws.branch('')).rejects.toMatchObject({ code: 'EINVAL' });
    await write(other.ws, { x: 'other' });
    await other.ws.close();
    await expect(ws.branch(branchName())).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await ws.snapshots()).toEqual([]);
    expect((await filesOf((await openTab({ name: branchName() })).ws)).x).toBe('other');
  });

  test('and the removal of its snapshot at the same time: one of them is refused', async () => {
    const { ws } = await openTab();
    const { ws: other } = await openTab();
    for (let i = 0; i < 6; i++) {
      const { id } = await ws.snapshot();
      const which = `${branchName()}${i}`;
      const making = (): Promise<unknown> => ws.branch(which, { snapshot: id });
      const removing = (): Promise<unknown> => other.removeSnapshot(id);
      const order = i % 2 === 0 ? [making(), removing()] : [removing(), making()];
      const [first, second] = (await Promise.allSettled(order)).map(({ status }) => status === 'fulfilled');
      expect(first).not.toBe(second);
      const isMade = i % 2 === 0 ? first : second;
      expect((await ws.snapshots()).some((each) => each.id === id)).toBe(isMade);
      if (isMade === true) await (await openTab({ name: which })).ws.close();
    }
  });

  test('that cannot be made leaves nothing behind, and can be made when there is room', async () => {
    const { ws } = await openTab();
    const { id } = await ws.snapshot();
    const put = Reflect.get(IDBObjectStore.prototype, 'put');
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value: object, key) {
      if ('parent' in value) throw new DOMException('planted', 'QuotaExceededError');
      return put.call(this, value, key);
    });
    await expect(ws.branch(branchName())).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(ws.branch(branchName(), { snapshot: id })).rejects.toMatchObject({ code: 'ENOSPC' });
    expect((await ws.snapshots()).map(({ id: each, branches }) => [each, branches])).toEqual([[id, undefined]]);
    vi.restoreAllMocks();
    await ws.branch(branchName(), { snapshot: id });
    await openTab({ name: branchName() });
  });

  test('whose making was told to have failed, and was made after all, keeps what it stands on', async () => {
    const { ws } = await openTab();
    await write(ws, { x: 'before' });
    const put = Reflect.get(IDBObjectStore.prototype, 'put');
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value: object, key) {
      if ('parent' in value) tellFailure(this.transaction);
      return put.call(this, value, key);
    });
    await expect(ws.branch(branchName())).rejects.toMatchObject({ code: 'EIO' });
    vi.restoreAllMocks();
    await write(ws, { x: 'after' });
    const [snapshot] = await ws.snapshots();
    await expect(ws.removeSnapshot(snapshot!.id)).rejects.toMatchObject({ code: 'EBUSY' });
    expect((await filesOf((await openTab({ name: branchName() })).ws)).x).toBe('before');
  });

  test('of a workspace in memory there is none', async () => {
    const { worker } = localWorker();
    const ws = await open({ lower: [], worker });
    await expect(ws.branch('x')).rejects.toMatchObject({ code: 'ENOTSUP' });
    await ws.close();
  });

  test('is made in one worker without locks too, where it is not open', async () => {
    const { worker } = localWorker();
    const ws = await open({ name, lower, worker });
    await write(ws, { x: '1' });
    await ws.branch(branchName());
    const other = localWorker();
    const branch = await open({ name: branchName(), lower, worker: other.worker });
    expect((await filesOf(branch)).x).toBe('1');
    await Promise.all([branch.close(), ws.close()]);
  });
});
