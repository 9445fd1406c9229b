/* Archives of workspaces: what they show where they are mounted or unpacked, of which moment they are, and what is left of the work. */

import { execFileSync } from 'node:child_process';
import nodeFs from 'node:fs/promises';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import { FsError } from '../../src/base/errors.ts';
import { S_IFSOCK } from '../../src/base/mode.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { CaseMachine } from '../support/case-machine.ts';
import { bytesOf, expectExports, treeOf } from '../support/exported.ts';
import { ImageFolder, OCI, hexOf, named } from '../support/images.ts';
import { lower } from '../support/memory-layer.ts';
import { noise } from '../support/noise.ts';
import { applicableCases } from '../support/semantic-cases.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { hasTool } from '../support/tools.ts';
import { dir, file, hardLink, symlink } from '../support/tree.ts';

const isRoot = process.getuid?.() === 0;

const base = () =>
  lower(
    dir('etc', file('deleted', '1'), file('kept', '1', { mode: 0o640, uid: 1000, gid: 100 }), file('other', 'x')),
    dir('old', dir('deep', file('f', 'moved'), file('g', 'gone'))),
    dir('replaced', file('hidden', '1')),
    file('first', 'linked'),
    hardLink('second', 'first'),
    symlink('link', 'etc/kept'),
  );

/** A workspace with a change of every kind. */
async function changed(): Promise<{ overlay: Overlay; lowers: ReturnType<typeof base>[] }> {
  const lowers = [base()];
  const overlay = await Overlay.mount({ lower: lowers, upper: memoryUpper() });
  onTestFinished(() => overlay.close());
  const { promises: fs } = overlay.fs;
  await fs.unlink('/etc/deleted');
  await fs.chmod('/etc/kept', 0o600);
  await fs.rename('/old', '/new');
  await fs.unlink('/new/deep/g');
  await fs.rm('/replaced', { recursive: true });
  await fs.mkdir('/replaced');
  await fs.writeFile('/replaced/shown', '2');
  await fs.writeFile('/second', 'both names');
  await fs.mkdir('/a/b', { recursive: true });
  await fs.writeFile('/a/b/ünï', noise(3_000_000, 1));
  await fs.link('/a/b/ünï', '/a/linked');
  await fs.symlink('../etc', '/a/up');
  await fs.setxattr('/a/b', 'user.note', Buffer.from('kept'));
  return { overlay, lowers };
}

