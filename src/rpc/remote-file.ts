/* `FileHandle` of the page. The file is open in the worker; buffers stay on their side, only their bytes cross. */

import { FsError } from '../base/errors.ts';
import { Stats, type Attr } from '../base/stats.ts';
import { toView } from '../base/view.ts';
import type { Data, Encoding, FileHandle, ReadResult, TimeLike, WriteFileOptions, WriteResult } from '../fs/api.ts';
import type { Peer } from './peer.ts';
import type { FileMethod } from './wire.ts';

/** Bytes of a read into a buffer that the caller did not give, as in Node. */
const DEFAULT_READ = 16_384;

interface Range {
  readonly offset?: number;
  readonly length?: number;
  readonly position?: number | null;
}

export class RemoteFile implements FileHandle {
  #fd: number;

  constructor(
    private readonly peer: Peer,
    fd: number,
  ) {
    this.#fd = fd;
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  async read<T extends ArrayBufferView>(
    buffer: T = new Uint8Array(DEFAULT_READ) as unknown as T,
    offset?: number | null | Range,
    length?: number | null,
    position?: number | null,
  ): Promise<ReadResult<T>> {
    if (typeof offset === 'object' && offset !== null) return this.read(buffer, offset.offset, offset.length, offset.position);
    const part = toView(buffer, offset, length);
    const bytes = await this.#call<Uint8Array>('read', part.length, position);
    part.set(bytes);
    return { bytesRead: bytes.length, buffer };
  }

  async write<T extends ArrayBufferView | string>(
    data: T,
    offset?: number | null,
    length?: number | null | Encoding,
    position?: number | null,
  ): Promise<WriteResult<T>> {
    const args =
      typeof data === 'string' ? [data, offset, length] : [toView(data, offset, length as number | null), 0, undefined, position];
    const { bytesWritten } = await this.#call<{ bytesWritten: number }>('write', ...args);
    return { bytesWritten, buffer: data };
  }

  readFile(options: { readonly encoding: Encoding } | Encoding): Promise<string>;
  readFile(options?: { readonly encoding?: null } | null): Promise<Uint8Array>;
  readFile(options?: unknown): Promise<never> {
    return this.#call('readFile', options);
  }
  writeFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.#call('writeFile', data, options);
  }
  appendFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.#call('appendFile', data, options);
  }
  async stat(): Promise<Stats> {
    return new Stats(await this.#call<Attr>('stat'));
  }
  truncate(length?: number): Promise<void> {
    return this.#call('truncate', length);
  }
  chmod(mode: number | string): Promise<void> {
    return this.#call('chmod', mode);
  }
  chown(uid: number, gid: number): Promise<void> {
    return this.#call('chown', uid, gid);
  }
  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#call('utimes', atime, mtime);
  }
  sync(): Promise<void> {
    return this.#call('sync');
  }
  datasync(): Promise<void> {
    return this.#call('datasync');
  }
  async close(): Promise<void> {
    if (this.#fd === -1) return;
    const closing = this.#call<void>('close');
    this.#fd = -1;
    await closing;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #call<T>(method: FileMethod, ...args: unknown[]): Promise<T> {
    if (this.#fd === -1) return Promise.reject(new FsError('EBADF', { syscall: SYSCALLS.get(method) ?? method }));
    return this.peer.call<T>({ on: 'file', fd: this.#fd, method }, args);
  }
}

/** Node's names of the calls that a handle's methods make, where they differ. */
const SYSCALLS: ReadonlyMap<FileMethod, string> = new Map([
  ['readFile', 'read'],
  ['writeFile', 'write'],
  ['appendFile', 'write'],
  ['stat', 'fstat'],
  ['truncate', 'ftruncate'],
  ['chmod', 'fchmod'],
  ['chown', 'fchown'],
  ['utimes', 'futime'],
  ['sync', 'fsync'],
  ['datasync', 'fdatasync'],
]);
