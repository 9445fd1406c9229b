/* Copy-up keeps what it copies, and copies no more than it must. */

import { describe, expect, test } from 'vitest';

import type { FsPromises } from '../../src/fs/api.ts';
import { Bench } from '../support/bench.ts';
import { contentOf } from '../../src/layer/upper.ts';
import { isMetacopy } from '../support/dump-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { SEED_TIME, dir, fifo, file, symlink } from '../support/tree.ts';

const XATTRS = new Map([['user.k', 'v']]);
const layer = () =>
  lower(
    dir(
      'd',
      { mode: 0o751, uid: 3, gid: 4, mtime: SEED_TIME + 1000, xattrs: XATTRS },
      file('a', 'content', { mode: 0o4751, uid: 5, gid: 7, xattrs: XATTRS }),
    ),
    symlink('l', 'd/a', { uid: 8, gid: 9 }),
    fifo('p', { mode: 0o620 }),
  );

/** Everything that causes copy-up of /d/a, with what it changes left out of the comparison. */
const TRIGGERS: readonly {
  readonly name: string;
  readonly run: (fs: FsPromises) => Promise<unknown>;
  readonly changes: readonly string[];
}[] = [
  { name: 'append', run: (fs) => fs.appendFile('/d/a', '+'), changes: ['size', 'mtimeMs'] },
  { name: 'write at a position', run: async (fs) => withHandle(fs, 'r+', (handle) => handle.write('C', 0)), changes: ['mtimeMs'] },
  { name: 'truncate', run: (fs) => fs.truncate('/d/a', 3), changes: ['size', 'mtimeMs'] },
  { name: 'open to truncate', run: (fs) => fs.writeFile('/d/a', ''), changes: ['size', 'mtimeMs'] },
  { name: 'chmod', run: (fs) => fs.chmod('/d/a', 0o600), changes: ['mode'] },
  { name: 'chown', run: (fs) => fs.chown('/d/a', 1, 2), changes: ['uid', 'gid', 'mode'] },
  { name: 'utimes', run: (fs) => fs.utimes('/d/a', 1, 2), changes: ['atimeMs', 'mtimeMs'] },
  { name: 'link', run: (fs) => fs.link('/d/a', '/twin'), changes: ['nlink'] },
  { name: 'setxattr', run: (fs) => fs.setxattr('/d/a', 'user.n', 'w'), changes: [] },
  { name: 'opening to write', run: async (fs) => withHandle(fs, 'r+', async () => undefined), changes: [] },
];
const KEYS = ['ino', 'mode', 'uid', 'gid', 'nlink', 'size', 'atimeMs', 'mtimeMs', 'birthtimeMs'] as const;

async function withHandle(
  fs: FsPromises,
  flags: string,
  body: (handle: Awaited<ReturnType<FsPromises['open']>>) => Promise<unknown>,
): Promise<void> {
  const handle = await fs.open('/d/a', flags);
  await body(handle);
  await handle.close();
}

describe('copy-up', () => {
  for (const { name, run, changes } of TRIGGERS) {
    test(`by ${name} keeps everything else, and the times of the parent`, async () => {
      const bench = await Bench.mount([layer()]);
      const [file, parent] = [await bench.fs.stat('/d/a'), await bench.fs.stat('/d')];
      await run(bench.fs);
      for (let mount = 0; mount < 2; mount++) {
        const after = await bench.fs.stat('/d/a');
        // Writing by the superuser keeps set-id bits; everybody else's clears them.
        for (const key of KEYS) if (!changes.includes(key)) expect(after[key], key).toBe(file[key]);
        const above = await bench.fs.stat('/d');
        // A merged directory has one link, as in the kernel: its subdirectories are not counted.
        for (const key of KEYS) if (key !== 'nlink') expect(above[key], `parent's ${key}`).toBe(parent[key]);
        expect(new TextDecoder().decode(await bench.fs.getxattr('/d/a', 'user.k'))).toBe('v');
        expect(new TextDecoder().decode(await bench.fs.getxattr('/d', 'user.k'))).toBe('v');
        await bench.remount();
      }
    });
  }

  test('of attributes copies no content', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.chmod('/d/a', 0o600);
    await bench.fs.rename('/d/a', '/moved');
    await bench.fs.link('/moved', '/twin');
    await bench.fs.utimes('/twin', 1, 2);
    const { records } = await bench.image();
    const files = [...records.values()].map(contentOf).filter((record) => record?.names.length === 2);
    expect(files.map((record) => isMetacopy(record!))).toEqual([true]);
    expect(await bench.fs.readFile('/moved', 'utf8')).toBe('content');
  });

  test('does not happen by looking', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.tree();
    await bench.fs.readFile('/l');
    await withHandle(bench.fs, 'r', async (handle) => handle.sync());
    await bench.fs.access('/d/a', 6);
    await bench.fs.getxattr('/d/a', 'user.k');
    await bench.fs.realpath('/l');
    for await (const entry of await bench.fs.opendir('/d')) expect(entry.name).toBe('a');
    expect((await bench.image()).records.size).toBe(0);
  });

  test('does not happen by calls that fail', async () => {
    const bench = await Bench.mount([layer()]);
    const { fs } = bench;
    const calls = [
      fs.open('/d/a', 'wx'),
      fs.mkdir('/d/a'),
      fs.rmdir('/d'),
      fs.rename('/d', '/d/x'),
      fs.rename('/d/a', '/d'),
      fs.link('/d/a', '/l'),
      fs.removexattr('/d/a', 'user.none'),
      fs.symlink('x', '/p'),
      bench.as({ uid: 1, gid: 1 }).writeFile('/d/a', 'x'),
      bench.as({ uid: 1, gid: 1 }).chmod('/d/a', 0o777),
      bench.as({ uid: 1, gid: 1 }).unlink('/d/a'),
    ];
    for (const result of await Promise.allSettled(calls)) expect(result.status).toBe('rejected');
    expect((await bench.image()).records.size).toBe(0);
  });

  test('of links, fifos and directories keeps them what they are', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.lchown('/l', 1, 1);
    await bench.fs.chmod('/p', 0o600);
    await bench.fs.chmod('/d', 0o700);
    expect(await bench.settledTree()).toEqual([
      '/d directory 700 3:4',
      '/d/a file 4751 5:7 nlink=1 7:"content"',
      '/l symlink 777 1:1 -> d/a',
      '/p fifo 600 0:0',
    ]);
    expect(await bench.upper()).toBe('d/ l->d/a p|');
  });

  test('leaves siblings in the lower', async () => {
    const bench = await Bench.mount([lower(dir('d', file('a'), file('b'), dir('e', file('c'))))]);
    await bench.fs.writeFile('/d/e/c', 'C');
    expect(await bench.upper()).toBe('d/ d/e/ d/e/c=C');
  });

  test('never writes to a lower', async () => {
    const lowest = layer();
    const before = lowest.fingerprint();
    const bench = await Bench.mount([lowest]);
    const handle = await bench.fs.open('/d/a', 'r+');
    await handle.write('XXXX', 0);
    await handle.close();
    (await bench.fs.readFile('/d/a')).fill(0);
    await bench.fs.rm('/d', { recursive: true });
    expect(lowest.fingerprint()).toBe(before);
  });
});
