/*
 * One file of the origin's private file system that holds space and nothing else. It is sparse: it counts in the quota and takes no disk.
 * It is resized by writable streams, never by a synchronous handle: what those change Chromium counts only until it is restarted.
 */

import { privateRoot } from './opfs.ts';

/** Beside the folders of workspaces, whose names have no `@`. */
const FOLDER = 'stratafs';
const FILE = '@reserve';

/** The file that holds space for all workspaces of the origin. */
export interface HeldSpace {
  /** Bytes; 0 where there is no file. @throws DOMException */
  size(): Promise<number>;
  /** @throws DOMException QuotaExceededError where there is no room; then the size is as before */
  resize(size: number): Promise<void>;
  /** Removes the file. On a full disk nothing else can be done with it. @throws DOMException */
  release(): Promise<void>;
}

/** Finds the file, which may not be there yet; `undefined` where the browser has no files of this kind. @throws DOMException */
export async function openHeldSpace(): Promise<HeldSpace | undefined> {
  if (!('createWritable' in (globalThis.FileSystemFileHandle?.prototype ?? {}))) return undefined;
  const folder = await (await privateRoot())?.getDirectoryHandle(FOLDER, { create: true });
  if (folder === undefined) return undefined;
  return {
    async size() {
      try {
        return (await (await folder.getFileHandle(FILE)).getFile()).size;
      } catch (e) {
        if (isMissing(e)) return 0;
        throw e;
      }
    },
    async resize(size) {
      const writable = await (await folder.getFileHandle(FILE, { create: true })).createWritable();
      try {
        await writable.truncate(size);
      } catch (e) {
        await writable.abort().catch(() => undefined); // it is why we are here
        throw e;
      }
      await writable.close();
    },
    async release() {
      await folder.removeEntry(FILE).catch((e: unknown) => {
        if (!isMissing(e)) throw e;
      });
    },
  };
}

const isMissing = (e: unknown): boolean => e instanceof DOMException && e.name === 'NotFoundError';
