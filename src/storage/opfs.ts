/*
 * The origin's private file system (OPFS): the only file that asks for its root. Files are opened for synchronous use, which
 * dedicated workers of secure pages may do, and which is exclusive: a file has one owner at a time, of all tabs.
 * https://fs.spec.whatwg.org/#api-filesystemsyncaccesshandle
 */

/** A file open for synchronous use. What it gives and takes it does at once; errors are DOMExceptions. */
export interface SyncFile {
  /** Reads up to `into.length` bytes from `at`; gives how many there were. */
  read(into: Uint8Array<ArrayBuffer>, at: number): number;
  /** Writes at `at`. @throws QuotaExceededError, and then some of it may have been written */
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void;
  truncate(size: number): void;
  /** Bytes. */
  size(): number;
  /** What was written is on the disk when it returns: it blocks. */
  flush(): void;
  close(): void;
}

/** Where a file is: the directories from the root down, then the file. */
export type FilePath = readonly [string, ...string[]];

/** The part of a worker's scope that is not in every browser. */
interface SyncHandle {
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}
interface FileWithSyncHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncHandle>;
}

/** The root directory, or `undefined` where there is no such file system: insecure pages, WebKitGTK, Node, private windows of some browsers. */
export async function privateRoot(): Promise<FileSystemDirectoryHandle | undefined> {
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as Partial<StorageManager> | undefined;
  if (storage?.getDirectory === undefined) return undefined;
  try {
    return await storage.getDirectory();
  } catch {
    // SecurityError or a browser that has the method and nothing behind it: the same as having none.
    return undefined;
  }
}

async function directoryOf(path: FilePath, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  let directory = await privateRoot();
  for (const name of path.slice(0, -1)) directory = await directory?.getDirectoryHandle(name, { create });
  return directory;
}

/**
 * Opens a file, made where there is none. `undefined` where the platform has no synchronous files.
 * @throws DOMException NoModificationAllowedError when somebody else has it open, QuotaExceededError
 */
export async function openSyncFile(path: FilePath): Promise<SyncFile | undefined> {
  const directory = await directoryOf(path, true);
  const file: FileWithSyncHandle | undefined = await directory?.getFileHandle(path.at(-1)!, { create: true });
  if (file?.createSyncAccessHandle === undefined) return undefined;
  return syncFile(await file.createSyncAccessHandle());
}

function syncFile(file: SyncHandle): SyncFile {
  return {
    read: (into, at) => file.read(into, { at }),
    write: (bytes, at) => {
      const written = file.write(bytes, { at });
      // A disk that is full may take a part of it and say nothing.
      if (written !== bytes.length) throw new DOMException(`${written} of ${bytes.length} bytes were written`, 'QuotaExceededError');
    },
    truncate: (size) => file.truncate(size),
    size: () => file.getSize(),
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

/** The names in a directory; none where there is no such directory. */
export async function listDirectory(path: readonly string[]): Promise<string[]> {
  try {
    const directory = await directoryOf([...path, ''] as unknown as FilePath, false);
    const names: string[] = [];
    if (directory !== undefined)
      for await (const name of (directory as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    return names;
  } catch (e) {
    if (isMissing(e)) return [];
    throw e;
  }
}

/**
 * Removes a file that was written synchronously; does nothing where there is none. It is emptied first: of what a handle wrote Chromium
 * forgets after a restart that it counted it, and a removal then takes from the origin's usage what is not in it.
 * @throws DOMException NoModificationAllowedError when somebody has it open
 */
export async function removeSyncFile(path: FilePath): Promise<void> {
  if (!(await listDirectory(path.slice(0, -1))).includes(path.at(-1)!)) return;
  const file = await openSyncFile(path);
  file?.truncate(0);
  file?.close();
  await removeEntry(path);
}

/** Removes a file, or a directory with everything in it; does nothing where there is none. */
export async function removeEntry(path: FilePath): Promise<void> {
  try {
    const directory = await directoryOf(path, false);
    await directory?.removeEntry(path.at(-1)!, { recursive: true });
  } catch (e) {
    if (!isMissing(e)) throw e;
  }
}

const isMissing = (e: unknown): boolean => e instanceof DOMException && e.name === 'NotFoundError';

/** Tells whether an opening or a removal failed because somebody, perhaps another tab, has the file open. */
export const isHeldElsewhere = (e: unknown): boolean => e instanceof DOMException && e.name === 'NoModificationAllowedError';
