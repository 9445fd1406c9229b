/* A branch that is detached shows what it showed, needs its parent no more, and is a branch still as long as it is not done. */

import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, FsError } from '../../src/base/errors.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { idbUpper } from '../../src/upper/idb-store.ts';
import { makeBranch, revive, standsElsewhere, standsOn } from '../../src/upper/lineage.ts';
import { type OpenUpperOptions, openUpper, removeWorkspace } from '../../src/upper/open-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { dir, file } from '../support/tree.ts';
import { World } from '../unit/upper/guard-world.ts';
import { uniqueName } from '../unit/upper/idb-cases.ts';

const layer = lower(file('a', 'from lower'), file('b', 'b'), dir('d', file('x', 'x')));
/** More than one commit copies. */
const LARGE = 5 << 20;

const treeOf = (overlay: Overlay): Promise<string[]> => snapshotTree(overlay.fs.promises, '/', { with: ['ino', 'mtime'] });

/** A store whose commit of a number, counted from 0 and from the mount on, fails. */
function failingAt(store: UpperStore, at: number, code: ErrorCode): UpperStore {
  let commits = 0;
  return {
    name: store.name,
    load: () => store.load(),
    commit: (commit) => (commits++ === at ? Promise.reject(new FsError(code, { detail: 'planted' })) : store.commit(commit)),
    readChunks: (ids) => store.readChunks(ids),
    close: () => store.close(),
  };
}

async function family(options: OpenUpperOptions = { folder: null }) {
  const name = uniqueName();
  const upper = await openUpper(name, { folder: null });
  const parent = await Overlay.mount({ lower: [layer], upper });
  const sync = parent.fs;
  sync.writeFileSync('/large', new Uint8Array(LARGE).fill(1));
  sync.writeFileSync('/other', new Uint8Array(LARGE).fill(2));
  sync.copyFileSync('/large', '/twin');
  sync.appendFileSync('/a', ' and upper');
  sync.renameSync('/d', '/e');
  sync.unlinkSync('/b');
  sync.writeFileSync('/gone', 'gone');
  const branch = uniqueName();
  const { snapshot, firstChunk, superblock } = await parent.rememberBranch(branch);
  const origin = { name, generation: upper.version!.generation, snapshot: snapshot.id };
  await makeBranch(branch, { ...superblock, parent: { ...origin, firstChunk } }, options);
  await parent.close();
  const mount = async (around = (store: UpperStore): UpperStore => store): Promise<Overlay> =>
    Overlay.mount({ lower: [layer], upper: around(await openUpper(branch, options)) });
  const change = async (overlay: Overlay): Promise<string[]> => {
    const { fs } = overlay;
    fs.writeFileSync('/own', 'own');
    fs.rmSync('/gone');
    await overlay.flush();
    return treeOf(overlay);
  };
  return { origin, branch, mount, change };
}

test('a detached branch shows what it showed, without its parent, and has no mark of it', async () => {
  const { origin, branch, mount, change } = await family();
  const overlay = await mount();
  const before = await change(overlay);
  const { used } = overlay.usage();
  const progress: { readonly loaded: number; readonly total: number }[] = [];
  await overlay.detach({ onProgress: (each) => progress.push(each) });
  expect(progress.map(({ loaded }) => loaded)).toEqual(progress.map(({ loaded }) => loaded).sort((x, y) => x - y));
  expect(progress.length).toBeGreaterThan(2);
  expect(progress.at(-1)).toEqual({ loaded: progress[0]!.total, total: progress[0]!.total });
  expect([await standsOn(branch, origin), await standsElsewhere(branch, origin)]).toEqual([false, true]);
  await removeWorkspace(origin.name);
  expect(await treeOf(overlay)).toEqual(before);
  expect([await overlay.check(), await overlay.verify(), overlay.usage().used]).toEqual([[], [], used]);
  await overlay.fs.promises.appendFile('/large', 'more');
  await overlay.close();
  const own = await idbUpper(branch);
  const { records, superblock, firstChunk } = await own.load();
  expect([superblock?.parent, superblock?.format, firstChunk]).toEqual([undefined, 2, undefined]);
  expect([...records.values()].filter((record) => 'whiteout' in record && record.whiteout === 'inherited')).toEqual([]);
  await own.close();
  const again = await mount();
  expect([await again.check(), await again.verify()]).toEqual([[], []]);
  expect((await again.fs.promises.readFile('/large')).length).toBe(LARGE + 4);
  expect((await again.fs.promises.readFile('/twin')).every((byte) => byte === 1)).toBe(true);
  await again.close();
});

