/* What reaches the upper of what ZenFS does, and when. */

import { expect, test } from 'vitest';

import { FsError } from '../../../src/base/errors.ts';
import { contentOf } from '../../../src/layer/upper.ts';
import { lower } from '../../support/memory-layer.ts';
import { dir, file, sparse, symlink } from '../../support/tree.ts';
import { mountUnion, thrownBy } from './mounted.ts';

const base = () => lower(dir('d', file('a', 'from lower')), sparse('big', 3 << 20), symlink('l', 'd/a'));

test('an overwrite is one commit, with the new size and content together', async () => {
  const { zen, commits } = await mountUnion(base());
  await zen.promises.writeFile('/d/a', 'other');
  expect(commits).toHaveLength(1);
  const sizes = [...commits[0]!.records.values()].flatMap((record) => (record && contentOf(record)?.size) ?? []);
  expect(sizes).toContain(5);
  expect(commits[0]!.chunks.size).toBe(1);
});

test('a synchronous overwrite is one commit', async () => {
  const { zen, commits, overlay } = await mountUnion(base());
  zen.writeFileSync('/d/a', 'other');
  await overlay.flush();
  expect(commits).toHaveLength(1);
});

test('an asynchronous call resolves when its commit is complete', async () => {
  const { zen, commits } = await mountUnion(base());
  await zen.promises.mkdir('/m');
  expect(commits).toHaveLength(1);
  await zen.promises.rename('/d/a', '/m/a');
  expect(commits).toHaveLength(2);
  const handle = await zen.promises.open('/m/a', 'r+');
  await handle.write('x');
  expect(commits).toHaveLength(2);
  await handle.sync();
  expect(commits).toHaveLength(3);
  await handle.close();
  expect(commits).toHaveLength(3);
});

test('reading writes nothing', async () => {
  const { zen, commits, overlay } = await mountUnion(base());
  await zen.promises.readFile('/d/a');
  zen.readFileSync('/l', 'utf8');
  zen.readdirSync('/', { recursive: true });
  zen.statSync('/big');
  const handle = await zen.promises.open('/d/a', 'r+');
  await handle.read(new Uint8Array(4));
  await handle.close();
  await overlay.flush();
  expect(commits).toEqual([]);
});

test('a write into a large file stores the chunk alone', async () => {
  const { zen, commits, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/big', 'r+');
  await handle.write(new Uint8Array([1, 2, 3]), 0, 3, 1 << 20);
  await handle.close();
  const stored = [...(commits.at(-1)?.chunks.values() ?? [])].reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
  expect(stored).toBe(256 << 10);
  expect(Array.from(overlay.fs.readFileSync('/big').subarray((1 << 20) - 1, (1 << 20) + 4))).toEqual([0, 1, 2, 3, 0]);
});

test('a commit that fails rejects the call, is told once, and leaves the file as it was', async () => {
  const { zen, overlay, failNextCommit } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  await handle.write('lost');
  failNextCommit(new FsError('ENOSPC'));
  await expect(handle.close()).rejects.toMatchObject({ code: 'ENOSPC', errno: 28 });
  expect(zen.readFileSync('/d/a', 'utf8')).toBe('from lower');
  await handle.close();
  await overlay.flush();
  await zen.promises.writeFile('/d/a', 'found');
  expect(overlay.fs.readFileSync('/d/a', 'utf8')).toBe('found');
});

test('a file whose making failed to commit is gone, and its handle says so', async () => {
  const { zen, overlay, failNextCommit } = await mountUnion(base());
  failNextCommit(new FsError('ENOSPC'));
  const fd = zen.openSync('/n', 'w');
  await expect(overlay.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(thrownBy(() => zen.writeSync(fd, 'x')).code).toBe('EIO');
  zen.closeSync(fd);
  expect(zen.existsSync('/n')).toBe(false);
});

test('sync() writes what is buffered, and tells a failed commit of synchronous calls', async () => {
  const { zen, mounted, overlay, failNextCommit } = await mountUnion(base());
  const fd = zen.openSync('/d/a', 'r+');
  zen.writeSync(fd, 'FROM');
  await mounted.sync();
  expect(overlay.fs.readFileSync('/d/a', 'utf8')).toBe('FROM lower');
  zen.closeSync(fd);
  failNextCommit(new DOMException('over', 'QuotaExceededError'));
  zen.writeFileSync('/d/x', '');
  await expect(mounted.sync()).rejects.toMatchObject({ code: 'EIO', errno: 5 });
});

test('a symbolic link is made in two commits: its file, then all of the link', async () => {
  const { zen, commits, overlay } = await mountUnion(base());
  await zen.promises.symlink('d/a', '/s');
  expect(commits).toHaveLength(2);
  expect(overlay.fs.readlinkSync('/s')).toBe('d/a');
  expect(zen.readFileSync('/s', 'utf8')).toBe('from lower');
});
