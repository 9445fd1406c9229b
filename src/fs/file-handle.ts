/* Node's `FileHandle` over a descriptor. */

import { O_RDONLY } from '../base/mode.ts';
import type { Stats } from '../base/stats.ts';
import type { Data, Encoding, FileHandle, OpenMode, PathLike, ReadResult, TimeLike, WriteFileOptions, WriteResult } from './api.ts';
import { toView } from '../base/view.ts';
import { toBytes, toOptions, toPosition } from './arguments.ts';
import { descriptors } from './descriptors.ts';
import { type View, perform, performSync } from './perform.ts';

/** The calls of a descriptor that a handle is made of: the engine's own, or the same across a thread. */
export interface DescriptorCalls {
  read(fd: number, length: number, position?: number): Promise<Uint8Array>;
  write(fd: number, bytes: Uint8Array, position?: number): Promise<number>;
  stat(fd: number): Promise<Stats>;
  truncate(fd: number, length?: number): Promise<void>;
  chmod(fd: number, mode: number | string): Promise<void>;
  chown(fd: number, uid: number, gid: number): Promise<void>;
  utimes(fd: number, atime: TimeLike, mtime: TimeLike): Promise<void>;
  readFile(fd: number, encoding?: string | null): Promise<string | Uint8Array>;
  writeFile(fd: number, data: Data, encoding?: Encoding | null): Promise<void>;
  sync(fd: number): Promise<void>;
  close(fd: number): Promise<void>;
}

/** Opens a file. @throws {FsError} what open(2) gives */
export async function openHandle(view: View, path: PathLike, flags?: OpenMode, mode?: number | string): Promise<FileHandle> {
  const { definition, giveBack } = opening(view, flags);
  try {
    return new DescriptorHandle(await perform(view, definition, [path, flags, mode]), callsOf(view));
  } catch (e) {
    giveBack();
    throw e;
  }
}

/** Opens a file and gives its descriptor. @throws {FsError} what open(2) gives */
export function openSync(view: View, path: PathLike, flags?: OpenMode, mode?: number | string): number {
  const { definition, giveBack } = opening(view, flags);
  try {
    return performSync(view, definition, [path, flags, mode]);
  } catch (e) {
    giveBack();
    throw e;
  }
}

/** open(2), and what closes the descriptor of a file that was created and could not be kept: over quota, or the commit failed. */
function opening({ engine }: View, flags: OpenMode | undefined) {
  let fd: number | undefined;
  const definition: typeof descriptors.open = {
    ...descriptors.open,
    reads: flags === undefined || flags === 'r' || flags === O_RDONLY,
    run: (...args) => (fd = descriptors.open.run(...args)),
  };
  const giveBack = (): void => {
    if (fd !== undefined) engine.openFiles.remove(engine.openFiles.get(fd));
  };
  return { definition, giveBack };
}

function callsOf(view: View): DescriptorCalls {
  return {
    read: (...args) => perform(view, descriptors.read, args),
    write: (...args) => perform(view, descriptors.write, args),
    stat: (...args) => perform(view, descriptors.stat, args),
    truncate: (...args) => perform(view, descriptors.truncate, args),
    chmod: (...args) => perform(view, descriptors.chmod, args),
    chown: (...args) => perform(view, descriptors.chown, args),
    utimes: (...args) => perform(view, descriptors.utimes, args),
    readFile: (...args) => perform(view, descriptors.readFile, args),
    writeFile: (...args) => perform(view, descriptors.writeFile, args),
    close: (...args) => perform(view, descriptors.close, args),
    async sync(fd) {
      await perform(view, descriptors.assertOpen, [fd]);
      await view.engine.flush('strict');
    },
  };
}

/** Bytes of a read into a buffer that the caller did not give, as in Node. */
const DEFAULT_READ = 16384;

export class DescriptorHandle implements FileHandle {
  #fd: number;

  constructor(
    fd: number,
    private readonly calls: DescriptorCalls,
  ) {
    this.#fd = fd;
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  async read<T extends ArrayBufferView>(
    buffer: T = new Uint8Array(DEFAULT_READ) as unknown as T,
    offset?: number | null | { offset?: number; length?: number; position?: number | null },
    length?: number | null,
    position?: number | null,
  ): Promise<ReadResult<T>> {
    if (typeof offset === 'object' && offset !== null) return this.read(buffer, offset.offset, offset.length, offset.position);
    const view = toView(buffer, offset, length);
    const bytes = await this.calls.read(this.fd, view.length, toPosition(position));
    view.set(bytes);
    return { bytesRead: bytes.length, buffer };
  }

  async write<T extends ArrayBufferView | string>(
    data: T,
    offset?: number | null,
    length?: number | null | Encoding,
    position?: number | null,
  ): Promise<WriteResult<T>> {
    const bytes =
      typeof data === 'string' ? toBytes(data, typeof length === 'string' ? length : 'utf8') : toView(data, offset, length as number);
    const at = typeof data === 'string' ? offset : position;
    return { bytesWritten: await this.calls.write(this.fd, bytes, toPosition(at)), buffer: data };
  }

  readFile(options: { readonly encoding: Encoding } | Encoding): Promise<string>;
  readFile(options?: { readonly encoding?: null } | null): Promise<Uint8Array>;
  async readFile(options?: { readonly encoding?: Encoding | null } | Encoding | null): Promise<string | Uint8Array> {
    return this.calls.readFile(this.fd, toOptions(options).encoding);
  }

  writeFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.calls.writeFile(this.fd, data, toOptions<WriteFileOptions>(options).encoding);
  }

  /** The same as `writeFile`, as in Node: a handle opened with 'a' appends. */
  appendFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.writeFile(data, options);
  }

  stat(): Promise<Stats> {
    return this.calls.stat(this.fd);
  }
  truncate(length?: number): Promise<void> {
    return this.calls.truncate(this.fd, length);
  }
  chmod(mode: number | string): Promise<void> {
    return this.calls.chmod(this.fd, mode);
  }
  chown(uid: number, gid: number): Promise<void> {
    return this.calls.chown(this.fd, uid, gid);
  }
  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.calls.utimes(this.fd, atime, mtime);
  }
  sync(): Promise<void> {
    return this.calls.sync(this.fd);
  }
  datasync(): Promise<void> {
    return this.calls.sync(this.fd);
  }
  /** Closing twice is harmless. */
  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) await this.calls.close(fd);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
