/* Coming back to a snapshot while files are open, others watch, batches are under way and commits fail. */

import { describe, expect, test } from 'vitest';
import { faultyUpper } from '../support/faulty-upper.ts';
import { Bench } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file } from '../support/tree.ts';

const layer = () => lower(file('a', 'from lower'), dir('d', file('x', 'x')), dir('e'));

const WITH = { with: ['ino', 'mtime'] } as const;

describe('an open file, after a rollback,', () => {
  test('shows what the snapshot has of it, and writes go there', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.writeFile('/f', 'old content');
    const handle = await bench.fs.open('/f', 'r+');
    const { id } = await bench.overlay.snapshot();
    await bench.fs.writeFile('/f', 'new');
    await bench.overlay.rollback(id);
    expect(await handle.readFile('utf8')).toBe('old content');
    await handle.write('OLD', 0);
    await handle.close();
    expect(await bench.fs.readFile('/f', 'utf8')).toBe('OLD content');
    await bench.settledTree();
  });

  test('that the snapshot does not have is like an unlinked one', async () => {
    const bench = await Bench.mount([layer()]);
    const { id } = await bench.overlay.snapshot();
    await bench.fs.writeFile('/new', 'new');
    const handle = await bench.fs.open('/new', 'r+');
    await bench.overlay.rollback(id);
    expect(await bench.fs.exists('/new')).toBe(false);
    await handle.write('N', 0);
    expect(await handle.readFile('utf8')).toBe('New');
    expect((await handle.stat()).nlink).toBe(0);
    await bench.fs.writeFile('/new', 'another');
    await handle.close();
    expect(await bench.fs.readFile('/new', 'utf8')).toBe('another');
    expect((await bench.image()).records.size).toBe(2);
  });

  test('of a lower that was changed since is the lower’s again', async () => {
    const bench = await Bench.mount([layer()]);
    const { id } = await bench.overlay.snapshot();
    const handle = await bench.fs.open('/a', 'r+');
    await handle.write('FROM', 0);
    await bench.overlay.rollback(id);
    expect(await handle.readFile('utf8')).toBe('from lower');
    await handle.write('mine', 0);
    await handle.close();
    expect(await bench.fs.readFile('/a', 'utf8')).toBe('mine lower');
    await bench.settledTree();
  });

  test('of a lower that was deleted since has its name again', async () => {
    const bench = await Bench.mount([layer()]);
    const { id } = await bench.overlay.snapshot();
    const handle = await bench.fs.open('/a', 'r+');
    await handle.write('lost', 0);
    await bench.fs.unlink('/a');
    await bench.overlay.rollback(id);
    expect((await handle.stat()).nlink).toBe(1);
    await handle.write('mine', 0);
    await handle.close();
    expect(await bench.fs.readFile('/a', 'utf8')).toBe('mine lower');
    await bench.settledTree();
  });

  test('of a lower that the snapshot had deleted is like an unlinked one', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.unlink('/a');
    const { id } = await bench.overlay.snapshot();
    await bench.overlay.reset('/a');
    const handle = await bench.fs.open('/a', 'r');
    await bench.overlay.rollback(id);
    expect(await bench.fs.exists('/a')).toBe(false);
    expect((await handle.stat()).nlink).toBe(0);
    expect(await handle.readFile('utf8')).toBe('from lower');
    await bench.overlay.reset('/a').catch(() => undefined);
    await handle.close();
    await bench.settledTree();
  });

  test('in a directory that was renamed since is where it was', async () => {
    const bench = await Bench.mount([layer()]);
    const { id } = await bench.overlay.snapshot();
    const [before, after] = [await bench.fs.open('/d/x', 'r'), async () => bench.fs.open('/e/moved/x', 'r')];
    await bench.fs.rename('/d', '/e/moved');
    const inside = await after();
    await bench.overlay.rollback(id);
    await Promise.all([before.chmod(0o600), inside.chmod(0o640)]);
    expect((await bench.fs.stat('/d/x')).mode & 0o777).toBe(0o640);
    await Promise.all([before.close(), inside.close()]);
    await bench.settledTree();
  });
});

