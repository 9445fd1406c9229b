/* The quota of a workspace: what would take more than it may is EDQUOT, and leaves nothing behind. */

import { describe, expect, test } from 'vitest';

import { Bench } from '../support/bench.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file } from '../support/tree.ts';

const QUOTA = 100_000;
const KIB = new Uint8Array(1024);

const bench = () =>
  Bench.mount([lower(dir('d', file('x', 'X')), file('large', 'y'.repeat(600_000)))], { quota: QUOTA, upper: faultyUpper() });

/** Writes files until one is refused; gives how many there are. */
async function fill({ fs }: Bench): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      await fs.writeFile(`/f${i}`, KIB);
    } catch (e) {
      expect(e).toMatchObject({ code: 'EDQUOT', syscall: 'open', path: `/f${i}`, errno: -122 });
      return i;
    }
  }
}

describe('a workspace with a quota', () => {
  test('takes what its quota allows, and tells', async () => {
    const on = await bench();
    expect(on.overlay.usage()).toEqual({ used: 0, quota: QUOTA });
    const files = await fill(on);
    expect(files).toBe(Math.floor(QUOTA / (1024 + 256)));
    const { used } = on.overlay.usage();
    expect(used).toBe(files * (1024 + 256));
    await on.remount();
    expect(on.overlay.usage()).toEqual({ used, quota: QUOTA });
  });

  test('goes on reading, deleting, truncating and overwriting when it is full, and takes as much again afterwards', async () => {
    const on = await bench();
    const files = await fill(on);
    await on.fs.writeFile('/f0', KIB);
    await on.fs.truncate('/f1', 0);
    await on.fs.chmod('/f2', 0o600);
    await on.fs.rename('/f3', '/g3');
    expect((await on.fs.readFile('/f4')).length).toBe(1024);
    await on.fs.rm('/d', { recursive: true });
    await on.fs.unlink('/large');
    await on.fs.unlink('/f5');
    await on.fs.writeFile('/f1', KIB);
    await on.fs.writeFile('/f5', KIB);
    await expect(on.fs.writeFile('/f6', new Uint8Array(2048))).rejects.toMatchObject({ code: 'EDQUOT' });
    for (let i = 4; i < files; i++) await on.fs.unlink(`/f${i}`);
    expect(on.overlay.usage().used).toBe(4 * (1024 + 256));
    await on.settledTree();
  });

  test.each<[string, (on: Bench) => Promise<unknown> | void]>([
    ['writeFile', ({ fs }) => fs.writeFile('/new', new Uint8Array(QUOTA))],
    ['appendFile', ({ fs }) => fs.appendFile('/d/x', new Uint8Array(QUOTA))],
    ['one byte into a large file of the lower', ({ fs }) => fs.writeFile('/large', '!', { flag: 'r+' })],
    ['writeFileSync', ({ sync }) => sync.writeFileSync('/new', new Uint8Array(QUOTA))],
    [
      'cp of a tree',
      async ({ fs }) => {
        await fs.writeFile('/d/half', new Uint8Array(60_000));
        await fs.cp('/d', '/e', { recursive: true });
      },
    ],
    [
      'a batch',
      ({ overlay }) =>
        overlay.batch(async (fs) => {
          await fs.mkdir('/e');
          await fs.writeFile('/e/1', new Uint8Array(60_000));
          await fs.writeFile('/e/2', new Uint8Array(60_000));
        }),
    ],
    [
      'a batch that goes on after it',
      ({ overlay }) =>
        overlay.batch(async (fs) => {
          await fs.writeFile('/2', new Uint8Array(QUOTA)).catch(() => undefined);
        }),
    ],
  ])('refuses %s that would take more, and nothing of it stays', async (_name, run) => {
    const on = await bench();
    await on.fs.writeFile('/before', 'kept');
    const before = (await on.tree()).filter((line) => !line.includes('half'));
    const used = () => on.overlay.usage().used;
    await expect(Promise.resolve().then(() => run(on))).rejects.toMatchObject({ code: 'EDQUOT' });
    expect((await on.tree()).filter((line) => !line.includes('half'))).toEqual(before);
    const counted = used();
    await on.remount();
    expect(used()).toBe(counted);
    await on.settledTree();
  });

  test('leaves no descriptor open of a file that could not be created', async () => {
    const on = await bench();
    await fill(on);
    for (let i = 0; i < 5; i++) await on.fs.writeFile(`/e${i}`, '').catch(() => undefined);
    expect(() => on.sync.openSync('/one-too-many', 'w')).toThrow(expect.objectContaining({ code: 'EDQUOT' }) as Error);
    await expect(on.fs.open('/another', 'w')).rejects.toMatchObject({ code: 'EDQUOT' });
    expect(() => on.sync.fstatSync(3)).toThrow(expect.objectContaining({ code: 'EBADF' }) as Error);
    await on.settledTree();
  });
});
