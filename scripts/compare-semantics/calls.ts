/* Makes the comparison's calls of anything that looks like `node:fs/promises`, whatever part of it a library has. */

import { type Attributes, CallFailed, type Calls, type Handle, NotOffered } from './subject.ts';

interface StatsLike {
  readonly mode: number;
  readonly size: number;
  readonly ino?: number | bigint | undefined;
  isDirectory(): boolean;
}

interface FileHandleLike {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** The part of `node:fs/promises` that is compared. */
export interface PromisesLike {
  readFile(path: string, encoding: 'utf8'): Promise<unknown>;
  writeFile(path: string, text: string): Promise<unknown>;
  appendFile?(path: string, text: string): Promise<unknown>;
  mkdir(path: string): Promise<unknown>;
  rmdir(path: string): Promise<unknown>;
  unlink(path: string): Promise<unknown>;
  rename(from: string, to: string): Promise<unknown>;
  readdir(path: string): Promise<readonly unknown[]>;
  stat(path: string): Promise<StatsLike>;
  chmod?(path: string, mode: number): Promise<unknown>;
  link?(existing: string, path: string): Promise<unknown>;
  symlink?(target: string, path: string): Promise<unknown>;
  open?(path: string, flags: string): Promise<FileHandleLike>;
}

const UNSUPPORTED = new Set(['ENOTSUP', 'ENOSYS', 'EOPNOTSUPP']);
/** Longest content that is read through a handle. */
const READ_SIZE = 4096;

async function call<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    const { code, message } = e as { code?: unknown; message?: unknown };
    const reason = typeof code === 'string' && code !== '' ? code : `"${String(message)}"`;
    if (UNSUPPORTED.has(reason)) throw new NotOffered(`${name} is ${reason}`);
    throw new CallFailed(name, reason, e);
  }
}

function offered<T>(name: string, method: T | undefined): T {
  if (method === undefined) throw new NotOffered(`no ${name}`);
  return method;
}

/** Gives the calls of a library's promises. */
export function callsOf(promises: PromisesLike): Calls {
  const done = async (name: string, work: () => Promise<unknown>): Promise<void> => void (await call(name, work));
  const optional = (name: 'appendFile' | 'chmod' | 'link' | 'symlink', first: string, second: string | number): Promise<void> =>
    done(name, () => (offered(name, promises[name]) as (a: string, b: string | number) => Promise<unknown>).call(promises, first, second));
  return {
    readFile: (path) => call('readFile', async () => String(await promises.readFile(path, 'utf8'))),
    writeFile: (path, text) => done('writeFile', () => promises.writeFile(path, text)),
    appendFile: async (path, text) => optional('appendFile', path, text),
    mkdir: (path) => done('mkdir', () => promises.mkdir(path)),
    rmdir: (path) => done('rmdir', () => promises.rmdir(path)),
    unlink: (path) => done('unlink', () => promises.unlink(path)),
    rename: (from, to) => done('rename', () => promises.rename(from, to)),
    readdir: (path) => call('readdir', async () => (await promises.readdir(path)).map(String).toSorted()),
    stat: (path) => call('stat', async () => attributesOf(await promises.stat(path))),
    chmod: async (path, mode) => optional('chmod', path, mode),
    link: async (existing, path) => optional('link', existing, path),
    symlink: async (target, path) => optional('symlink', target, path),
    open: async (path, flags) => {
      offered('open', promises.open);
      return handleOf(await call('open', () => promises.open!(path, flags)));
    },
  };
}

function attributesOf(stats: StatsLike): Attributes {
  return {
    mode: stats.mode & 0o7777,
    size: stats.size,
    ino: stats.ino === undefined ? undefined : Number(stats.ino),
    isDirectory: stats.isDirectory(),
  };
}

function handleOf(handle: FileHandleLike): Handle {
  return {
    read: () =>
      call('read', async () => {
        const buffer = new Uint8Array(READ_SIZE);
        const { bytesRead } = await handle.read(buffer, 0, READ_SIZE, 0);
        return new TextDecoder().decode(buffer.subarray(0, bytesRead));
      }),
    write: async (text) => {
      const bytes = new TextEncoder().encode(text);
      await call('write', () => handle.write(bytes, 0, bytes.length, 0));
    },
    close: async () => void (await call('close', () => handle.close())),
  };
}
