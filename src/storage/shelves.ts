/*
 * Shelves of blobs in the origin's Cache API: the only file that says `caches`. A shelf is a cache, a blob one response in it, put
 * there at once or not at all, and never changed. Every tab and worker sees all of them, and nobody locks anybody out; a blob is
 * read in slices, by workers also without waiting for the event loop. docs/decisions/0012 tells why it is not OPFS.
 */

import { FILES_TIMEOUT, answered } from './answer.ts';

/** The blobs of one name. */
export interface Shelf {
  /** Keys in the order in which they were put. */
  keys(): Promise<string[]>;
  get(key: string): Promise<Blob | undefined>;
  /** @throws DOMException QuotaExceededError when there is no room */
  put(key: string, blob: Blob): Promise<void>;
  remove(key: string): Promise<void>;
}

/** All shelves whose names start alike. */
export interface Shelves {
  names(): Promise<string[]>;
  /** Opens a shelf; makes it where there is none. */
  open(name: string): Promise<Shelf>;
  /** Gives a blob of a shelf without opening that: one question instead of two. */
  get(name: string, key: string): Promise<Blob | undefined>;
  /** Removes a shelf with what is on it. Blobs that somebody has got stay readable where the platform allows it. */
  remove(name: string): Promise<void>;
}

/** Keys of the Cache API are URLs. Nothing is ever fetched from this one: `.invalid` exists nowhere (RFC 2606). */
const ORIGIN = 'https://stratafs.invalid/';

/** The shelves below a prefix; `undefined` where there is no such storage: insecure pages, Node, private windows of some browsers. */
export function originShelves(prefix: string): Shelves | undefined {
  const storage = storageOfOrigin();
  if (storage === undefined) return undefined;
  return {
    names: async () => (await storage.keys()).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    open: async (name) => shelfOf(await storage.open(prefix + name)),
    get: async (name, key) => (await storage.match(urlOf(key), { cacheName: prefix + name }))?.blob(),
    remove: async (name) => void (await storage.delete(prefix + name)),
  };
}

/** Milliseconds until a blob that is being written is given up: some MiB on a slow disk. */
const PUT_TIMEOUT = 30_000;

/**
 * The same shelves with an end to every wait. Where something has had no answer in time it rejects with a TimeoutError, and so does
 * everything after it at once: whoever can do without waits no second time.
 */
export function answeringShelves(shelves: Shelves, limit = FILES_TIMEOUT): Shelves {
  let silence: DOMException | undefined;
  const within = async <T>(ask: () => Promise<T>, most = limit): Promise<T> => {
    if (silence !== undefined) throw silence;
    try {
      return await answered(ask(), most);
    } catch (e) {
      if (e instanceof DOMException && e.name === 'TimeoutError') silence = e;
      throw e;
    }
  };
  const shelf = (inner: Shelf): Shelf => ({
    keys: () => within(() => inner.keys()),
    get: (key) => within(() => inner.get(key)),
    put: (key, blob) => within(() => inner.put(key, blob), Math.max(limit, PUT_TIMEOUT)),
    remove: (key) => within(() => inner.remove(key)),
  });
  return {
    names: () => within(() => shelves.names()),
    open: async (name) => shelf(await within(() => shelves.open(name))),
    get: (name, key) => within(() => shelves.get(name, key)),
    remove: (name) => within(() => shelves.remove(name)),
  };
}

function storageOfOrigin(): CacheStorage | undefined {
  try {
    return (globalThis as { readonly caches?: CacheStorage }).caches;
  } catch {
    // SecurityError: a sandboxed frame has the name and nothing behind it.
    return undefined;
  }
}

function shelfOf(cache: Cache): Shelf {
  return {
    keys: async () => (await cache.keys()).map(({ url }) => decodeURIComponent(url.slice(ORIGIN.length))),
    get: async (key) => (await cache.match(urlOf(key)))?.blob(),
    put: (key, blob) => cache.put(urlOf(key), new Response(blob)),
    remove: async (key) => void (await cache.delete(urlOf(key))),
  };
}

const urlOf = (key: string): string => ORIGIN + encodeURIComponent(key);

/** The part of a worker's scope that documents and Node do not have. */
interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** Reads a blob without waiting for the event loop; `undefined` where that cannot be done. @throws DOMException when it is gone */
export function readBlobSync(blob: Blob): Uint8Array<ArrayBuffer> | undefined {
  const { FileReaderSync: Reader } = globalThis as { readonly FileReaderSync?: new () => SyncReader };
  return Reader === undefined ? undefined : new Uint8Array(new Reader().readAsArrayBuffer(blob));
}
