/* What this face needs of ZenFS beyond its documented interface. A version that lacks it is refused, instead of losing data. */

import { ErrnoError, type FileSystem, type InodeLike, vfs } from '@zenfs/core';
import { VCache, caches } from '@zenfs/core/vfs/vcache.js';
import { VNode } from '@zenfs/core/vfs/vnode.js';
import { FsError } from '../base/errors.ts';

const CACHE_METHODS = ['get', 'ref', 'unref', 'evict', 'rename', 'link', 'remove', 'sync', 'syncSync'];
const NODE_METHODS = ['read', 'readSync', 'write', 'writeSync', 'truncate', 'sync', 'syncSync'];

const isMethod = (prototype: object, name: string): boolean => typeof Reflect.get(prototype, name) === 'function';

/**
 * Tells whether ZenFS's open files look into the same `caches` that is imported here. A bundler that makes two copies of ZenFS would give
 * us one that nobody uses.
 */
function isShared(): boolean {
  let asked = false;
  const probe = { uuid: crypto.randomUUID(), attributes: new Map() } as unknown as FileSystem;
  class Probe extends VCache {
    override unref(): void {
      asked = true;
    }
  }
  caches.set(probe.uuid, new Probe(probe));
  new vfs.Handle(undefined, '/', '/', 0, new VNode(probe, '/', { ino: 0, size: 0 } as InodeLike)).closeSync();
  caches.delete(probe.uuid);
  return asked;
}

/** Names of hooks that this version of ZenFS lacks. */
export function missingHooks(fs: FileSystem): string[] {
  const node: object = new VNode(fs, '/', { ino: 0, size: 0 } as InodeLike);
  const cache: object = new VCache(fs);
  const has: readonly (readonly [name: string, present: boolean])[] = [
    ...CACHE_METHODS.map((name) => [`VCache.${name}`, isMethod(VCache.prototype, name)] as const),
    ...NODE_METHODS.map((name) => [`VNode.${name}`, isMethod(VNode.prototype, name)] as const),
    ['caches', caches instanceof Map && isShared()],
    ['VCache.byIno', Reflect.get(cache, 'byIno') instanceof Map],
    ['VNode.metadataDirty', Reflect.get(node, 'metadataDirty') === false],
    ['VNode.dirty', Reflect.get(node, 'dirty') === false],
    ['VNode.refs', Reflect.get(node, 'refs') === 0],
    ['ErrnoError.code', new ErrnoError(2).code === 'ENOENT'],
  ];
  return has.filter(([, present]) => !present).map(([name]) => name);
}

/** @throws {FsError} ENOTSUP with the names of what is missing */
export function assertHooks(fs: FileSystem): void {
  const missing = missingHooks(fs);
  if (missing.length > 0)
    throw new FsError('ENOTSUP', { detail: `this version of @zenfs/core lacks ${missing.join(', ')}, or is there twice; 2.7 works` });
}