describe('what an export shows', () => {
  for (const semanticCase of applicableCases.filter(({ fs }) => fs !== 'noupper')) {
    test(`after the kernel case ${semanticCase.id}`, async () => {
      const machine = await CaseMachine.mount(semanticCase);
      onTestFinished(() => machine.overlay.close());
      for (const op of semanticCase.ops) await machine.run(op.slice(0, op.indexOf('=>')));
      if (machine.upper !== undefined) await expectExports(machine.overlay.overlay, machine.lower); // else remounted without one
    });
  }

  test('a change of every kind', async () => {
    const { overlay, lowers } = await changed();
    await expectExports(overlay, lowers);
  });

  test('nothing but what was changed is in a layer', async () => {
    const { overlay } = await changed();
    const alone = await treeOf(await bytesOf(overlay.export({ format: 'oci-layer' })));
    const names = alone.map((line) => line.split(' ')[0]);
    expect(names).toContain('/etc/.wh.deleted');
    expect(names).toContain('/.wh.old');
    expect(names).toContain('/replaced/.wh..wh..opq');
    expect(names).not.toContain('/etc/other');
    expect(names).not.toContain('/link');
  });

  test('extended attributes, and times to the second', async () => {
    const { overlay } = await changed();
    await overlay.fs.promises.utimes('/etc/kept', 5, 1234.75);
    const odd = ['user.a=b', 'user.b%3D', 'user.c%253D', 'user.new\nline'];
    for (const name of odd) await overlay.fs.promises.setxattr('/a', name, Buffer.from([0, 61, 10, 255]));
    await using archive = await Overlay.mount({ lower: [await openLayer(await bytesOf(overlay.export()))] });
    expect(Buffer.from(await archive.fs.promises.getxattr('/a/b', 'user.note')).toString()).toBe('kept');
    expect(await archive.fs.promises.listxattr('/a')).toEqual(odd);
    for (const name of odd) expect([...(await archive.fs.promises.getxattr('/a', name))]).toEqual([0, 61, 10, 255]);
    expect((await archive.fs.promises.stat('/etc/kept')).mtimeMs).toBe(1_234_000);
  });

  test('marks of another overlay are left out', async () => {
    const xattrs = new Map([
      ['trusted.overlay.opaque', 'y'],
      ['user.note', 'kept'],
    ]);
    await using overlay = await Overlay.mount({ lower: [lower(dir('d', { xattrs }))], upper: memoryUpper() });
    await overlay.fs.promises.chmod('/d', 0o700);
    for (const format of ['tar', 'oci-layer'] as const) {
      const { table } = await openLayer(await bytesOf(overlay.export({ format })));
      expect([...(table.xattrs(table.lookup(0, 'd'))?.keys() ?? [])]).toEqual(['user.note']);
    }
  });

  test('times that no archive can tell: the last and the first of four digits', async () => {
    const { overlay } = await changed();
    const { promises: fs } = overlay.fs;
    await fs.utimes('/etc/kept', 0, Infinity);
    await fs.utimes('/etc/other', 0, -1e25);
    await fs.utimes('/first', 0, -0.5);
    await using archive = await Overlay.mount({ lower: [await openLayer(await bytesOf(overlay.export()))] });
    const times = ['/etc/kept', '/etc/other', '/first'].map((path) => archive.fs.statSync(path).mtimeMs);
    expect(times).toEqual([Date.parse('9999-12-31T23:59:59Z'), Date.parse('0001-01-01T00:00:00Z'), -1000]);
  });

  test('a format that there is not: a TypeError, and no tar', async () => {
    const { overlay } = await changed();
    const format = 'tar.gz' as unknown as 'tar';
    await expect(bytesOf(overlay.export({ format }))).rejects.toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('a name that is a mark in a layer: EINVAL there, and a name elsewhere', async () => {
    const { overlay } = await changed();
    await overlay.fs.promises.writeFile('/a/.wh.mine', 'x');
    await expect(bytesOf(overlay.export({ format: 'oci-layer' }))).rejects.toMatchObject({ code: 'EINVAL', path: '/a/.wh.mine' });
    expect((await treeOf(await bytesOf(overlay.export()))).some((line) => line.startsWith('/a/.wh.mine file'))).toBe(true);
  });

  test('deleting a name that is a mark: EINVAL in a layer', async () => {
    for (const name of ['.wh.mine', '.wh..opq', '.wh..wh..opq']) {
      await using overlay = await Overlay.mount({ lower: [lower(dir('d', file(name, '1'), file('kept', '2')))], upper: memoryUpper() });
      await overlay.fs.promises.unlink(`/d/${name}`);
      await expect(bytesOf(overlay.export({ format: 'oci-layer' }))).rejects.toMatchObject({ code: 'EINVAL', path: `/d/${name}` });
    }
  });

  // With what each directory costs growing with the square of its depth this took 20 seconds.
  test('a layer of 1,300 directories in each other', { timeout: 10_000 }, async () => {
    await using overlay = await Overlay.mount({ upper: memoryUpper() });
    await overlay.fs.promises.mkdir('/d'.repeat(1300), { recursive: true });
    await using archive = await Overlay.mount({ lower: [await openLayer(await bytesOf(overlay.export({ format: 'oci-layer' })))] });
    expect(archive.fs.statSync('/d'.repeat(1300)).isDirectory()).toBe(true);
  });

  test('a socket, which no layer has, hides what the lowers have in its place', async () => {
    const lowers = [lower(dir('d', file('x', '1')), file('f', '1'))];
    await using overlay = await Overlay.mount({ lower: lowers, upper: memoryUpper() });
    const { promises: fs } = overlay.fs;
    await fs.unlink('/f');
    await fs.mknod('/f', S_IFSOCK | 0o600, 0);
    await fs.rm('/d', { recursive: true });
    await fs.link('/f', '/d');
    await expectExports(overlay, lowers);
  });

  test('a mount without an upper, and a view of a snapshot', async () => {
    const layer = base();
    await using bare = await Overlay.mount({ lower: [layer] });
    expect(await treeOf(await bytesOf(bare.export()))).toEqual(await snapshotTree(bare.fs.promises));
    const { overlay } = await changed();
    const { id } = await overlay.snapshot();
    const shown = await snapshotTree(overlay.fs.promises);
    await overlay.fs.promises.rm('/a', { recursive: true });
    await using view = await overlay.openSnapshot(id);
    expect(await treeOf(await bytesOf(view.export()))).toEqual(shown);
    expect(await treeOf(await bytesOf(overlay.export({ snapshot: id })))).toEqual(shown);
    for (const other of [bare, view]) await expect(bytesOf(other.export({ snapshot: id }))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(bytesOf(overlay.export({ snapshot: id + 1 }))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(bytesOf(overlay.export({ snapshot: null as unknown as number }))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(overlay.engine.tree.history.snapshots.list.map((snapshot) => snapshot.id)).toEqual([id]);
  });
});

describe('the work', () => {
  test('is of the moment in which it began, whatever is changed meanwhile', async () => {
    const { overlay } = await changed();
    const shown = await snapshotTree(overlay.fs.promises);
    const pieces = overlay.export();
    const first = await pieces.next();
    await overlay.fs.promises.rm('/a', { recursive: true });
    await overlay.fs.promises.writeFile('/etc/other', 'later');
    await overlay.fs.promises.rename('/new', '/newer');
    expect(overlay.snapshots()).toEqual([]);
    const rest = await bytesOf(pieces);
    expect(await treeOf(Buffer.concat([first.value!, rest]))).toEqual(shown);
    expect(await overlay.check()).toEqual([]);
  });

  test('leaves nothing where it is given up, fails, or its machine dies', async () => {
    const upper = memoryUpper();
    const overlay = await Overlay.mount({ lower: [base()], upper });
    const { fs, engine } = overlay;
    await fs.promises.writeFile('/f', noise(3_000_000, 2));
    const left = () => engine.tree.history.snapshots.list;
    for await (const piece of overlay.export()) {
      expect(left()).toHaveLength(1);
      if (piece.length > 0) break;
    }
    expect(left()).toEqual([]);
    const controller = new AbortController();
    const aborted = bytesOf(overlay.export({ signal: controller.signal, onProgress: () => controller.abort() }));
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(left()).toEqual([]);
    const pieces = overlay.export();
    await pieces.next();
    await fs.promises.writeFile('/f', 'later');
    expect(left()).toHaveLength(1);
    await overlay.close();
    await using again = await Overlay.mount({ lower: [base()], upper });
    expect(again.engine.tree.history.snapshots.list).toEqual([]);
    expect([...again.engine.tree.history.records]).toEqual([]);
    expect(await again.check()).toEqual([]);
    expect(await again.fs.promises.readFile('/f', 'utf8')).toBe('later');
  });

  test('opens on a disk that is full after a crash, and is cleared up at the next mount', async () => {
    const upper = memoryUpper();
    const overlay = await Overlay.mount({ lower: [base()], upper });
    await overlay.fs.promises.writeFile('/f', 'x');
    await overlay.export().next();
    await overlay.close();
    const commit = upper.commit.bind(upper);
    upper.commit = () => Promise.reject(new FsError('ENOSPC'));
    const full = await Overlay.mount({ lower: [base()], upper });
    expect(await full.fs.promises.readFile('/f', 'utf8')).toBe('x');
    expect(full.snapshots()).toEqual([]);
    expect(await full.check()).toEqual([]);
    upper.commit = commit;
    await full.fs.promises.unlink('/f');
    await full.close();
    await using again = await Overlay.mount({ lower: [base()], upper });
    expect(again.engine.tree.history.snapshots.list).toEqual([]);
    expect([...again.engine.tree.history.records]).toEqual([]);
  });

  test('no branch can be made of its snapshot: the next mount could not remove that', async () => {
    const upper = memoryUpper();
    const overlay = await Overlay.mount({ lower: [base()], upper });
    const pieces = overlay.export();
    await pieces.next();
    const { id } = overlay.engine.tree.history.snapshots.list[0]!;
    await expect(overlay.rememberBranch('b', id)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(overlay.rollback(id)).rejects.toMatchObject({ code: 'ENOENT' });
    await overlay.close();
    await using again = await Overlay.mount({ lower: [base()], upper });
    expect(again.engine.tree.history.snapshots.list).toEqual([]);
  });

  for (const format of ['tar', 'oci-layer', 'zip'] as const) {
    test(`tells how far it has come, in bytes of content: ${format}`, async () => {
      const { overlay } = await changed();
      const told: { loaded: number; total: number }[] = [];
      await bytesOf(overlay.export({ format, onProgress: (progress) => told.push(progress) }));
      expect(told.at(-1)?.loaded).toBe(told.at(-1)?.total);
      expect(told.at(-1)?.total).toBeGreaterThan(3_000_000);
      expect(told.every(({ loaded }, i) => loaded > (told[i - 1]?.loaded ?? 0))).toBe(true);
    });
  }

  test('needs memory for pieces, not for files', async () => {
    const { overlay } = await changed();
    let largest = 0;
    for (const format of ['tar', 'oci-layer', 'zip'] as const)
      for await (const piece of overlay.export({ format })) largest = Math.max(largest, piece.length);
    expect(largest).toBeLessThanOrEqual((1 << 20) + (256 << 10));
  });
});

describe('what other tools make of it', () => {
  test('zip: shows what the workspace shows, with a file for each hard link', async () => {
    const { overlay } = await changed();
    const unlinked = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ nlink=\d+/, ''));
    const archive = await bytesOf(overlay.export({ format: 'zip' }));
    expect(unlinked(await treeOf(archive))).toEqual(unlinked(await snapshotTree(overlay.fs.promises)));
  });

  test.skipIf(!hasTool('tar'))('tar: unpacks what the workspace shows', async () => {
    const { overlay } = await changed();
    const folder = temporary();
    writeFileSync(join(folder, 'all.tar'), await bytesOf(overlay.export()));
    mkdirSync(join(folder, 'out'));
    execFileSync('tar', ['-xpf', join(folder, 'all.tar'), '-C', join(folder, 'out')]);
    expect(owned(await snapshotTree(nodeFs as unknown as FsPromises, join(folder, 'out')))).toEqual(
      owned(await snapshotTree(overlay.fs.promises)),
    );
  });

  test.skipIf(!hasTool('umoci'))('umoci: an image of base and layer unpacks to what the workspace shows', async () => {
    const { overlay, lowers } = await changed();
    await using below = await Overlay.mount({ lower: lowers });
    const images = new ImageFolder();
    const tars = [await bytesOf(below.export()), await bytesOf(overlay.export({ format: 'oci-layer' }))];
    const config = {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${hexOf(tar)}`) },
    };
    const image = images.image({ layers: tars.map((tar) => images.blob(tar, OCI.tar)), config });
    const folder = temporary();
    for (const [path, bytes] of images.layout([named(image, 'latest')]).files) {
      mkdirSync(dirname(join(folder, 'image', path)), { recursive: true });
      writeFileSync(join(folder, 'image', path), bytes);
    }
    execFileSync('umoci', ['unpack', ...(isRoot ? [] : ['--rootless']), '--image', `${join(folder, 'image')}:latest`, join(folder, 'b')]);
    expect(owned(await snapshotTree(nodeFs as unknown as FsPromises, join(folder, 'b/rootfs')))).toEqual(
      owned(await snapshotTree(overlay.fs.promises)),
    );
  });
});

/** Whoever is not root cannot give files away. */
const owned = (lines: readonly string[]): string[] => lines.map((line) => (isRoot ? line : line.replace(/ \d+:\d+/, '')));

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'export-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
