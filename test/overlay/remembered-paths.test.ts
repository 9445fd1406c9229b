/* Walks are remembered; what they led to before a change is not what they give after it. */

import { describe, expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, symlink } from '../support/tree.ts';

const base = () =>
  lower(
    dir('d', file('a', 'A'), dir('e', file('x', 'X'))),
    dir('other', file('a', 'other')),
    symlink('l', 'd'),
    symlink('lost', 'no/where'),
  );

async function mount() {
  const overlay = await Overlay.mount({ lower: [base()], upper: memoryUpper() });
  return { overlay, fs: overlay.fs };
}

const codeOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (e) {
    return (e as { code?: unknown }).code;
  }
};

describe('after a walk', () => {
  test('a name that was missing on the way can be made a file: then it is no directory', async () => {
    const { fs } = await mount();
    expect(fs.existsSync('/n/x')).toBe(false);
    fs.writeFileSync('/n', '');
    expect(codeOf(() => fs.statSync('/n/x'))).toBe('ENOTDIR');
    fs.rmSync('/n');
    fs.mkdirSync('/n');
    fs.writeFileSync('/n/x', 'new');
    expect(fs.readFileSync('/n/x', 'utf8')).toBe('new');
  });

  test('a file that was missing is found when it is made, and missing when it is removed', async () => {
    const { fs } = await mount();
    expect(fs.existsSync('/d/e/y')).toBe(false);
    fs.writeFileSync('/d/e/y', 'Y');
    expect(fs.existsSync('/d/e/y')).toBe(true);
    fs.unlinkSync('/d/e/y');
    expect(fs.existsSync('/d/e/y')).toBe(false);
  });

  test('a directory that is removed, renamed or replaced leads nowhere or elsewhere', async () => {
    const { fs } = await mount();
    expect(fs.readFileSync('/d/e/x', 'utf8')).toBe('X');
    fs.renameSync('/d/e', '/d/f');
    expect(fs.existsSync('/d/e/x')).toBe(false);
    expect(fs.readFileSync('/d/f/x', 'utf8')).toBe('X');
    fs.mkdirSync('/d/e');
    expect(fs.existsSync('/d/e/x')).toBe(false);
    fs.rmSync('/d', { recursive: true });
    expect(codeOf(() => fs.statSync('/d/f/x'))).toBe('ENOENT');
    fs.mkdirSync('/d');
    expect(fs.readdirSync('/d')).toEqual([]);
  });

  test('two directories that were exchanged lead to each other', async () => {
    const { fs } = await mount();
    expect([fs.readFileSync('/d/a', 'utf8'), fs.readFileSync('/other/a', 'utf8')]).toEqual(['A', 'other']);
    fs.renameSync('/d', '/other', 2);
    expect([fs.readFileSync('/d/a', 'utf8'), fs.readFileSync('/other/a', 'utf8')]).toEqual(['other', 'A']);
  });

  test('a symbolic link that is made anew leads where it says now', async () => {
    const { fs } = await mount();
    expect(fs.readFileSync('/l/a', 'utf8')).toBe('A');
    fs.unlinkSync('/l');
    expect(fs.existsSync('/l/a')).toBe(false);
    fs.symlinkSync('other', '/l');
    expect(fs.readFileSync('/l/a', 'utf8')).toBe('other');
  });

  test('a change that is taken back has changed nothing', async () => {
    const { overlay, fs } = await mount();
    expect(fs.existsSync('/d/e/x')).toBe(true);
    const before = fs.readdirSync('/d');
    const filter = (source: string): boolean => {
      if (source === '/d/e/x') throw new TypeError('no further');
      return true;
    };
    expect(() => fs.cpSync('/d', '/copy', { recursive: true, filter })).toThrow('no further');
    expect(fs.existsSync('/copy/a')).toBe(false);
    expect(fs.readdirSync('/d')).toEqual(before);
    expect(await overlay.check()).toEqual([]);
  });

  test('what is reset shows the lower again', async () => {
    const { overlay, fs } = await mount();
    fs.rmSync('/d/e', { recursive: true });
    expect(fs.existsSync('/d/e/x')).toBe(false);
    await overlay.reset('/d');
    expect(fs.readFileSync('/d/e/x', 'utf8')).toBe('X');
    expect(fs.readdirSync('/d')).toEqual(['a', 'e']);
  });

  test('what is made in a directory beside what was reset is listed there', async () => {
    const { fs, overlay } = await mount();
    fs.writeFileSync('/mine', '');
    fs.statSync('/d/e');
    await overlay.reset('/mine');
    fs.statSync('/d/e/x');
    fs.mkdirSync('/d/new');
    expect(fs.readdirSync('/d').sort()).toEqual(['a', 'e', 'new']);
    fs.renameSync('/d', '/f');
    fs.mkdirSync('/f/e/more');
    expect(fs.readdirSync('/f/e').sort()).toEqual(['more', 'x']);
    expect(await overlay.check()).toEqual([]);
  });

  test('another user does not profit from where root could go', async () => {
    const { overlay, fs } = await mount();
    fs.chmodSync('/d', 0o700);
    expect(fs.existsSync('/d/a')).toBe(true);
    const other = overlay.as({ uid: 7, gid: 7 });
    expect(codeOf(() => other.statSync('/d/a'))).toBe('EACCES');
    expect(other.existsSync('/d/a')).toBe(false);
  });

  test('names that are wrong stay wrong in a directory that is known', async () => {
    const { fs } = await mount();
    expect(fs.existsSync('/d/e/x')).toBe(true);
    expect(codeOf(() => fs.statSync('/d/e/\0'))).toBe('EINVAL');
    expect(codeOf(() => fs.statSync(`/d/e/${'n'.repeat(256)}`))).toBe('ENAMETOOLONG');
    const long = `/d${'/e/..'.repeat(800)}`;
    expect(fs.existsSync(`${long}/a`)).toBe(true);
    expect(codeOf(() => fs.statSync(`${long}/${'n'.repeat(100)}`))).toBe('ENAMETOOLONG');
    expect(codeOf(() => fs.statSync('/d/e/'))).not.toBe('ENOENT');
    expect(fs.statSync('/d/e/.').ino).toBe(fs.statSync('/d/e').ino);
    expect(fs.statSync('/d/e/..').ino).toBe(fs.statSync('/d').ino);
  });

  test('mkdir -p does not make what a broken symbolic link leads to', async () => {
    const { fs } = await mount();
    for (const path of ['/lost', 'lost', '/lost/x'])
      expect(
        codeOf(() => fs.mkdirSync(path, { recursive: true })),
        path,
      ).toBe('ENOENT');
    expect(fs.readdirSync('/').toSorted()).toEqual(['d', 'l', 'lost', 'other']);
  });
});

