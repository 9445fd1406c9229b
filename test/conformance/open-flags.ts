/* open: what each flag allows, makes and empties. */

import { describe, expect } from 'vitest';

import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../src/base/mode.ts';
import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Scene, type Suite, bytes, expectCode, expectMistake, fact, text } from './scene.ts';

const seed = tree(file('a', 'content', { mode: 0o640 }), dir('d'), symlink('l', 'a'), symlink('dangling', 'made'));

/** Opens, does something and closes whatever comes of it. */
async function opened<T>(
  { fs, at }: Scene,
  path: string,
  flags: string | number,
  body: (handle: Awaited<ReturnType<Scene['fs']['open']>>) => Promise<T>,
): Promise<T> {
  const handle = await fs.open(at(path), flags);
  try {
    return await body(handle);
  } finally {
    await handle.close();
  }
}

export const openFlagsSuite: Suite = (stack) => {
  describe('open', () => {
    fact(stack, 'r reads and does not write', { seed }, async (scene) => {
      await opened(scene, 'a', 'r', async (handle) => {
        expect(text(await handle.readFile())).toBe('content');
        await expectCode(handle.write(bytes('x')), 'EBADF');
        await expectCode(handle.truncate(0), 'EINVAL', 'EBADF');
      });
      await expectCode(scene.fs.open(scene.at('n'), 'r'), 'ENOENT');
    });
    fact(stack, 'r is the default', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      expect(await handle.readFile('utf8')).toBe('content');
      await handle.close();
    });
    fact(stack, 'r+ reads and overwrites in place, and makes nothing', { seed }, async (scene) => {
      await opened(scene, 'a', 'r+', async (handle) => {
        await handle.write(bytes('CON'), 0, 3, 0);
        expect(text(await handle.readFile())).toBe('CONtent');
      });
      expect(await scene.fs.readFile(scene.at('a'), 'utf8')).toBe('CONtent');
      await expectCode(scene.fs.open(scene.at('n'), 'r+'), 'ENOENT');
    });
    fact(stack, 'w empties or makes, and does not read', { seed }, async (scene) => {
      await opened(scene, 'a', 'w', async (handle) => {
        expect((await handle.stat()).size).toBe(0);
        await handle.write('new');
        await expectCode(handle.read(new Uint8Array(3), 0, 3, 0), 'EBADF');
      });
      expect(await scene.fs.readFile(scene.at('a'), 'utf8')).toBe('new');
      expect((await scene.fs.stat(scene.at('a'))).mode & 0o777).toBe(0o640);
      await opened(scene, 'n', 'w', async (handle) => handle.write('made'));
      expect(await scene.fs.readFile(scene.at('n'), 'utf8')).toBe('made');
    });
    fact(stack, 'w+ empties and reads back', { seed }, async (scene) => {
      await opened(scene, 'a', 'w+', async (handle) => {
        await handle.write('12345');
        const buffer = new Uint8Array(5);
        expect((await handle.read(buffer, 0, 5, 0)).bytesRead).toBe(5);
        expect(text(buffer)).toBe('12345');
      });
    });
    fact(stack, 'x refuses what exists, a dangling link included', { seed }, async (scene) => {
      for (const flags of ['wx', 'wx+', 'ax', 'ax+']) {
        await expectCode(scene.fs.open(scene.at('a'), flags), 'EEXIST');
        await expectCode(scene.fs.open(scene.at('dangling'), flags), 'EEXIST');
        await expectCode(scene.fs.open(scene.at('d'), flags), 'EEXIST');
        await opened(scene, `new-${flags}`, flags, async (handle) => handle.write('x'));
        expect(await scene.fs.readFile(scene.at(`new-${flags}`), 'utf8')).toBe('x');
      }
      expect(await scene.fs.readFile(scene.at('a'), 'utf8')).toBe('content');
    });
    fact(stack, 'a appends and makes, a+ reads as well', { seed }, async (scene) => {
      await opened(scene, 'a', 'a', async (handle) => {
        await handle.write('!');
        await expectCode(handle.read(new Uint8Array(1), 0, 1, 0), 'EBADF');
      });
      await opened(scene, 'a', 'a+', async (handle) => {
        await handle.write('?');
        const buffer = new Uint8Array(20);
        expect((await handle.read(buffer, 0, 20, 0)).bytesRead).toBe(9);
      });
      await opened(scene, 'n', 'a', async (handle) => handle.write('made'));
      expect(await scene.fs.readFile(scene.at('a'), 'utf8')).toBe('content!?');
      expect(await scene.fs.readFile(scene.at('n'), 'utf8')).toBe('made');
    });
    fact(stack, 'flags can be numbers', { seed }, async (scene) => {
      await opened(scene, 'n', O_RDWR | O_CREAT, async (handle) => handle.write('12'));
      await opened(scene, 'n', O_WRONLY | O_TRUNC, async (handle) => expect((await handle.stat()).size).toBe(0));
      await expectCode(scene.fs.open(scene.at('n'), O_RDWR | O_CREAT | O_EXCL), 'EEXIST');
      await opened(scene, 'd', O_RDONLY | O_DIRECTORY, async (handle) => expect((await handle.stat()).isDirectory()).toBe(true));
      await expectCode(scene.fs.open(scene.at('a'), O_RDONLY | O_DIRECTORY), 'ENOTDIR');
      await expectCode(scene.fs.open(scene.at('l'), O_RDONLY | O_NOFOLLOW), 'ELOOP');
    });
    fact(stack, 'a new file has the mode given, less the umask', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('n'), 'w', 0o777);
      expect((await handle.stat()).mode & 0o777).toBe(0o755);
      await handle.close();
      const other = await fs.open(at('m'), 'w');
      expect((await other.stat()).mode).toBe(0o100644);
      await other.close();
    });
    fact(stack, 'a mode without w does not stop the one who made the file', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('n'), 'w', 0o444);
      await handle.write('x');
      await handle.close();
      expect(await fs.readFile(at('n'), 'utf8')).toBe('x');
    });
    fact(stack, 'links are followed, and made through', { seed }, async (scene) => {
      await opened(scene, 'l', 'r', async (handle) => expect(await handle.readFile('utf8')).toBe('content'));
      await opened(scene, 'dangling', 'w', async (handle) => handle.write('through'));
      expect(await scene.fs.readFile(scene.at('made'), 'utf8')).toBe('through');
      expect((await scene.fs.lstat(scene.at('dangling'))).isSymbolicLink()).toBe(true);
    });
    fact(stack, 'directories open for reading only, and have no bytes', { seed }, async (scene) => {
      for (const flags of ['r+', 'w', 'a']) await expectCode(scene.fs.open(scene.at('d'), flags), 'EISDIR');
      await opened(scene, 'd', 'r', async (handle) => {
        await expectCode(handle.read(new Uint8Array(1), 0, 1, 0), 'EISDIR');
      });
    });
    fact(stack, 'paths that lead nowhere are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.open(at('no/n'), 'w'), 'ENOENT');
      await expectCode(fs.open(at('a/n'), 'w'), 'ENOTDIR');
      await expectCode(fs.open(at('a/'), 'r'), 'ENOTDIR');
      await expectCode(fs.open(at('n/'), 'w'), 'EISDIR', 'ENOENT');
    });
    fact(stack, 'flags that do not exist are a bad argument', { seed }, async ({ fs, at }) => {
      await expectMistake(fs.open(at('a'), 'rw'));
      await expectMistake(fs.open(at('a'), ''));
    });
  });
};
