/* Makes the comparison's calls of anything that looks like `node:fs/promises`, whatever part of it a library has. */

import { type Attributes, CallFailed, type Calls, type Handle, NotOffered } from './subject.ts';

interface StatsLike {
  readonly mode: number;
  readonly size: number;
  readonly ino?: number | bigint | undefined;
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
    if (e instanceof NotOffered) throw e;
    const { code, message } = e as { code?: unknown; message?: unknown };
    const reason = typeof code === 'string' && code !== '' ? code : `"${String(message)}"`;
    if (UNSUPPORTED.has(reason)) throw new NotOffered(`${name} is ${reason}`);
    throw new CallFailed(name, reason, e);
  }
}

/** Gives the calls of a library's promises. */
export function callsOf(promises: PromisesLike): Calls {
  const done = async (name: string, work: () => Promise<unknown>): Promise<void> => void (await call(name, work));
  const offered = <T>(name: string, answer: Promise<T> | undefined): Promise<T> => {
    if (answer === undefined) throw new NotOffered(`no ${name}`);
    return answer;
  };
  return {
    readFile: (path) => call('readFile', async () => String(await promises.readFile(path, 'utf8'))),
    writeFile: (path, text) => done('writeFile', () => promises.writeFile(path, text)),
    appendFile: (path, text) => done('appendFile', () => offered('appendFile', promises.appendFile?.(path, text))),
    mkdir: (path) => done('mkdir', () => promises.mkdir(path)),
    rmdir: (path) => done('rmdir', () => promises.rmdir(path)),
    unlink: (path) => done('unlink', () => promises.unlink(path)),
    rename: (from, to) => done('rename', () => promises.rename(from, to)),
    readdir: (path) => call('readdir', async () => (await promises.readdir(path)).map(String).toSorted()),
    stat: (path) => call('stat', async () => attributesOf(await promises.stat(path))),
    chmod: (path, mode) => done('chmod', () => offered('chmod', promises.chmod?.(path, mode))),
    link: (existing, path) => done('link', () => offered('link', promises.link?.(existing, path))),
    symlink: (target, path) => done('symlink', () => offered('symlink', promises.symlink?.(target, path))),
    open: async (path, flags) => handleOf(await call('open', () => offered('open handles', promises.open?.(path, flags)))),
  };
}

function attributesOf(stats: StatsLike): Attributes {
  return {
    mode: stats.mode & 0o7777,
    size: stats.size,
    ino: stats.ino === undefined ? undefined : Number(stats.ino),
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
