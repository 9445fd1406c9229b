/*
 * The open files of one mount. ZenFS keeps them by path and changes those paths itself, which the engine's other faces do not tell it
 * of, and which goes wrong in places. Here they are kept by inode number alone; which path leads to which inode the engine knows.
 */

import type { InodeLike } from '@zenfs/core';
import { VCache, caches } from '@zenfs/core/vfs/vcache.js';
import type { VNode } from '@zenfs/core/vfs/vnode.js';
import { isFsError } from '../base/errors.ts';
import type { OverlayFS } from './overlay-fs.ts';
import { OverlayVNode } from './vnode.ts';

export class OverlayVCache extends VCache {
  constructor(private readonly overlayFS: OverlayFS) {
    super(overlayFS);
  }

  /** ZenFS takes an open file's attributes from here, for the sake of what is buffered. */
  override get(path: string): OverlayVNode | undefined {
    // Fast path: nothing is open.
    if (this.byIno.size === 0) return undefined;
    const ino = this.overlayFS.inoAt(path);
    const node = ino === undefined ? undefined : this.byIno.get(ino);
    if (!(node instanceof OverlayVNode)) return undefined;
    node.refresh();
    return node;
  }

  override ref(path: string, { ino }: InodeLike): OverlayVNode {
    const known = this.byIno.get(ino);
    const node = known instanceof OverlayVNode ? known : OverlayVNode.open(this.overlayFS, path, ino);
    this.byIno.set(ino, node);
    if (node === known) node.refresh();
    node.refs++;
    return node;
  }

  protected override evict(node: VNode): void {
    if (this.byIno.get(node.ino) === node) this.byIno.delete(node.ino);
    if (!(node instanceof OverlayVNode)) return;
    try {
      node.close();
    } catch (e) {
      // The engine was closed before ZenFS closed the file: nothing is left to let go.
      if (!isFsError(e, 'EIO')) throw e;
    }
  }

  // The engine has renamed, linked and removed already, and it alone knows what leads where. Only numbers of links have changed.

  override rename(): void {
    this.#refresh();
  }

  override link(): void {
    this.#refresh();
  }

  override remove(): void {
    this.#refresh();
  }

  #refresh(): void {
    for (const node of this.byIno.values()) if (node instanceof OverlayVNode) node.refresh();
  }
}

/** Sees to it that ZenFS keeps a mount's open files in an `OverlayVCache`. ZenFS looks for one before it makes its own. */
export function registerVCache(fs: OverlayFS, uuid: OverlayFS['uuid']): void {
  if (!(caches.get(uuid) instanceof OverlayVCache)) caches.set(uuid, new OverlayVCache(fs));
}