describe('detaching that is cut short', () => {
  test.each([
    ['first', 0, 'ENOSPC'],
    ['second', 1, 'EIO'],
    ['last', 2, 'ENOSPC'],
  ] as const)('by a failure of its %s commit leaves a branch, and goes on when it is asked again', async (_, at, code) => {
    const { origin, branch, mount } = await family();
    const overlay = await mount((store) => failingAt(store, at, code));
    const before = await treeOf(overlay);
    await expect(overlay.detach()).rejects.toMatchObject({ code, syscall: 'detach' });
    expect(await standsOn(branch, origin)).toBe(true);
    expect([await treeOf(overlay), await overlay.check(), await overlay.verify()]).toEqual([before, [], []]);
    await overlay.close();
    const again = await mount();
    expect(await treeOf(again)).toEqual(before);
    await again.detach();
    await removeWorkspace(origin.name);
    expect([await treeOf(again), await again.check(), await again.verify()]).toEqual([before, [], []]);
    await again.close();
  });

  test('by its signal leaves a branch', async () => {
    const { origin, branch, mount, change } = await family();
    const overlay = await mount();
    const before = await change(overlay);
    const stop = new AbortController();
    const detaching = overlay.detach({ signal: stop.signal, onProgress: ({ loaded }) => loaded > 0 && stop.abort() });
    await expect(detaching).rejects.toMatchObject({ name: 'AbortError' });
    expect(await standsOn(branch, origin)).toBe(true);
    expect([await treeOf(overlay), await overlay.check(), await overlay.verify()]).toEqual([before, [], []]);
    await overlay.close();
  });
});

test('what is done meanwhile is kept, and open files go on', async () => {
  const { origin, mount } = await family();
  const overlay = await mount();
  const fs = overlay.fs.promises;
  const handle = await fs.open('/other', 'r+');
  const unlinked = await fs.open('/twin', 'r+');
  let steps = 0;
  const work: Promise<unknown>[] = [];
  const onProgress = (): void => {
    work.push(
      fs.writeFile(`/new-${++steps}`, `${steps}`),
      fs.unlink('/twin').catch(() => undefined),
    );
    work.push(
      handle.write(`${steps}`, 0),
      fs.rename('/e', `/e-${steps}`).catch(() => undefined),
      fs.readFile('/large'),
    );
  };
  await overlay.detach({ onProgress });
  await Promise.all(work);
  await removeWorkspace(origin.name);
  expect((await fs.readFile('/other', 'latin1')).slice(0, 2)).toBe(`${steps}\u0002`);
  expect((await unlinked.readFile()).length).toBe(LARGE);
  expect((await fs.readdir('/')).filter((name) => name.startsWith('new-')).length).toBe(steps);
  await Promise.all([handle.close(), unlinked.close()]);
  const before = await treeOf(overlay);
  expect([await overlay.check(), await overlay.verify()]).toEqual([[], []]);
  await overlay.close();
  const again = await mount();
  expect(await treeOf(again)).toEqual(before);
  await again.close();
});

test('a branch with snapshots is not detached: they need its parent', async () => {
  const { origin, branch, mount } = await family();
  const overlay = await mount();
  const { id } = await overlay.snapshot();
  await expect(overlay.detach()).rejects.toMatchObject({ code: 'EBUSY' });
  await overlay.removeSnapshot(id);
  let isTaken = false;
  const onProgress = ({ loaded }: { readonly loaded: number }): void => {
    if (loaded > 0 && !isTaken) void overlay.snapshot();
    isTaken ||= loaded > 0;
  };
  await expect(overlay.detach({ onProgress })).rejects.toMatchObject({ code: 'EBUSY' });
  expect(await standsOn(branch, origin)).toBe(true);
  expect([await overlay.check(), await overlay.verify()]).toEqual([[], []]);
  await overlay.close();
});

test('a branch that is being exported is not detached before that is over, and says so: no snapshot is to be seen', async () => {
  const { branch, origin, mount } = await family();
  const overlay = await mount();
  const pieces = overlay.export();
  await pieces.next();
  await expect(overlay.detach()).rejects.toMatchObject({ code: 'EBUSY', message: expect.stringContaining('exported') as string });
  await pieces.return();
  await overlay.detach();
  expect(await standsOn(branch, origin)).toBe(false);
  await overlay.close();
});

test('detaching a branch that has nothing any more, and what is no branch', async () => {
  const { origin, branch, mount } = await family();
  const overlay = await mount();
  for (const name of await overlay.fs.promises.readdir('/')) await overlay.fs.promises.rm(`/${name}`, { recursive: true });
  const before = await treeOf(overlay);
  await overlay.detach();
  const { commits } = overlay.engine.commits;
  await overlay.detach();
  expect(overlay.engine.commits.commits).toBe(commits);
  expect(await standsElsewhere(branch, origin)).toBe(true);
  await removeWorkspace(origin.name);
  await overlay.close();
  const again = await mount();
  expect([await treeOf(again), await again.check()]).toEqual([before, []]);
  await again.close();
});

test('a detached branch that the browser has lost comes back from its guard, whole', async () => {
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 26, frames: 1000 };
  const options = (): OpenUpperOptions => ({ folder: world.folder(), settings, patience: 0 });
  const { origin, branch, mount, change } = await family(options());
  const overlay = await mount();
  const before = await change(overlay);
  await expect.poll(() => world.files.size).toBe(2);
  await overlay.detach();
  await overlay.close();
  await removeWorkspace(origin.name);
  await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${branch}`).onsuccess = resolve));
  expect(await revive(branch, options())).toBe(true);
  const again = await mount();
  expect([await treeOf(again), await again.check(), await again.verify()]).toEqual([before, [], []]);
  await again.close();
});
