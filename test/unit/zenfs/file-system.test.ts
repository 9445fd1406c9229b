/* The backend's own answers: links, attributes, errors, large files. */

import { ErrnoError, fs as zenfs, vfs } from '@zenfs/core';
import { expect, test } from 'vitest';

import { Overlay } from '../../../src/fs/overlay.ts';
import { OverlayFS } from '../../../src/zenfs/overlay-fs.ts';
import { missingHooks } from '../../../src/zenfs/hooks.ts';
import { lower } from '../../support/memory-layer.ts';
import { dir, fifo, file, hardLink, symlink } from '../../support/tree.ts';
import { pattern } from '../../conformance/scene.ts';
import { mountUnion, thrownBy } from './mounted.ts';

const base = () =>
  lower(
    dir('d', file('a', 'A'), hardLink('b', 'd/a'), fifo('pipe')),
    symlink('round', 'about'),
    symlink('about', '/round'),
    symlink('self', 'self/x'),
    symlink('good', 'd/a'),
    dir('__proto__', file('constructor', 'C')),
  );

test('links that lead in circles are ELOOP, in both forms, and can be looked at and removed', async () => {
  const { zen } = await mountUnion(base());
  for (const path of ['/round', '/about', '/self', '/round/deeper']) {
    expect(thrownBy(() => zen.statSync(path)).code, path).toBe('ELOOP');
    await expect(zen.promises.stat(path), path).rejects.toMatchObject({ code: 'ELOOP', errno: 40 });
    await expect(zen.promises.readFile(path), path).rejects.toMatchObject({ code: 'ELOOP' });
  }
  expect(zen.lstatSync('/round').isSymbolicLink()).toBe(true);
  zen.unlinkSync('/round');
  expect(thrownBy(() => zen.statSync('/about')).code).toBe('ENOENT');
  expect(zen.readFileSync('/good', 'utf8')).toBe('A');
});

test('below a mount point absolute links are ZenFS paths, and circles are found there too', async () => {
  const overlay = await Overlay.mount({
    lower: [lower(symlink('x', '/mnt/y'), symlink('y', '/mnt/x'), symlink('out', '/tmp/z'), symlink('up', '../elsewhere'))],
  });
  vfs.mount('/mnt', new OverlayFS(overlay));
  expect(thrownBy(() => zenfs.statSync('/mnt/x')).code).toBe('ELOOP');
  expect(zenfs.readlinkSync('/mnt/out')).toBe('/tmp/z');
  expect(zenfs.readlinkSync('/mnt/up')).toBe('../elsewhere');
  vfs.umount('/mnt');
  await overlay.close();
});

test('an absolute link does not lead out of a context with a root of its own', async () => {
  const { bindContext } = await import('@zenfs/core');
  const overlay = await Overlay.mount({
    lower: [lower(dir('jail', symlink('l', '/'), dir('in', file('f', 'inside'))), dir('in', file('f', 'outside')))],
  });
  vfs.umount('/');
  vfs.mount('/', new OverlayFS(overlay));
  const { fs } = bindContext({ root: '/jail', pwd: '/' });
  expect(fs.readFileSync('/l/in/f', 'utf8')).toBe('inside');
  await overlay.close();
});

test('names of objects are names of files', async () => {
  const { zen } = await mountUnion(base());
  expect(zen.readFileSync('/__proto__/constructor', 'utf8')).toBe('C');
  zen.writeFileSync('/__proto__/toString', 'T');
  expect(zen.readdirSync('/__proto__')).toEqual(['constructor', 'toString']);
});

test('readdir, stat and readdir with types agree; directories have a size', async () => {
  const { zen } = await mountUnion(base());
  for (const entry of zen.readdirSync('/d', { withFileTypes: true })) {
    const stats = zen.lstatSync(`/d/${entry.name}`);
    expect([entry.isFile(), entry.isFIFO()]).toEqual([stats.isFile(), stats.isFIFO()]);
  }
  expect(zen.statSync('/d').size).toBe(4096);
  const { ino, nlink } = zen.statSync('/d/a');
  expect([zen.statSync('/d/b').ino, zen.statSync('/d/b').nlink]).toEqual([ino, nlink]);
  expect(ino).toBeLessThan(2 ** 32);
});

test('directories, pipes and read-only unions are not written to', async () => {
  const { zen } = await mountUnion(base());
  await expect(zen.promises.writeFile('/d', 'x')).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(zen.promises.readFile('/d')).rejects.toMatchObject({ code: 'EISDIR' });
  expect(thrownBy(() => zen.writeFileSync('/d/pipe', 'x')).code).toBe('ENXIO');
  expect(zen.readdirSync('/d')).toEqual(['a', 'b', 'pipe']);
  const overlay = await Overlay.mount({ lower: [base()] });
  vfs.umount('/');
  vfs.mount('/', new OverlayFS(overlay));
  for (const call of [
    () => zen.writeFileSync('/d/a', 'x'),
    () => zen.writeFileSync('/n', 'x'),
    () => zen.unlinkSync('/d/a'),
    () => zen.mkdirSync('/m'),
    () => zen.renameSync('/d', '/e'),
    () => zen.chmodSync('/d/a', 0o600),
  ])
    expect(thrownBy(call).code).toBe('EROFS');
  expect(zen.readFileSync('/d/a', 'utf8')).toBe('A');
  await overlay.close();
});

