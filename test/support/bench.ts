/* A checked overlay on the bench: mounted for one test, remounted and taken apart at will, closed at its end. */

import { onTestFinished } from 'vitest';

import type { Fs, FsPromises } from '../../src/fs/api.ts';
import { Overlay, type OverlayOptions } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperImage, UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { type CheckedOverlay, checked } from './checked.ts';
import { dumpUpper, imageOf } from './dump-upper.ts';
import { type SnapshotOptions, snapshotTree } from './snapshot-tree.ts';

export class Bench {
  private constructor(
    private readonly options: OverlayOptions & { readonly upper: UpperStore },
    private mounted: CheckedOverlay,
  ) {}

  /** Mounts lowers, topmost first, under an upper in memory or the one given. */
  static async mount(lower: readonly Layer[], options: Omit<OverlayOptions, 'lower'> = {}): Promise<Bench> {
    const all = { ...options, lower, upper: options.upper ?? memoryUpper() };
    const bench = new Bench(all, checked(await Overlay.mount(all)));
    onTestFinished(() => bench.close());
    return bench;
  }

  get fs(): FsPromises {
    return this.mounted.fs.promises;
  }
  get sync(): Fs {
    return this.mounted.fs;
  }
  get overlay(): Overlay {
    return this.mounted.overlay;
  }
  /** The same tree for another user. */
  as(credentials: Parameters<Overlay['as']>[0]): FsPromises {
    return this.mounted.as(credentials).promises;
  }

  async close(): Promise<void> {
    await this.mounted.close();
  }

  async remount(): Promise<void> {
    await this.mounted.close();
    this.mounted = checked(await Overlay.mount(this.options));
  }

  /** Mounts the upper over other lowers. When that fails it stays closed, and can be mounted again. */
  async mountAgain(lower: readonly Layer[]): Promise<void> {
    await this.mounted.overlay.close();
    this.mounted = checked(await Overlay.mount({ ...this.options, lower }));
  }

  /** What the upper holds. Remounts. */
  async image(): Promise<UpperImage> {
    await this.mounted.close();
    const image = await imageOf(this.options.upper);
    this.mounted = checked(await Overlay.mount(this.options));
    return image;
  }

  /** What the upper holds, in the notation of the semantic cases. Remounts. */
  async upper(metacopies: readonly string[] = []): Promise<string> {
    return (await dumpUpper(await this.image(), this.fs, new Set(metacopies))).join(' ');
  }

  tree(path = '/', options?: SnapshotOptions): Promise<string[]> {
    return snapshotTree(this.fs, path, options);
  }

  /** The whole tree with inode numbers and times, the same before and after a remount; throws when it is not. */
  async settledTree(): Promise<string[]> {
    const before = await this.tree('/', { with: ['ino', 'mtime'] });
    await this.remount();
    const after = await this.tree('/', { with: ['ino', 'mtime'] });
    const lost = before.filter((line) => !after.includes(line));
    const found = after.filter((line) => !before.includes(line));
    if (lost.length + found.length > 0)
      throw new Error(`a remount changed the tree\nlost:  ${lost.join('\n       ')}\nfound: ${found.join('\n       ')}`);
    return this.tree();
  }
}

/** The names below a directory, sorted, one string. */
export const names = async (fs: FsPromises, path: string): Promise<string> => (await fs.readdir(path)).sort().join();
