/*
 * The engine as a file system of ZenFS: translates calls and owns no semantics. ZenFS resolves symbolic links, checks permissions and
 * keeps open files; names, attributes and content are the engine's, and what its other faces do shows here at once.
 *
 * Who waits for whom: asynchronous changes wait for their commit; nothing else waits. Synchronous changes are committed in the
 * background, and `sync()` tells how that went.
 */

import { type CreationOptions, FileSystem, type InodeLike, defaultContext } from '@zenfs/core';
import { caches } from '@zenfs/core/vfs/vcache.js';
import type { Overlay } from '../fs/overlay.ts';
import { stat } from '../overlay/attr.ts';
import type { Call } from '../overlay/call.ts';
import type { Operation } from '../overlay/engine.ts';
import type { Found } from '../overlay/walk.ts';
import * as calls from './calls.ts';
import { missing } from './exception.ts';
import { Face } from './face.ts';
import { gather } from './flush.ts';
import { assertHooks } from './hooks.ts';
import { OverlayInode } from './inode.ts';
import { assertName, tryLocate } from './locate.ts';
import { registerVCache } from './vcache.ts';

/** OVERLAYFS_SUPER_MAGIC of <linux/magic.h>. */
const OVERLAYFS_MAGIC = 0x794c7630;

/** Called once when the file system is closed. */
export type Release = () => Promise<void> | void;

/**
 * A mounted union for ZenFS. Made by the backend `Overlay`; or of an `Overlay` of the engine, which stays its owner's.
 *
 * @throws {FsError} ENOTSUP when the version of @zenfs/core is not one that this works with.
 * @example
 * mount('/', new OverlayFS(overlay));
 */
export class OverlayFS extends FileSystem {
  /** @internal */
  readonly face: Face;
  #release: Release | undefined;

  constructor(
    /** The union itself: its own `fs`, `diff()`, `entries()`, … */
    readonly overlay: Overlay,
    release?: Release,
  ) {
    super(OVERLAYFS_MAGIC, 'overlay');
    // Overlay keeps its engine to itself; the faces are where it is meant to be seen.
    this.face = new Face(overlay.engine);
    this.#release = release;
    assertHooks(this);
    this.attributes.set('no_atime');
    // Known to ZenFS's open files, though not to the type of its attributes.
    const attributes: Map<string, unknown> = this.attributes;
    if (this.face.engine.tree.readOnly) attributes.set('readonly', undefined);
  }

  /** ZenFS asks for this before it keeps any open file of the mount, and after it has forgotten them at unmounting. */
  override get uuid(): FileSystem['uuid'] {
    const uuid = super.uuid;
    registerVCache(this, uuid);
    return uuid;
  }

  /** Brings the upper's content into memory, as far as it fits, so that synchronous calls can read it. */
  override async ready(): Promise<void> {
    await this.face.run(() => undefined);
    await this.overlay.preload();
  }

  /** Content that is not in memory is EAGAIN at first, and loaded. */
  override readySync(): void {
    this.face.runSync(() => undefined);
  }

  /** Writes what ZenFS has buffered of open files, and resolves when everything is committed. */
  override async sync(): Promise<void> {
    await caches.get(this.uuid)?.sync();
    if (!this.face.engine.tree.readOnly) await this.face.flush();
  }

  /** Writes what ZenFS has buffered of open files. The commit follows in the background. */
  override syncSync(): void {
    caches.get(this.uuid)?.syncSync();
  }

  /**
   * Writes what is buffered and commits. A union that the backend made is closed with its lowers, and its upper can be mounted
   * elsewhere; one that was given stays its owner's. Unmount the file system before.
   * @throws {FsError} what the last commits failed with
   */
  async close(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    try {
      await this.sync();
    } finally {
      await release?.();
    }
  }

  override async rename(from: string, to: string): Promise<void> {
    await this.face.run((call) => calls.renameAt(call, from, to));
  }

  override renameSync(from: string, to: string): void {
    this.face.runSync((call) => calls.renameAt(call, from, to));
  }

  override async stat(path: string): Promise<OverlayInode> {
    return this.statSync(path);
  }

  override statSync(path: string): OverlayInode {
    const inode = this.face.runSync((call) => this.#lookup(call, path));
    if (inode === undefined) throw missing();
    return inode;
  }

  /** A name below a file or a link is merely missing here: of any other error ZenFS's `existsSync` makes an exception. */
  #lookup(call: Call, path: string): OverlayInode | undefined {
    const place = tryLocate(call, path);
    if (typeof place === 'string') return undefined;
    if (place.ino !== undefined) return this.inodeOf(call, { ...place, ino: place.ino });
    assertName(place.name);
    return undefined;
  }

