/* The same tree for several users: permission bits, sticky directories, umask, owners of what is made; and no upper at all. */

import { describe, expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import { Bench } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, symlink } from '../support/tree.ts';

const layer = () =>
  lower(
    file('secret', 'S', { mode: 0o600 }),
    file('group', 'G', { mode: 0o060, gid: 50 }),
    file('public', 'P', { mode: 0o644 }),
    file('owned', 'O', { mode: 0o400, uid: 7 }),
    dir('closed', { mode: 0o700 }, file('x', 'X', { mode: 0o666 })),
    dir('listed', { mode: 0o744 }, file('x', 'X')),
    dir('passed', { mode: 0o711 }, file('x', 'X')),
    dir('tmp', { mode: 0o1777 }, file('theirs', '', { uid: 8, mode: 0o666 }), file('mine', '', { uid: 7 })),
    dir('open', { mode: 0o777 }, file('theirs', '', { uid: 8 })),
    symlink('to-secret', 'secret'),
  );

const code = (name: string): object => ({ code: name });

describe('another user', () => {
  test('reads and writes what the mode allows', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9 });
    expect(await user.readFile('/public', 'utf8')).toBe('P');
    expect(await user.readFile('/owned', 'utf8')).toBe('O');
    for (const path of ['/secret', '/to-secret', '/group']) await expect(user.readFile(path)).rejects.toMatchObject(code('EACCES'));
    for (const path of ['/public', '/owned']) await expect(user.appendFile(path, '')).rejects.toMatchObject(code('EACCES'));
    const member = bench.as({ uid: 7, gid: 9, groups: [50] });
    expect(await member.readFile('/group', 'utf8')).toBe('G');
    await member.appendFile('/group', '!');
    await expect(bench.as({ uid: 7, gid: 50 }).access('/group', 1)).rejects.toMatchObject(code('EACCES'));
  });

  test('copies a set-user-ID file as Node does: the bit goes where content was written', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9 });
    for (const [text, mode] of [
      ['xyz', 0o711],
      ['', 0o4711],
    ] as const) {
      await user.writeFile('/open/source', text);
      await user.chmod('/open/source', 0o4711);
      await user.writeFile('/open/existing', 'old');
      await user.rm('/open/new', { force: true });
      for (const copy of ['/open/new', '/open/existing']) {
        await user.copyFile('/open/source', copy);
        expect((await user.stat(copy)).mode & 0o7777).toBe(mode);
      }
    }
  });

  test('needs x to pass a directory, r to list it, w and x to change its names', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9 });
    await expect(user.readFile('/closed/x')).rejects.toMatchObject(code('EACCES'));
    await expect(user.stat('/closed/no')).rejects.toMatchObject(code('EACCES'));
    expect(await user.readdir('/listed')).toEqual(['x']);
    await expect(user.stat('/listed/x')).rejects.toMatchObject(code('EACCES'));
    expect(await user.readFile('/passed/x', 'utf8')).toBe('X');
    await expect(user.readdir('/passed')).rejects.toMatchObject(code('EACCES'));
    for (const call of [
      user.writeFile('/n', ''),
      user.mkdir('/n'),
      user.symlink('x', '/n'),
      user.unlink('/public'),
      user.rename('/public', '/open/p'),
    ]) {
      await expect(call).rejects.toMatchObject(code('EACCES'));
    }
  });

  test('resets what it may remove, and looks where it may', async () => {
    const bench = await Bench.mount([layer()]);
    const user = { uid: 7, gid: 9 };
    for (const path of ['/open/theirs', '/tmp/theirs', '/public', '/closed/x']) await bench.fs.writeFile(path, 'changed');
    await bench.overlay.reset('/open/theirs', user);
    expect(await bench.fs.readFile('/open/theirs', 'utf8')).toBe('');
    await expect(bench.overlay.reset('/tmp/theirs', user)).rejects.toMatchObject(code('EPERM'));
    for (const path of ['/public', '/closed/x', '/closed', '/'])
      await expect(bench.overlay.reset(path, user)).rejects.toMatchObject(code('EACCES'));
    await expect(bench.overlay.entries('/closed', user)).rejects.toMatchObject(code('EACCES'));
    expect((await bench.overlay.entries('/listed', user)).length).toBe(1);
  });

  test('hears of a missing permission before it hears of a wrong type, as in the kernel', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9 });
    await expect(user.unlink('/passed')).rejects.toMatchObject(code('EACCES'));
    await expect(user.rmdir('/public')).rejects.toMatchObject(code('EACCES'));
    await expect(user.readFile('/closed')).rejects.toMatchObject(code('EACCES'));
    await bench.fs.mkdir('/tmp/sub', 0o777);
    await bench.fs.mkdir('/tmp/sub/deep', 0o777);
    await expect(user.unlink('/tmp/sub')).rejects.toMatchObject(code('EPERM'));
    await expect(user.rmdir('/tmp/theirs')).rejects.toMatchObject(code('EPERM'));
    await expect(user.rename('/tmp/sub/deep', '/tmp/sub')).rejects.toMatchObject(code('ENOTEMPTY'));
    await expect(user.rename('/open/theirs', '/tmp/sub')).rejects.toMatchObject(code('EPERM'));
  });

  test('owns what it makes, less its umask', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9, umask: 0o077 });
    await user.writeFile('/open/f', '');
    await user.mkdir('/open/d');
    await user.symlink('x', '/open/l');
    const made = await Promise.all(['f', 'd', 'l'].map((name) => bench.fs.lstat(`/open/${name}`)));
    expect(made.map(({ uid, gid, mode }) => `${uid}:${gid} ${(mode & 0o777).toString(8)}`)).toEqual(['7:9 600', '7:9 700', '7:9 777']);
  });

  test('changes attributes of its own files only', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9, groups: [50] });
    await user.chmod('/owned', 0o640);
    await user.utimes('/owned', 1, 2);
    await user.chown('/owned', 7, 50);
    for (const call of [
      user.chmod('/public', 0o666),
      user.utimes('/public', 1, 2),
      user.chown('/owned', 8, 9),
      user.chown('/owned', -1, 60),
    ]) {
      await expect(call).rejects.toMatchObject(code('EPERM'));
    }
  });

  test('removes from a sticky directory its own files only', async () => {
    const bench = await Bench.mount([layer()]);
    const user = bench.as({ uid: 7, gid: 9 });
    for (const call of [user.unlink('/tmp/theirs'), user.rename('/tmp/theirs', '/open/t'), user.rename('/tmp/mine', '/tmp/theirs')]) {
      await expect(call).rejects.toMatchObject(code('EPERM'));
    }
    await user.unlink('/open/theirs');
    await user.unlink('/tmp/mine');
    await user.writeFile('/tmp/theirs', 'written all the same');
  });

  test('clears set-id bits by writing', async () => {
    const bench = await Bench.mount([lower(file('s', 'S', { mode: 0o6777 }))]);
    await bench.as({ uid: 7, gid: 9 }).appendFile('/s', '+');
    expect((await bench.fs.stat('/s')).mode & 0o7777).toBe(0o777);
  });

  test('keeps using a handle whose file it may no longer open', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.chmod('/public', 0o666);
    const handle = await bench.as({ uid: 7, gid: 9 }).open('/public', 'r+');
    await bench.fs.chmod('/public', 0o600);
    await handle.write('Q', 0);
    await handle.close();
    expect(await bench.fs.readFile('/public', 'utf8')).toBe('Q');
  });
});