describe('a listing', () => {
  test('is the caller’s own, and follows every change of names', async () => {
    const { overlay, fs } = await mount();
    const listed = () => fs.readdirSync('/d').toSorted().join();
    const first = fs.readdirSync('/d');
    first.push('mine');
    expect(listed()).toBe('a,e');
    fs.writeFileSync('/d/b', '');
    expect(listed()).toBe('a,b,e');
    fs.linkSync('/d/a', '/d/c');
    expect(listed()).toBe('a,b,c,e');
    fs.renameSync('/d/a', '/moved');
    expect(listed()).toBe('b,c,e');
    fs.renameSync('/d/b', '/d/z');
    expect(listed()).toBe('c,e,z');
    fs.rmSync('/d/e', { recursive: true });
    expect(listed()).toBe('c,z');
    await overlay.batch(async (batch) => {
      await batch.writeFile('/d/q', '');
    });
    expect(listed()).toBe('c,q,z');
  });
});

describe('throwIfNoEntry: false', () => {
  test('gives undefined for what does not exist, and throws whatever else is wrong', async () => {
    const { fs } = await mount();
    for (const stat of [fs.statSync, fs.lstatSync]) {
      expect(stat('/no', { throwIfNoEntry: false })).toBeUndefined();
      expect(stat('/no/deeper', { throwIfNoEntry: false })).toBeUndefined();
      expect(stat('/d', { throwIfNoEntry: false })?.isDirectory()).toBe(true);
      expect(codeOf(() => stat('/d/a/x', { throwIfNoEntry: false }))).toBe('ENOTDIR');
      expect(codeOf(() => stat('/no', { throwIfNoEntry: true }))).toBe('ENOENT');
      expect(codeOf(() => stat('/no', {}))).toBe('ENOENT');
    }
  });

  test('what stat throws for it otherwise is Node’s error, and its stack begins with the call', async () => {
    const { fs } = await mount();
    let error: NodeJS.ErrnoException | undefined;
    try {
      fs.lstatSync('/no/where');
    } catch (e) {
      error = e as NodeJS.ErrnoException;
    }
    expect({ ...error }).toEqual({ code: 'ENOENT', errno: -2, syscall: 'lstat', path: '/no/where' });
    expect(error?.message).toBe("ENOENT: no such file or directory, lstat '/no/where'");
    const [head, call, caller] = error!.stack!.split('\n');
    expect(head).toBe("Error: ENOENT: no such file or directory, lstat '/no/where'");
    expect(call).toContain('lstatSync');
    expect(caller).toContain('remembered-paths.test.ts');
  });
});