  override async touch(path: string, metadata: Partial<InodeLike>): Promise<void> {
    await this.face.run((call) => calls.touchAt(call, path, metadata));
  }

  override touchSync(path: string, metadata: Partial<InodeLike>): void {
    const load = (call: Call, ino: number): void => gather(call, ino, { truncateTo: metadata.size, patches: [] });
    this.#runLoading(path, (call) => calls.touchAt(call, path, metadata), load);
  }

  override async createFile(path: string, options: CreationOptions): Promise<OverlayInode> {
    return this.face.run((call) => this.inodeOf(call, calls.createAt(call, path, options)));
  }

  override createFileSync(path: string, options: CreationOptions): OverlayInode {
    return this.face.runSync((call) => this.inodeOf(call, calls.createAt(call, path, options)));
  }

  override async unlink(path: string): Promise<void> {
    await this.face.run((call) => calls.unlinkAt(call, path));
  }

  override unlinkSync(path: string): void {
    this.face.runSync((call) => calls.unlinkAt(call, path));
  }

  override async rmdir(path: string): Promise<void> {
    await this.face.run((call) => calls.rmdirAt(call, path));
  }

  override rmdirSync(path: string): void {
    this.face.runSync((call) => calls.rmdirAt(call, path));
  }

  override async mkdir(path: string, options: CreationOptions): Promise<OverlayInode> {
    return this.face.run((call) => this.inodeOf(call, calls.mkdirAt(call, path, options)));
  }

  override mkdirSync(path: string, options: CreationOptions): OverlayInode {
    return this.face.runSync((call) => this.inodeOf(call, calls.mkdirAt(call, path, options)));
  }

  override async readdir(path: string): Promise<string[]> {
    return this.readdirSync(path);
  }

  override readdirSync(path: string): string[] {
    return this.face.runSync((call) => calls.namesAt(call, path));
  }

  override async exists(path: string): Promise<boolean> {
    return this.existsSync(path);
  }

  override existsSync(path: string): boolean {
    return this.inoAt(path) !== undefined;
  }

  override async link(target: string, link: string): Promise<void> {
    await this.face.run((call) => calls.linkAt(call, target, link));
  }

  override linkSync(target: string, link: string): void {
    this.face.runSync((call) => calls.linkAt(call, target, link));
  }

  override async read(path: string, buffer: Uint8Array, start: number, end: number): Promise<void> {
    const bytes = await this.face.look((call) => calls.contentAt(call, path, [start, end], this.#mountPoint()));
    fill(buffer, bytes, end - start);
  }

  override readSync(path: string, buffer: Uint8Array, start: number, end: number): void {
    const operation = (call: Call): Uint8Array => calls.contentAt(call, path, [start, end], this.#mountPoint());
    fill(buffer, this.#runLoading(path, operation, operation), end - start);
  }

  override async write(path: string, data: Uint8Array, offset: number): Promise<void> {
    // ZenFS goes on using its buffer, and the engine may have to wait before it copies it.
    const patch = { position: offset, bytes: data.slice() };
    await this.face.run((call) => calls.writeAt(call, path, patch));
  }

  override writeSync(path: string, data: Uint8Array, offset: number): void {
    const patch = { position: offset, bytes: data };
    const load = (call: Call, ino: number): void => gather(call, ino, { truncateTo: undefined, patches: [patch] });
    this.#runLoading(path, (call) => calls.writeAt(call, path, patch), load);
  }

  /** Runs an operation on the content at a path; where that is not loaded, `load` says what the operation needs. */
  #runLoading<T>(path: string, operation: Operation<T>, load: (call: Call, ino: number) => unknown): T {
    const ino = this.inoAt(path);
    return this.face.runSync(operation, undefined, ino === undefined ? undefined : { ino, load: (call) => load(call, ino) });
  }

  /** The inode number at a path; `undefined` when nothing is there, or its directory is none. */
  inoAt(path: string): number | undefined {
    return this.face.runSync((call) => {
      const place = tryLocate(call, path);
      return typeof place === 'string' ? undefined : place.ino;
    });
  }

  /** @internal */
  inodeOf(call: Call, place: Found): OverlayInode {
    return new OverlayInode(stat(call, place), () => this.face.runSync((later) => calls.xattrsOf(later, place)));
  }

  /** Where ZenFS has this mounted; links of another mount cannot be followed here. */
  #mountPoint(): string {
    for (const [point, fs] of defaultContext.mounts) if (fs === this) return point;
    return '/';
  }
}

/** Puts bytes into a buffer, and zeros where there are none. */
function fill(buffer: Uint8Array, bytes: Uint8Array, length: number): void {
  buffer.set(bytes);
  buffer.fill(0, bytes.length, length);
}
