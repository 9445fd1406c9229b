/* Watching: what was committed is told to whoever watches the directory or file that it happened to. Reading tells nothing. */

/** Something that happened to a path. Node's types: *rename*: a name came or went; *change*: content or attributes did. */
export interface WatchEvent {
  readonly eventType: 'rename' | 'change';
  /** Absolute path in the merged tree. */
  readonly path: string;
}

export type WatchListener = (eventType: WatchEvent['eventType'], filename: string) => void;

interface Watcher {
  readonly path: string;
  readonly recursive: boolean;
  readonly listener: WatchListener;
}

export class Watchers {
  readonly #watchers = new Set<Watcher>();

  get isEmpty(): boolean {
    return this.#watchers.size === 0;
  }

  /** Watches the real path of a directory or file. Gives the function that ends it. */
  add(path: string, recursive: boolean, listener: WatchListener): () => void {
    const watcher = { path, recursive, listener };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Tells what a commit changed, in the order in which it happened. */
  deliver(events: readonly WatchEvent[]): void {
    for (const { eventType, path } of events) {
      for (const watcher of this.#watchers) {
        const filename = relativeTo(watcher, path);
        if (filename !== undefined) tell(watcher, eventType, filename);
      }
    }
  }
}

/** What a listener throws is its own affair, as in Node: an uncaught exception, which neither other listeners nor commits meet. */
function tell({ listener }: Watcher, eventType: WatchEvent['eventType'], filename: string): void {
  try {
    listener(eventType, filename);
  } catch (e) {
    queueMicrotask(() => {
      throw e;
    });
  }
}

/** The name that a watcher hears for a path, or `undefined` when it is none of its business. */
function relativeTo(watcher: Watcher, path: string): string | undefined {
  if (path === watcher.path) return path.slice(path.lastIndexOf('/') + 1);
  const prefix = watcher.path === '/' ? '/' : `${watcher.path}/`;
  if (!path.startsWith(prefix)) return undefined;
  const rest = path.slice(prefix.length);
  return watcher.recursive || !rest.includes('/') ? rest : undefined;
}
