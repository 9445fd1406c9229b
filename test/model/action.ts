/* What the model and the engine are asked to do, as plain data, and how the engine does it: by promises or synchronously. */

import { decodeText } from '../../src/base/encoding.ts';
import { isFsError } from '../../src/base/errors.ts';
import type { FileHandle, Fs, FsPromises } from '../../src/fs/api.ts';

/** A call of `node:fs` with paths of the merged tree. */
export type Call =
  | { readonly op: 'writeFile' | 'appendFile'; readonly path: string; readonly text: string }
  | { readonly op: 'truncate'; readonly path: string; readonly size: number }
  | { readonly op: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly op: 'symlink'; readonly path: string; readonly to: string }
  | { readonly op: 'link' | 'copyFile'; readonly path: string; readonly to: string }
  | { readonly op: 'rename'; readonly path: string; readonly to: string; readonly flags: number }
  | {
      readonly op: 'mkdir' | 'mkdirAll' | 'rmdir' | 'unlink' | 'rm' | 'readFile' | 'readdir' | 'readlink' | 'lstat' | 'realpath';
      readonly path: string;
    };

/** A call on an open file. `slot` is the number that the sequence gives it. */
export type HandleCall =
  | { readonly op: 'open'; readonly slot: number; readonly path: string; readonly flag: string }
  | { readonly op: 'read'; readonly slot: number; readonly size: number }
  | { readonly op: 'write'; readonly slot: number; readonly text: string; readonly at: number | null }
  | { readonly op: 'ftruncate'; readonly slot: number; readonly size: number }
  | { readonly op: 'fstat' | 'close'; readonly slot: number };

export type Action = Call | HandleCall;

/** What an action gave: 'ok', an error code, or what was read. */
export type Result = string;

/** How an action's result is told, whoever did it. */
export const told = {
  read: (text: string): Result => `read ${text}`,
  names: (names: readonly string[]): Result => `names ${[...names].sort().join(' ')}`,
  made: (path: string | undefined): Result => `made ${path ?? 'nothing'}`,
  file: (mode: number, links: number, size: number): Result => `file ${(mode & 0o7777).toString(8)} ${links} ${size}`,
  directory: (mode: number): Result => `directory ${(mode & 0o7777).toString(8)}`,
  link: (links: number): Result => `symlink ${links}`,
} as const;

interface Described {
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function describe(stats: Described): Result {
  if (stats.isDirectory()) return told.directory(stats.mode);
  return stats.isSymbolicLink() ? told.link(stats.nlink) : told.file(stats.mode, stats.nlink, stats.size);
}

/** The engine, as one that is told actions. */
export interface Performer {
  perform(action: Action): Promise<Result>;
  /** Closes what is open. */
  closeAll(): Promise<void>;
}

/** Gives the code of a POSIX error; everything else is a defect and goes on. */
async function codeOr(work: () => Promise<Result | void> | Result | void): Promise<Result> {
  try {
    return (await work()) ?? 'ok';
  } catch (e) {
    if (!isFsError(e)) throw e;
    return e.code;
  }
}

/** Does actions by promises. */
export function asyncPerformer(fs: FsPromises): Performer {
  const handles = new Map<number, FileHandle>();
  const call = (action: Call): Promise<Result | void> => performCall(fs, action);
  return {
    perform: (action) => codeOr(() => ('slot' in action ? performOnHandle(fs, handles, action) : call(action))),
    async closeAll() {
      for (const handle of handles.values()) await handle.close();
      handles.clear();
    },
  };
}

async function performCall(fs: FsPromises, action: Call): Promise<Result | void> {
  const { path } = action;
  switch (action.op) {
    case 'writeFile':
      return fs.writeFile(path, action.text);
    case 'appendFile':
      return fs.appendFile(path, action.text);
    case 'truncate':
      return fs.truncate(path, action.size);
    case 'chmod':
      return fs.chmod(path, action.mode);
    case 'symlink':
      return fs.symlink(action.to, path);
    case 'link':
      return fs.link(path, action.to);
    case 'copyFile':
      return fs.copyFile(path, action.to);
    case 'rename':
      return fs.rename(path, action.to, action.flags);
    case 'mkdir':
      return void (await fs.mkdir(path));
    case 'mkdirAll':
      return told.made(await fs.mkdir(path, { recursive: true }));
    case 'rmdir':
      return fs.rmdir(path);
    case 'unlink':
      return fs.unlink(path);
    case 'rm':
      return fs.rm(path, { recursive: true });
    case 'readFile':
      return told.read(await fs.readFile(path, 'latin1'));
    case 'readdir':
      return told.names(await fs.readdir(path));
    case 'readlink':
      return told.read(await fs.readlink(path));
    case 'lstat':
      return describe(await fs.lstat(path));
    case 'realpath':
      return told.read(await fs.realpath(path));
    default:
      return action satisfies never;
  }
}

async function performOnHandle(fs: FsPromises, handles: Map<number, FileHandle>, action: HandleCall): Promise<Result | void> {
  const handle = handles.get(action.slot);
  if (action.op === 'open') {
    handles.delete(action.slot);
    await handle?.close();
    handles.set(action.slot, await fs.open(action.path, action.flag));
    return 'ok';
  }
  if (handle === undefined) return 'not open';
  switch (action.op) {
    case 'read': {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(action.size));
      return told.read(decodeText(buffer.subarray(0, bytesRead), 'latin1'));
    }
    case 'write':
      return void (await handle.write(action.text, action.at));
    case 'ftruncate':
      return handle.truncate(action.size);
    case 'fstat':
      return describe(await handle.stat());
    case 'close':
      handles.delete(action.slot);
      return handle.close();
    default:
      return action satisfies never;
  }
}

