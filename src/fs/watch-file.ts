/* `fs.watchFile`: told by commits instead of by polling. */

import { Stats } from '../base/stats.ts';
import { isFsError } from '../base/errors.ts';
import type { PathLike, StatListener, Watcher } from './api.ts';
import { toPath } from './arguments.ts';
import { operations } from './operations.ts';
import { type View, performSync } from './perform.ts';

/** What Node gives for a path where nothing is. */
const NOTHING = new Stats({
  ino: 0,
  mode: 0,
  nlink: 0,
  uid: 0,
  gid: 0,
  rdev: 0,
  size: 0,
  atimeMs: 0,
  mtimeMs: 0,
  ctimeMs: 0,
  birthtimeMs: 0,
});

/** The `watchFile` watchers of one surface. */
export class FileWatchers {
  readonly #watchers = new Map<string, Map<StatListener, Watcher>>();

  constructor(private readonly view: View) {}

  /** Watches a path, whether something is there or not. */
  add(path: PathLike, listener: StatListener): Watcher {
    const key = toPath(path);
    this.remove(key, listener);
    let previous = this.#stat(key);
    // Any commit may change what a path leads to: a directory above it may be renamed, or a symbolic link on the way.
    const end = this.view.engine.watchers.add('/', true, () => {
      const current = this.#stat(key);
      if (isSame(current, previous)) return;
      const before = previous;
      previous = current;
      listener(current, before);
    });
    const watcher = { close: () => this.remove(key, listener) };
    const listeners = this.#watchers.get(key) ?? new Map<StatListener, Watcher>();
    this.#watchers.set(key, listeners.set(listener, { close: end }));
    return watcher;
  }

  remove(path: PathLike, listener?: StatListener): void {
    const key = toPath(path);
    const listeners = this.#watchers.get(key);
    for (const [each, watcher] of listeners ?? []) {
      if (listener !== undefined && listener !== each) continue;
      watcher.close();
      listeners!.delete(each);
    }
    if (listeners?.size === 0) this.#watchers.delete(key);
  }

  #stat(path: string): Stats {
    try {
      return performSync(this.view, operations.stat, [path, { throwIfNoEntry: false }]) ?? NOTHING;
    } catch (e) {
      if (isFsError(e)) return NOTHING;
      throw e;
    }
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size && a.mode === b.mode && a.nlink === b.nlink
  );
}