test('a directory that is open and that the snapshot does not have is like a removed one', async () => {
  const bench = await Bench.mount([layer()]);
  const { id } = await bench.overlay.snapshot();
  await bench.fs.rm('/d', { recursive: true });
  await bench.fs.mkdir('/d');
  const handle = await bench.fs.open('/d', 'r');
  await bench.overlay.rollback(id);
  expect((await handle.stat()).nlink).toBe(0);
  expect(await bench.fs.readdir('/d')).toEqual(['x']);
  await handle.close();
  await bench.settledTree();
});

test('a rollback that cannot be committed has not happened, for open files too', async () => {
  const upper = faultyUpper();
  const bench = await Bench.mount([layer()], { upper });
  const { id } = await bench.overlay.snapshot();
  await bench.fs.rename('/d', '/e/d');
  await bench.fs.writeFile('/new', 'new');
  const handles = [await bench.fs.open('/e/d/x', 'r'), await bench.fs.open('/new', 'r+'), await bench.fs.open('/a', 'r')];
  const before = await bench.tree('/', WITH);
  upper.failWith('ENOSPC');
  await expect(bench.overlay.rollback(id)).rejects.toMatchObject({ code: 'ENOSPC', syscall: 'rollback' });
  upper.failWith(undefined);
  expect(await bench.tree('/', WITH)).toEqual(before);
  expect(await bench.overlay.check()).toEqual([]);
  await handles[0]!.chmod(0o600);
  await handles[1]!.write('N', 0);
  await handles[2]!.chmod(0o640);
  expect(await bench.fs.readFile('/new', 'utf8')).toBe('New');
  expect((await bench.fs.stat('/e/d/x')).mode & 0o777).toBe(0o600);
  const heard: string[] = [];
  const watcher = bench.overlay.fs.watch('/', { recursive: true }, (type, name) => heard.push(`${type} ${name}`));
  await bench.fs.rename('/e', '/z');
  heard.length = 0;
  await handles[0]!.chmod(0o640);
  expect(heard).toEqual(['change z/d/x']);
  watcher.close();
  for (const handle of handles) await handle.close();
  await bench.settledTree();
});

test('watchers hear of every name that came, went or changed', async () => {
  const bench = await Bench.mount([layer()]);
  await bench.fs.writeFile('/kept', 'kept');
  await bench.fs.writeFile('/changed', 'one');
  const { id } = await bench.overlay.snapshot();
  await bench.fs.writeFile('/changed', 'two');
  await bench.fs.writeFile('/new', 'new');
  await bench.fs.unlink('/a');
  await bench.fs.rename('/d', '/e/d');
  const heard = new Set<string>();
  using _ = { [Symbol.dispose]: bench.overlay.fs.watch('/', { recursive: true }, (type, name) => heard.add(`${type} ${name}`)).close };
  await bench.overlay.rollback(id);
  expect([...heard].sort()).toEqual(['change changed', 'change e', 'rename a', 'rename d', 'rename e/d', 'rename new']);
});

test('a batch that was begun before is as if it had happened after the rollback, or does not happen', async () => {
  const bench = await Bench.mount([layer()]);
  await bench.fs.writeFile('/f', 'one');
  const { id } = await bench.overlay.snapshot();
  await bench.fs.writeFile('/f', 'two');
  const [blind, seeing] = [bench.overlay.beginBatch(), bench.overlay.beginBatch()];
  await blind.fs.writeFile('/blind', 'blind');
  await seeing.fs.readFile('/f');
  await seeing.fs.writeFile('/seeing', 'seeing');
  await bench.overlay.rollback(id);
  await blind.commit();
  await expect(seeing.commit()).rejects.toMatchObject({ code: 'EAGAIN' });
  expect([await bench.fs.readFile('/f', 'utf8'), await bench.fs.readdir('/')]).toEqual(['one', ['a', 'd', 'e', 'f', 'blind']]);
});