/** Does the same synchronously. */
export function syncPerformer(fs: Fs): Performer {
  const fds = new Map<number, number>();
  return {
    perform: (action) => codeOr(() => ('slot' in action ? performOnFd(fs, fds, action) : performCallSync(fs, action))),
    async closeAll() {
      for (const fd of fds.values()) fs.closeSync(fd);
      fds.clear();
    },
  };
}

function performCallSync(fs: Fs, action: Call): Result | void {
  const { path } = action;
  switch (action.op) {
    case 'writeFile':
      return fs.writeFileSync(path, action.text);
    case 'appendFile':
      return fs.appendFileSync(path, action.text);
    case 'truncate':
      return fs.truncateSync(path, action.size);
    case 'chmod':
      return fs.chmodSync(path, action.mode);
    case 'symlink':
      return fs.symlinkSync(action.to, path);
    case 'link':
      return fs.linkSync(path, action.to);
    case 'copyFile':
      return fs.copyFileSync(path, action.to);
    case 'rename':
      return fs.renameSync(path, action.to, action.flags);
    case 'mkdir':
      return void fs.mkdirSync(path);
    case 'mkdirAll':
      return told.made(fs.mkdirSync(path, { recursive: true }));
    case 'rmdir':
      return fs.rmdirSync(path);
    case 'unlink':
      return fs.unlinkSync(path);
    case 'rm':
      return fs.rmSync(path, { recursive: true });
    case 'readFile':
      return told.read(fs.readFileSync(path, 'latin1'));
    case 'readdir':
      return told.names(fs.readdirSync(path));
    case 'readlink':
      return told.read(fs.readlinkSync(path));
    case 'lstat':
      return describe(fs.lstatSync(path));
    case 'realpath':
      return told.read(fs.realpathSync(path));
    default:
      return action satisfies never;
  }
}

function performOnFd(fs: Fs, fds: Map<number, number>, action: HandleCall): Result | void {
  const fd = fds.get(action.slot);
  if (action.op === 'open') {
    fds.delete(action.slot);
    if (fd !== undefined) fs.closeSync(fd);
    return void fds.set(action.slot, fs.openSync(action.path, action.flag));
  }
  if (fd === undefined) return 'not open';
  switch (action.op) {
    case 'read': {
      const bytes = new Uint8Array(action.size);
      return told.read(decodeText(bytes.subarray(0, fs.readSync(fd, bytes)), 'latin1'));
    }
    case 'write':
      return void fs.writeSync(fd, action.text, action.at);
    case 'ftruncate':
      return fs.ftruncateSync(fd, action.size);
    case 'fstat':
      return describe(fs.fstatSync(fd));
    case 'close':
      fds.delete(action.slot);
      return fs.closeSync(fd);
    default:
      return action satisfies never;
  }
}