test('errors are exceptions of ZenFS with the path, and misses have no stack', async () => {
  const { zen, mounted } = await mountUnion(base());
  const error = thrownBy(() => zen.readFileSync('/d/none'));
  expect(error).toBeInstanceOf(ErrnoError);
  expect(error).toMatchObject({ code: 'ENOENT', errno: 2, path: '/d/none' });
  const limit = Error.stackTraceLimit;
  expect(thrownBy(() => mounted.statSync('/none')).stack).not.toContain('\n');
  expect(Error.stackTraceLimit).toBe(limit);
  await expect(zen.promises.rmdir('/d')).rejects.toMatchObject({ code: 'ENOTEMPTY', path: '/d' });
  expect(thrownBy(() => zen.readdirSync('/d/a')).code).toBe('ENOTDIR');
  expect(zen.existsSync('/d/a/below')).toBe(false);
  expect(thrownBy(() => zen.mkdirSync('/d/a/below')).code).toBe('ENOTDIR');
});

test('extended attributes are the ones of the engine', async () => {
  const { zen, overlay, commits } = await mountUnion(base());
  const { xattr } = vfs;
  await xattr.set('/d/a', 'user.colour', 'blue');
  xattr.setSync('/d/a', 'user.size', 'large');
  expect(xattr.listSync('/d/a').sort()).toEqual(['user.colour', 'user.size']);
  expect(String(await overlay.fs.promises.getxattr('/d/b', 'user.colour'))).toBe('98,108,117,101');
  await xattr.remove('/d/a', 'user.colour');
  await overlay.fs.promises.setxattr('/d/a', 'user.large', new Uint8Array(10_000));
  expect(xattr.listSync('/d/a')).toEqual(['user.size']);
  xattr.setSync('/d/a', 'user.size', 'small');
  expect((await overlay.fs.promises.listxattr('/d/a')).sort()).toEqual(['user.large', 'user.size']);
  const before = commits.length;
  expect('attributes' in zen.statSync('/d/a')).toBe(false);
  expect(commits.length).toBe(before);
});

test('a large file goes through, in both forms and as a stream', async () => {
  const { zen, overlay } = await mountUnion(base());
  const content = pattern(5_000_000);
  await zen.promises.writeFile('/large', content);
  expect(Buffer.compare(zen.readFileSync('/large'), content)).toBe(0);
  zen.writeFileSync('/large2', content);
  expect(Buffer.compare(await overlay.fs.promises.readFile('/large2'), content)).toBe(0);
  const handle = await zen.promises.open('/large', 'r');
  let at = 0;
  for await (const piece of handle.readableWebStream() as unknown as AsyncIterable<Uint8Array>) {
    expect(Buffer.compare(piece, content.subarray(at, at + piece.length))).toBe(0);
    at += piece.length;
  }
  expect(at).toBe(content.length);
  await handle.close();
});

test('calls made past ZenFS work as well: what other file systems that wrap this one do', async () => {
  const { mounted, overlay } = await mountUnion(base());
  await mounted.createFile('/n', { mode: 0o640, uid: 3, gid: 4 });
  await mounted.write('/n', new Uint8Array([65, 66, 67]), 2);
  await mounted.touch('/n', { size: 4, mtimeMs: 5000 });
  const into = new Uint8Array(6).fill(9);
  await mounted.read('/n', into, 0, 6);
  expect([...into]).toEqual([0, 0, 65, 66, 0, 0]);
  const { mode, uid, gid, size, mtimeMs } = overlay.fs.statSync('/n');
  expect([mode, uid, gid, size, mtimeMs]).toEqual([0o100640, 3, 4, 4, 5000]);
  const stale = await mounted.stat('/n');
  overlay.fs.writeFileSync('/n', 'something longer');
  stale.mode = 0o100600;
  mounted.touchSync('/n', stale);
  expect(overlay.fs.readFileSync('/n', 'utf8')).toBe('something longer');
  expect(overlay.fs.statSync('/n').mode).toBe(0o100600);
});

test('unmounted and mounted again elsewhere it is the same', async () => {
  const { mounted, zen } = await mountUnion(base());
  vfs.umount('/');
  vfs.mount('/', mounted);
  const handle = await zen.promises.open('/d/a', 'r+');
  zen.unlinkSync('/d/a');
  zen.writeFileSync('/d/a', 'successor');
  await handle.write('x');
  await handle.close();
  expect(zen.readFileSync('/d/a', 'utf8')).toBe('successor');
});

test('this version of ZenFS has every hook', async () => {
  const { mounted } = await mountUnion(base());
  expect(missingHooks(mounted)).toEqual([]);
});
