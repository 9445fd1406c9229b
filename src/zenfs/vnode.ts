/*
 * An open file as ZenFS has it, bound to an inode of the engine instead of a path. ZenFS would address the file by the path at
 * which it was opened, and so write into whatever stands there now. What ZenFS buffers until a file is closed reaches the engine
 * as one operation; everything else is read from the engine each time, so that nothing stale is shown or written back.
 */

import { VNode } from '@zenfs/core/vfs/vnode.js';
import { FsError } from '../base/errors.ts';
import { O_RDWR } from '../base/mode.ts';
import { type Call, assertWritable } from '../overlay/call.ts';
import { readContent } from '../overlay/data.ts';
import * as handle from '../overlay/handle.ts';
import { WriteBuffer } from './buffer.ts';
import { assertContent } from './calls.ts';
import { toException } from './exception.ts';
import type { Face } from './face.ts';
import { type Flush, applyFlush, assertPresent, chunkSizeIn, edgeChunks, gather, gatherChunks, isPresent } from './flush.ts';
import type { OverlayInode } from './inode.ts';
import { locateExisting } from './locate.ts';
import type { OverlayFS } from './overlay-fs.ts';

export class OverlayVNode extends VNode {
  declare readonly inode: OverlayInode;
  readonly #buffer = new WriteBuffer();
  /** The modification time that a buffered write has set, and nobody asked for. */
  #writtenMs: number | undefined;
  /** Chunks that were found loaded since the last flush. */
  readonly #loaded = new Set<number>();

  private constructor(
    fs: OverlayFS,
    path: string,
    inode: OverlayInode,
    private readonly face: Face,
    private readonly fd: number,
  ) {
    super(fs, path, inode);
  }

  /** Opens what stands at a path in the engine. @throws {ErrnoError} ENOENT when it is not `ino` any more */
  static open(fs: OverlayFS, path: string, ino: number): OverlayVNode {
    const { face } = fs;
    const { fd, inode } = face.runSync((call) => {
      const place = locateExisting(call, path);
      if (place.ino !== ino) throw new FsError('ENOENT', { detail: 'it was replaced meanwhile' });
      const { directory, name } = place;
      return { inode: fs.inodeOf(call, place), ...call.openFiles.add({ ino, flags: O_RDWR, directory, name, position: 0 }) };
    });
    return new OverlayVNode(fs, path, inode, face, fd);
  }

  /** Lets the engine's file go; with the last one an unlinked file goes. */
  close(): void {
    this.face.runSync((call) => handle.close(call, this.fd));
  }

  /** Takes over what others have changed; where ZenFS has changes of its own, the number of links alone. */
  refresh(): void {
    this.face.runSync((call) => {
      if (!isPresent(call, this.ino)) return;
      const attr = call.tree.attr(this.ino);
      if (this.dirty) this.inode.nlink = attr.nlink;
      else this.inode.renew(attr);
    });
  }

  override async read(buffer: Uint8Array, start: number, end: number): Promise<void> {
    const bytes = await this.face.look((call) => this.#committed(call, start, end), 'read');
    this.#fill(buffer, start, end, bytes);
  }

  override readSync(buffer: Uint8Array, start: number, end: number): void {
    const operation = (call: Call): Uint8Array => this.#committed(call, start, end);
    this.#fill(buffer, start, end, this.face.runSync(operation, 'read', { ino: this.ino, load: operation }));
  }

  /** What the engine has, less what was cut off. */
  #committed(call: Call, start: number, end: number): Uint8Array {
    assertPresent(call, this.ino);
    assertContent(call.tree.mode(this.ino));
    return readContent(call, this.ino, start, Math.min(end, this.#buffer.truncateTo ?? end));
  }

  /** Puts the engine's bytes into the buffer, and over them what is buffered. */
  #fill(buffer: Uint8Array, start: number, end: number, bytes: Uint8Array): void {
    buffer.set(bytes);
    buffer.fill(0, bytes.length, end - start);
    this.#buffer.overlay(buffer.subarray(0, end - start), start);
  }

  override async write(data: Uint8Array, offset: number): Promise<void> {
    this.#assertChangeable('write');
    this.#write(data, offset);
  }

  /** Fails before anything is buffered when it could not be flushed: whoever tries again must not find it there twice. */
  override writeSync(data: Uint8Array, offset: number): void {
    const chunkSize = this.#assertChangeable('write');
    const edges = [...edgeChunks(chunkSize, [[offset, offset + data.length]])].filter((chunk) => !this.#loaded.has(chunk));
    const load = (call: Call): void => gatherChunks(call, this.ino, edges, this.#buffer.truncateTo ?? Infinity);
    if (this.inode.givenSize > 0 && edges.length > 0) this.face.runSync(load, 'write', { ino: this.ino, load });
    for (const chunk of edges) this.#loaded.add(chunk);
    this.#write(data, offset);
  }

  #write(data: Uint8Array, offset: number): void {
    this.#buffer.write(offset, data);
    this.#written(Math.max(this.inode.size, offset + data.length));
  }

  override truncate(length: number): void {
    this.#assertChangeable('ftruncate');
    this.#buffer.truncate(length);
    this.#written(length);
  }

  #written(size: number): void {
    const { inode } = this;
    inode.size = size;
    inode.ctimeMs = inode.mtimeMs = this.#writtenMs = Date.now();
    this.metadataDirty = true;
  }

  /** Commits what is buffered. When that fails it is dropped, and the file is as it was: no later call stumbles over it. */
  override async sync(): Promise<void> {
    const flush = this.#flush();
    try {
      await this.face.run((call) => applyFlush(call, handle.placeOf(call, this.fd), flush), 'write');
    } finally {
      this.#settle();
    }
  }

  override syncSync(): void {
    const flush = this.#flush();
    const load = (call: Call): void => gather(call, this.ino, flush);
    try {
      this.face.runSync((call) => applyFlush(call, handle.placeOf(call, this.fd), flush), 'write', { ino: this.ino, load });
    } catch (e) {
      const exception = toException(e);
      // It stays buffered: when it is tried again, what is missing will be there.
      if (exception.code !== 'EAGAIN') this.#settle();
      throw exception;
    }
    this.#settle();
  }

  #flush(): Flush {
    const { inode } = this;
    const { truncateTo, patches } = this.#buffer;
    return {
      truncateTo,
      size: truncateTo === undefined ? undefined : inode.size,
      patches,
      attributes: inode.changes(),
      unlessMtimeIsNot: this.#writtenMs === inode.mtimeMs ? inode.givenMtimeMs : undefined,
    };
  }

  /** Nothing is buffered any more. */
  #settle(): void {
    this.#buffer.clear();
    this.metadataDirty = false;
    this.#writtenMs = undefined;
    this.#loaded.clear();
    this.refresh();
  }

  /** Gives the size of the file's chunks. */
  #assertChangeable(syscall: string): number {
    return this.face.runSync((call) => {
      assertPresent(call, this.ino);
      assertContent(call.tree.mode(this.ino));
      assertWritable(call);
      return chunkSizeIn(call, this.ino);
    }, syscall);
  }
}
