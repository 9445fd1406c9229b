/*
 * Shows synchronous calls as promises, so that the same suites judge both. What a synchronous call throws, rejects. Handles
 * are descriptors. Only `watch` is taken from the promises: there is no synchronous form of waiting.
 */

import type { Dir, FileHandle, FsPromises, FsSync } from '../../src/fs/api.ts';

type Call = (...args: unknown[]) => unknown;

/** Makes `fs.promises` of the `*Sync` calls. */
export function syncAsPromises(sync: FsSync, promises: FsPromises): FsPromises {
  const calls = sync as unknown as Record<string, Call | undefined>;
  const own = new Map<string, Call>([
    ['watch', (...args) => promises.watch(...(args as Parameters<FsPromises['watch']>))],
    ['open', async (...args) => new SyncHandle(sync, sync.openSync(...(args as Parameters<FsSync['openSync']>)))],
    ['opendir', async (...args) => dirOf(sync, ...(args as Parameters<FsSync['opendirSync']>))],
    ['exists', async (path) => calls['existsSync']!(path)],
  ]);
  return new Proxy({} as FsPromises, {
    get(_target, name) {
      if (typeof name !== 'string' || name === 'then') return undefined;
      return own.get(name) ?? (async (...args: unknown[]) => calls[`${name}Sync`]!.apply(sync, args));
    },
  });
}

function dirOf(sync: FsSync, path: Parameters<FsSync['opendirSync']>[0]): Dir {
  const dir = sync.opendirSync(path);
  const read: Dir['read'] = async () => dir.readSync();
  const close = async (): Promise<void> => dir.closeSync();
  return {
    path: dir.path,
    read,
    close,
    async *[Symbol.asyncIterator]() {
      for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry;
      dir.closeSync();
    },
    [Symbol.asyncDispose]: close,
  };
}

type Read = (buffer: ArrayBufferView, ...rest: unknown[]) => Promise<{ bytesRead: number; buffer: ArrayBufferView }>;
type Write = (data: ArrayBufferView | string, ...rest: unknown[]) => Promise<{ bytesWritten: number; buffer: ArrayBufferView | string }>;

/** The part of `FileHandle` that descriptors have. */
class SyncHandle {
  readonly #calls: FsSync;
  readonly fd: number;

  constructor(calls: FsSync, fd: number) {
    this.#calls = calls;
    this.fd = fd;
  }

  readonly read = (async (buffer, ...rest) => {
    const [first, length, position] = rest;
    const range =
      typeof first === 'object' && first !== null ? (first as { offset?: number; length?: number; position?: number }) : undefined;
    const { offset = 0, length: count = buffer.byteLength, position: at = null } = range ?? { offset: first, length, position };
    const [from, size] = [(offset ?? 0) as number, (count ?? buffer.byteLength) as number];
    return { bytesRead: this.#calls.readSync(this.fd, buffer, from, size, (at ?? null) as number | null), buffer };
  }) satisfies Read as unknown as FileHandle['read'];

  readonly write = (async (data, ...rest) => {
    const [first, second, third] = rest as [number?, number?, number?];
    if (typeof data === 'string')
      return { bytesWritten: this.#calls.writeSync(this.fd, data, first ?? null, second ?? null), buffer: data };
    const bytesWritten = this.#calls.writeSync(this.fd, data, first ?? 0, second ?? data.byteLength - (first ?? 0), third ?? null);
    return { bytesWritten, buffer: data };
  }) satisfies Write as unknown as FileHandle['write'];

  readonly readFile = (async (options?: Parameters<FileHandle['readFile']>[0]) =>
    this.#calls.readFileSync(this.fd, options as null)) as FileHandle['readFile'];

  async writeFile(data: string): Promise<void> {
    this.#calls.writeSync(this.fd, data);
  }
  async appendFile(data: string): Promise<void> {
    this.#calls.writeSync(this.fd, data);
  }
  async stat(): ReturnType<FileHandle['stat']> {
    return this.#calls.fstatSync(this.fd);
  }
  async truncate(length?: number): Promise<void> {
    this.#calls.ftruncateSync(this.fd, length);
  }
  async chmod(mode: number | string): Promise<void> {
    this.#calls.fchmodSync(this.fd, mode);
  }
  async chown(uid: number, gid: number): Promise<void> {
    this.#calls.fchownSync(this.fd, uid, gid);
  }
  async utimes(...times: Parameters<FileHandle['utimes']>): Promise<void> {
    this.#calls.futimesSync(this.fd, ...times);
  }
  async sync(): Promise<void> {
    this.#calls.fsyncSync(this.fd);
  }
  async datasync(): Promise<void> {
    this.#calls.fsyncSync(this.fd);
  }
  async close(): Promise<void> {
    this.#calls.closeSync(this.fd);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#calls.closeSync(this.fd);
  }
}
