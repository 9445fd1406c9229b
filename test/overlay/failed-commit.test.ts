/* A commit that fails takes everything in it back; what was acknowledged before stays, and work goes on. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { type FaultyUpper, faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, symlink } from '../support/tree.ts';

async function bench(): Promise<{ bench: Bench; upper: FaultyUpper }> {
  const upper = faultyUpper();
  const layers = [
    lower(dir('d', file('x', 'X'), dir('e', file('y', 'Y'))), file('a', 'A')),
    lower(dir('d', file('z', 'Z')), symlink('l', 'a'), dir('other', file('o'))),
  ];
  return { bench: await Bench.mount(layers, { upper }), upper };
}

const OPERATIONS: readonly { readonly name: string; readonly run: (bench: Bench) => Promise<unknown> }[] = [
  { name: 'writeFile', run: ({ fs }) => fs.writeFile('/d/new', new Uint8Array(600_000)) },
  { name: 'overwriting', run: ({ fs }) => fs.writeFile('/mine', 'changed') },
  { name: 'appendFile', run: ({ fs }) => fs.appendFile('/d/x', '+') },
  { name: 'truncate', run: ({ fs }) => fs.truncate('/mine', 2) },
  { name: 'mkdir', run: ({ fs }) => fs.mkdir('/d/n/o', { recursive: true }) },
  { name: 'unlink', run: ({ fs }) => fs.unlink('/d/z') },
  { name: 'unlink of an upper file', run: ({ fs }) => fs.unlink('/mine') },
  { name: 'rm -r', run: ({ fs }) => fs.rm('/d', { recursive: true }) },
  { name: 'rename of a file', run: ({ fs }) => fs.rename('/mine', '/d/x') },
  { name: 'rename of a directory', run: ({ fs }) => fs.rename('/d', '/other/moved') },
  { name: 'rename of a directory back', run: async ({ fs }) => Promise.all([fs.rename('/d', '/q'), fs.rename('/q', '/d')]) },
  { name: 'chmod', run: ({ fs }) => fs.chmod('/d', 0o700) },
  { name: 'link', run: ({ fs }) => fs.link('/a', '/d/twin') },
  { name: 'copyFile', run: ({ fs }) => fs.copyFile('/mine', '/copy') },
  { name: 'symlink', run: ({ fs }) => fs.symlink('x', '/d/s') },
  { name: 'creating by open', run: ({ fs }) => fs.open('/n', 'w') },
];

describe('a commit that fails', () => {
  for (const { name, run } of OPERATIONS) {
    test(`leaves no trace of ${name}, and the same works afterwards`, async () => {
      const { bench: on, upper } = await bench();
      await on.fs.writeFile('/mine', 'upper content');
      const before = await on.tree('/', { with: ['ino', 'mtime'] });
      upper.failWith('ENOSPC');
      await expect(run(on)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await on.tree('/', { with: ['ino', 'mtime'] })).toEqual(before);
      upper.failWith(undefined);
      await on.settledTree();
      const result = await run(on);
      expect(await on.overlay.check()).toEqual([]);
      if (name === 'creating by open') await (result as { close(): Promise<void> }).close();
      await on.settledTree();
    });
  }

  test('rejects every operation that was in it, and each with its own path', async () => {
    const { bench: on, upper } = await bench();
    upper.failWith('EIO');
    const results = await Promise.allSettled([on.fs.writeFile('/1', ''), on.fs.writeFile('/2', ''), on.fs.mkdir('/3')]);
    const errors = results.map((result) => (result.status === 'rejected' ? (result.reason as Record<string, unknown>) : undefined));
    expect(errors.map((error) => [error?.['code'], error?.['syscall'], error?.['path']])).toEqual([
      ['EIO', 'open', '/1'],
      ['EIO', 'open', '/2'],
      ['EIO', 'mkdir', '/3'],
    ]);
    upper.failWith(undefined);
    expect(await names(on.fs, '/')).toBe('a,d,l,other');
  });

  test('takes back what was built upon it, though that was not in it', async () => {
    const { bench: on, upper } = await bench();
    const release = upper.hold();
    upper.failWith('ENOSPC');
    const first = on.fs.mkdir('/n');
    const second = Promise.resolve().then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return on.fs.writeFile('/n/f', 'built upon');
    });
    await new Promise((resolve) => setTimeout(resolve, 15));
    release();
    expect((await Promise.allSettled([first, second])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    upper.failWith(undefined);
    expect(await names(on.fs, '/')).toBe('a,d,l,other');
    await on.settledTree();
  });

  test('is told by flush, once, when only synchronous calls were in it', async () => {
    const { bench: on, upper } = await bench();
    upper.failWith('ENOSPC');
    on.sync.writeFileSync('/n', 'N');
    expect(on.sync.readFileSync('/n', 'utf8')).toBe('N');
    await expect(on.overlay.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    await on.overlay.flush();
    expect(on.sync.existsSync('/n')).toBe(false);
  });

  test('is told by flush where asynchronous calls were in it too, each of which hears of it by itself', async () => {
    const { bench: on, upper } = await bench();
    upper.failWith('ENOSPC');
    on.sync.writeFileSync('/n', 'N');
    await expect(on.fs.writeFile('/m', 'M')).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    await expect(on.overlay.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    await on.overlay.flush();
  });

  test('is told by flush where synchronous calls were built upon it', async () => {
    const { bench: on, upper } = await bench();
    const release = upper.hold();
    upper.failWith('ENOSPC');
    const first = on.fs.mkdir('/n');
    await new Promise((resolve) => setTimeout(resolve));
    on.sync.writeFileSync('/n/f', 'built upon');
    release();
    await expect(first).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    await expect(on.overlay.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  test('is not told by flush where every call that was in it has heard of it', async () => {
    const { bench: on, upper } = await bench();
    upper.failWith('ENOSPC');
    await expect(on.fs.writeFile('/m', 'M')).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    await on.overlay.flush();
  });

  test('leaves handles on what they had open', async () => {
    const { bench: on, upper } = await bench();
    const handle = await on.fs.open('/d/e/y', 'r+');
    const own = await on.fs.open('/own', 'w+');
    await own.write('own');
    upper.failWith('ENOSPC');
    await expect(handle.write('lost', 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(own.truncate(0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(on.fs.rm('/d', { recursive: true })).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(on.fs.rename('/d/e', '/e')).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    expect(await handle.readFile('utf8')).toBe('Y');
    await handle.write('kept', 0);
    expect((await own.stat()).size).toBe(3);
    await Promise.all([handle.close(), own.close()]);
    expect(await on.fs.readFile('/d/e/y', 'utf8')).toBe('kept');
    expect(await on.fs.readFile('/own', 'utf8')).toBe('own');
    await on.settledTree();
  });

  test('leaves a handle stale whose file a synchronous call made in it', async () => {
    const { bench: on, upper } = await bench();
    upper.failWith('ENOSPC');
    const fd = on.sync.openSync('/d/n', 'w+');
    on.sync.writeSync(fd, 'lost');
    await expect(on.overlay.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    upper.failWith(undefined);
    const calls: readonly (() => unknown)[] = [
      () => on.sync.fstatSync(fd),
      () => on.sync.readSync(fd, new Uint8Array(1)),
      () => on.sync.readFileSync(fd),
      () => on.sync.writeSync(fd, 'more'),
      () => on.sync.ftruncateSync(fd, 1),
      () => on.sync.fchmodSync(fd, 0o600),
      () => on.sync.futimesSync(fd, 1, 1),
      () => on.sync.fsyncSync(fd),
    ];
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'ESTALE' }));
    await on.overlay.rollback((await on.overlay.snapshot()).id);
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'ESTALE' }));
    on.sync.closeSync(fd);
    expect(await on.overlay.check()).toEqual([]);
    expect(await names(on.fs, '/d')).toBe('e,x,z');
    await on.settledTree();
  });

  test('tells watchers nothing', async () => {
    const { bench: on, upper } = await bench();
    const seen: string[] = [];
    const watcher = on.sync.watch('/', { recursive: true }, (eventType, filename) => seen.push(`${eventType} ${filename}`));
    upper.failWith('EIO');
    await expect(on.fs.writeFile('/lost', '')).rejects.toMatchObject({ code: 'EIO' });
    upper.failWith(undefined);
    await on.fs.mkdir('/kept');
    await new Promise((resolve) => setTimeout(resolve, 5));
    watcher.close();
    expect(seen).toEqual(['rename kept']);
  });
});

describe('acknowledged means committed', () => {
  test('an operation resolves after its commit, not before', async () => {
    const { bench: on, upper } = await bench();
    const release = upper.hold();
    let resolved = false;
    const call = on.fs.writeFile('/n', 'N').then(() => (resolved = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(resolved).toBe(false);
    expect(on.sync.readFileSync('/n', 'utf8')).toBe('N');
    release();
    await call;
    expect(upper.commits.at(-1)?.records.size).toBe(2);
  });

  test('an operation that finds nothing to do waits for the commit of what it found', async () => {
    const { bench: on, upper } = await bench();
    const release = upper.hold();
    let resolved = 0;
    const made = on.fs.mkdir('/new', { recursive: true });
    const found = [on.fs.mkdir('/new', { recursive: true }), on.fs.appendFile('/a', ''), on.fs.rm('/no', { force: true })];
    for (const call of found) void call.then(() => resolved++);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(resolved).toBe(0);
    release();
    await Promise.all([made, ...found]);
  });

  test('operations that wait together share a commit', async () => {
    const { bench: on, upper } = await bench();
    const before = upper.commits.length;
    await Promise.all(Array.from({ length: 100 }, (_, i) => on.fs.writeFile(`/f${i}`, '')));
    expect(upper.commits.length - before).toBeLessThanOrEqual(3);
  });

  test('reading commits nothing', async () => {
    const { bench: on, upper } = await bench();
    const before = upper.commits.length;
    await on.tree();
    await on.fs.readFile('/a');
    await on.fs.rm('/no', { force: true });
    await on.fs.mkdir('/d', { recursive: true });
    expect(upper.commits.length).toBe(before);
  });

  test('what was written is in the store with exactly the chunks that are used', async () => {
    const { bench: on, upper } = await bench();
    await on.fs.writeFile('/n', new Uint8Array(1_000_000).fill(1));
    await on.fs.writeFile('/n', new Uint8Array(600_000).fill(2));
    await on.fs.copyFile('/n', '/m');
    await on.fs.unlink('/n');
    await on.fs.truncate('/m', 300_000);
    const { records } = await on.image();
    const used = [...records.values()].flatMap((record) => ('chunks' in record ? record.chunks : [])).filter((id) => id !== 0);
    const kept = new Set<number>();
    for (const { chunks } of upper.commits) {
      for (const [id, bytes] of chunks) {
        if (bytes === undefined) kept.delete(id);
        else kept.add(id);
      }
    }
    expect(kept).toEqual(new Set(used));
    expect(used.length).toBe(2);
  });
});