test('an overlay can be mounted for a user of its own', async () => {
  await using overlay = await Overlay.mount({ lower: [layer()], uid: 7, gid: 9 });
  await expect(overlay.fs.promises.readFile('/secret')).rejects.toMatchObject(code('EACCES'));
});

describe('without an upper', () => {
  test('everything is read and nothing is written: EROFS', async () => {
    await using overlay = await Overlay.mount({ lower: [layer(), lower(dir('below', file('b', 'B')))] });
    const { promises: fs } = overlay.fs;
    expect(await fs.readFile('/below/b', 'utf8')).toBe('B');
    const calls = [
      fs.writeFile('/public', ''),
      fs.writeFile('/new', ''),
      fs.appendFile('/public', '+'),
      fs.mkdir('/new'),
      fs.unlink('/public'),
      fs.rm('/below', { recursive: true }),
      fs.rename('/public', '/new'),
      fs.chmod('/public', 0o600),
      fs.utimes('/public', 1, 2),
      fs.link('/public', '/new'),
      fs.symlink('x', '/new'),
      fs.truncate('/public', 0),
      fs.open('/public', 'r+'),
      fs.setxattr('/public', 'user.k', 'v'),
      fs.access('/public', 2),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject(code('EROFS'));
    await expect(fs.mkdir('/below')).rejects.toMatchObject(code('EEXIST'));
    await expect(fs.unlink('/no')).rejects.toMatchObject(code('ENOENT'));
    expect(await overlay.check()).toEqual([]);
  });
});
