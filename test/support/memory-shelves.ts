/* Shelves in memory, which outlive the caches that use them, and fail in the ways in which a browser's storage does. */

import type { Shelf, Shelves } from '../../src/storage/shelves.ts';

export class MemoryShelves implements Shelves {
  readonly shelves = new Map<string, Map<string, Blob>>();
  /** Bytes that the origin may have. */
  quota = Infinity;
  puts = 0;
  gets = 0;

  /** Everything that is asked waits for ever, as where the storage's process does not come up again. */
  isSilent = false;
  /** What was asked meanwhile. */
  unanswered = 0;
  readonly #awaited: { readonly prefix: string; readonly hear: () => void }[] = [];

  #answer(): Promise<void> {
    if (!this.isSilent) return Promise.resolve();
    this.unanswered++;
    return new Promise(() => undefined);
  }

  /** Resolves when somebody asks for a blob whose key starts so. */
  asked(prefix: string): Promise<void> {
    return new Promise((hear) => this.#awaited.push({ prefix, hear }));
  }

  async names(): Promise<string[]> {
    await this.#answer();
    return [...this.shelves.keys()];
  }

  async open(name: string): Promise<Shelf> {
    await this.#answer();
    const blobs = (): Map<string, Blob> => {
      if (!this.shelves.has(name)) this.shelves.set(name, new Map());
      return this.shelves.get(name)!;
    };
    blobs();
    return {
      keys: async () => {
        await this.#answer();
        return [...blobs().keys()];
      },
      get: async (key) => {
        await this.#answer();
        this.gets++;
        for (const { prefix, hear } of this.#awaited) if (key.startsWith(prefix)) hear();
        return blobs().get(key);
      },
      put: async (key, blob) => {
        await this.#answer();
        this.puts++;
        if (this.bytes + blob.size > this.quota) throw new DOMException('no more', 'QuotaExceededError');
        blobs().set(key, blob);
      },
      remove: async (key) => void blobs().delete(key),
    };
  }

  async get(name: string, key: string): Promise<Blob | undefined> {
    return this.shelves.has(name) ? (await this.open(name)).get(key) : undefined;
  }

  async remove(name: string): Promise<void> {
    this.shelves.delete(name);
  }

  get bytes(): number {
    return [...this.shelves.values()].flatMap((blobs) => [...blobs.values()]).reduce((sum, { size }) => sum + size, 0);
  }

  /** The shelves of archives: all but the catalog. */
  get archives(): string[] {
    return [...this.shelves.keys()].filter((name) => name !== 'catalog');
  }

  /** Replaces every blob whose key starts so, as a crash or a bad disk would. */
  async damage(prefix: string, change: (bytes: Uint8Array) => Uint8Array): Promise<number> {
    let damaged = 0;
    for (const blobs of this.shelves.values()) {
      for (const [key, blob] of blobs) {
        if (!key.startsWith(prefix)) continue;
        blobs.set(key, new Blob([change(new Uint8Array(await blob.arrayBuffer())) as Uint8Array<ArrayBuffer>]));
        damaged++;
      }
    }
    return damaged;
  }
}
