/*
 * Makes a lower layer of an upper, marks included, so that the union of that layer and the old lowers is what the mounted union
 * was. The engine will have its own snapshots; this one tests that lowers with whiteouts, opaque directories and redirects mean
 * what an upper with the same marks means.
 */

import { decodeUtf8 } from '../../src/base/bytes.ts';
import { PERMISSIONS, S_IFMT, isDirectory, isFile, isSymlink } from '../../src/base/mode.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { type InodeRecord, type UpperImage, isWhiteout } from '../../src/layer/upper.ts';
import { type UpperName, upperNames } from './dump-upper.ts';
import { type MemoryLayer, treeLayer } from './memory-layer.ts';
import { type TreeAttributes, type TreeNode, dir, file, hardLink, opaque, symlink, tree, whiteout } from './tree.ts';

/** Freezes what is committed. `fs` is the union: content is read through it. */
export async function freezeUpper(image: UpperImage, fs: FsPromises): Promise<MemoryLayer> {
  const root = await fs.stat('/');
  const names = upperNames(image, root.ino);
  const firstNames = new Map<number, string>();
  for (const { id, path } of names) if (!firstNames.has(id)) firstNames.set(id, path);
  const childrenOf = async (path: string): Promise<TreeNode[]> => {
    const nodes: TreeNode[] = [];
    for (const name of names) if (parentOf(name.path) === path) nodes.push(await nodeOf(name));
    return nodes;
  };
  const nodeOf = async ({ path, id, record }: UpperName): Promise<TreeNode> => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (isWhiteout(record)) return whiteout(name);
    if (firstNames.get(id) !== path) return hardLink(name, firstNames.get(id)!);
    const attributes = attributesOf(record);
    if (isDirectory(record.mode)) return (record.opaque === true ? opaque : dir)(name, attributes, ...(await childrenOf(path)));
    if (isSymlink(record.mode)) return symlink(name, record.target!, attributes);
    if (isFile(record.mode)) return file(name, await fs.readFile(`/${path}`), attributes);
    return { kind: 'special', name, type: record.mode & S_IFMT, rdev: record.rdev, attributes };
  };
  const { mode, uid, gid, mtimeMs } = root;
  return treeLayer(tree({ mode: mode & PERMISSIONS, uid, gid, mtime: mtimeMs }, ...(await childrenOf(''))), { name: 'frozen' });
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

function attributesOf({ mode, uid, gid, mtimeMs, xattrs, redirect }: InodeRecord): TreeAttributes {
  const attributes: TreeAttributes = { mode: mode & PERMISSIONS, uid, gid, mtime: mtimeMs, ...(redirect !== undefined && { redirect }) };
  if (xattrs === undefined) return attributes;
  return { ...attributes, xattrs: new Map([...xattrs].map(([name, value]) => [name, decodeUtf8(value)])) };
}
