/*
 * The folder of one workspace in the origin's private file system: guard files, numbered in the order in which they were begun, and the
 * marker. Owns their names, and which guard file counts: the complete one with the highest number. Everything older is left over.
 */

import { toHex, encodeUtf8 } from '../base/bytes.ts';
import { FILES_TIMEOUT, answered } from '../storage/answer.ts';
import { type SyncFile, isHeldElsewhere, listDirectory, openSyncFile, removeEntry, removeSyncFile } from '../storage/opfs.ts';
import { GuardLog } from './guard-log.ts';

/** Files by name. The browser's are those of `openGuardFolder`; tests have others. */
export interface GuardFolder {
  list(): Promise<string[]>;
  /** Opens a file, made where there is none. @throws DOMException NoModificationAllowedError when somebody else has it open */
  open(name: string): Promise<SyncFile>;
  /** Does nothing where there is no such file. @throws DOMException when somebody has it open */
  remove(name: string): Promise<void>;
}

/** How long a file may be held by a worker that is dying, and how often it is asked again meanwhile. Milliseconds. */
const PATIENCE = 1_000;
const PAUSE = 100;

const ROOT = 'stratafs';

/** Bytes of a name that every file system has room for. */
const NAME_LIMIT = 200;

/** The folder's name: the workspace's, percent-encoded, or a digest of it where that would be no name for a directory. */
async function folderName(workspace: string): Promise<string> {
  if (workspace.isWellFormed()) {
    const encoded = encodeURIComponent(workspace).replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length));
    if (encoded !== '' && encoded.length <= NAME_LIMIT) return encoded;
  }
  const digest = await crypto.subtle.digest('SHA-256', encodeUtf8(JSON.stringify(workspace)));
  return `%${toHex(new Uint8Array(digest))}`;
}

/** The workspace's folder, or `undefined` where the browser has no files for synchronous use. */
export async function openGuardFolder(workspace: string): Promise<GuardFolder | undefined> {
  if (!('FileSystemSyncAccessHandle' in globalThis)) return undefined;
  const folder = await folderName(workspace);
  return {
    list: () => listDirectory([ROOT, folder]),
    open: async (name) => {
      const file = await openSyncFile([ROOT, folder, name]);
      if (file === undefined) throw new DOMException('There are no synchronous files here', 'NotSupportedError');
      return file;
    },
    remove: (name) => removeSyncFile([ROOT, folder, name]),
  };
}

/** The same folder with an end to every wait: what has no answer in time rejects with a TimeoutError. */
export function answeringFolder(folder: GuardFolder, limit = FILES_TIMEOUT): GuardFolder {
  return {
    list: () => answered(folder.list(), limit),
    // A file that comes too late would keep everybody else out.
    open: (name) => answered(folder.open(name), limit, (file) => file.close()),
    remove: (name) => answered(folder.remove(name), limit),
  };
}

/** Removes the folder with everything in it. @throws DOMException when somebody has a file of it open, or the files do not answer */
export async function removeGuardFolder(workspace: string, limit = FILES_TIMEOUT): Promise<void> {
  const files = await openGuardFolder(workspace);
  if (files === undefined) return;
  const folder = answeringFolder(files, limit);
  for (const name of await folder.list()) await folder.remove(name);
  await answered(removeEntry([ROOT, await folderName(workspace)]), limit);
}

export const guardName = (number: number): string => `guard.${number}`;

/** The numbers of the guard files, the newest first. */
export async function guardNumbers(folder: GuardFolder): Promise<number[]> {
  const names = (await folder.list()).map((name) => /^guard\.(\d+)$/.exec(name)?.[1]).filter((digits) => digits !== undefined);
  return names.map(Number).sort((a, b) => b - a);
}

/** Opens a file; asks for a second again while somebody else has it open. @throws DOMException */
async function openPatiently(folder: GuardFolder, name: string, patience = PATIENCE): Promise<SyncFile> {
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return await folder.open(name);
    } catch (e) {
      if (!isHeldElsewhere(e) || waited >= patience) throw e;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** What the guard files of a workspace come to. */
export interface FoundGuard {
  /** The log that counts; none where nothing was found that the upper can be rebuilt from. */
  readonly log: GuardLog | undefined;
  /** Commits of the log beyond this one were made by an owner that another overtook: they are not the workspace's. */
  readonly until: number;
  /** The log's number. */
  readonly number: number;
  /** The highest number in use. The next file gets a higher one. `undefined` where the files could not be looked at. */
  readonly highest: number | undefined;
  /** Somebody else has the newest file open, or it cannot be looked at. Therefore nothing is known of what stands in it, and older ones do not count. */
  readonly held: boolean;
}

/** Finds the guard that counts. The caller closes its log. @throws DOMException */
export async function findGuard(folder: GuardFolder, patience?: number): Promise<FoundGuard> {
  const numbers = await guardNumbers(folder);
  const highest = numbers[0] ?? -1;
  let until = Infinity;
  for (const number of numbers) {
    const file = await openUnlessHeld(folder, guardName(number), patience);
    if (file === undefined) return { log: undefined, until, number: -1, highest, held: true };
    const log = GuardLog.open(file);
    if (log !== undefined) return { log, until, number, highest, held: false };
    until = Math.min(until, GuardLog.readHeader(file)?.outdates ?? Infinity);
    file.close();
  }
  return { log: undefined, until, number: -1, highest, held: false };
}

async function openUnlessHeld(folder: GuardFolder, name: string, patience?: number): Promise<SyncFile | undefined> {
  try {
    return await openPatiently(folder, name, patience);
  } catch (e) {
    if (isHeldElsewhere(e)) return undefined;
    throw e;
  }
}

/** Removes guard files by their numbers. What somebody has open stays. */
export async function removeGuards(folder: GuardFolder, which: (number: number) => boolean): Promise<void> {
  const numbers = await guardNumbers(folder);
  await Promise.allSettled(numbers.filter(which).map((number) => folder.remove(guardName(number))));
}
