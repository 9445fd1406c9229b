/* `FileHandle` and `Dir` of the page. The file is open in the worker; buffers stay on their side, only their bytes cross. */

import { ArgumentError, FsError } from '../base/errors.ts';
import { Dirent, Stats, type Attr } from '../base/stats.ts';
import type { Data, Dir, Encoding, FileHandle, ReadResult, TimeLike, WriteFileOptions, WriteResult } from '../fs/api.ts';
import type { Peer } from './peer.ts';
import type { FileMethod, WireDir } from './wire.ts';

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
    const part = partOf(buffer, offset, length);
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
      typeof data === 'string' ? [data, offset, length] : [partOf(data, offset, length as number | null), 0, undefined, position];
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

/** The part of a buffer that a read fills or a write takes. */
function partOf(buffer: ArrayBufferView, offset?: number | null, length?: number | null): Uint8Array {
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const start = offset ?? 0;
  const count = length ?? bytes.length - start;
  if (start < 0 || start > bytes.length || count < 0 || start + count > bytes.length) {
    throw new ArgumentError(`offset ${start} and length ${count} are not within a buffer of ${bytes.length} bytes`, 'ERR_OUT_OF_RANGE');
  }
  return bytes.subarray(start, start + count);
}

/** A listing that crossed in one go. */
export class RemoteDir implements Dir {
  readonly path: string;
  readonly #entries: readonly Dirent[];
  #next = 0;
  #closed = false;

  constructor({ path, entries }: WireDir) {
    this.path = path;
    this.#entries = entries.map((record) => new Dirent(record));
  }

  async read(): Promise<Dirent | null> {
    this.#assertOpen();
    return this.#entries[this.#next++] ?? null;
  }
  async close(): Promise<void> {
    this.#assertOpen();
    this.#closed = true;
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Dirent> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry;
    } finally {
      this.#closed = true;
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new FsError('EBADF', { syscall: 'closedir', path: this.path });
  }
}
